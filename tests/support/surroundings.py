"""What answers call while they are made, on loopback: a little web, and a server of tools."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doubles.web_world import WebWorld
from support.waiting import until

TESTS = Path(__file__).parents[1]


@contextmanager
def web_world() -> Iterator[WebWorld]:
    """Serve a little web on a loop and a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    serving = WebWorld().serve()
    try:
        yield asyncio.run_coroutine_threadsafe(serving.__aenter__(), loop).result(10)
    finally:
        ending = serving.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ending, loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def notes_server() -> Iterator[str]:
    """Run a server of tools over HTTP; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "doubles.mcp_notes", str(port)]
    with subprocess.Popen(command, cwd=TESTS, stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(until(lambda: _answers(port), 60))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
