"""Waiting for what another process or task does, with a deadline and no fixed sleeps."""

import asyncio
import random
import socket
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


async def until(condition: Callable[[], Found], seconds: float = 60.0) -> Found:
    """Return what ``condition`` gives once it is true.

    Raises:
        TimeoutError: It has not become true in time.
    """
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 - a process has no event to await
            await asyncio.sleep(0.01)
        return found


async def settled() -> None:
    """Let all happen that is due and waits for nothing outside."""
    for _ in range(50):
        await asyncio.sleep(0)


def lasting_port() -> int:
    """Return a free port that can be taken again later: systems give it to nobody by themselves.

    Who lets the system choose a port, and frees it, may find it taken by any connection.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
