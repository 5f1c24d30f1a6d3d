"""Load for gateways: connections that ask again and again, and how long each answer took."""

import asyncio
import json
import re
import statistics
import time
from typing import Any

PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
TEXT = "Say something in Latin. " * 8


def run(port: int, asked: bytes, level: int, seconds: float) -> dict[str, float]:
    """Put a server under load; return times in ms and the rate."""
    return asyncio.run(_run(port, asked, level, seconds))


def request(
    port: int, dialect: str, model: str, headers: dict[str, str], *, stream: bool, text: str = TEXT
) -> bytes:
    """Return the bytes of one request."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 64,
        "messages": [{"role": "user", "content": text}],
    }
    if stream:
        body["stream"] = True
    encoded = json.dumps(body).encode()
    given = {
        "host": f"127.0.0.1:{port}",
        "content-type": "application/json",
        "content-length": str(len(encoded)),
        **headers,
    }
    if dialect == "anthropic":
        given["anthropic-version"] = "2023-06-01"
    lines = [f"POST {PATHS[dialect]} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items()), "", ""]
    return "\r\n".join(lines).encode() + encoded


class Caller(asyncio.Protocol):
    """One connection that asks again and again."""

    def __init__(self, asked: bytes, times: list[float], until: list[float]) -> None:
        self.asked = asked
        self.times = times
        self.until = until
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        """Ask for the first time."""
        self.transport = transport
        self._ask()

    def _ask(self) -> None:
        self.buffer = b""
        self.began = time.perf_counter()
        self.transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        """Ask again when the answer is whole."""
        self.buffer += data
        if not self._whole():
            return
        now = time.perf_counter()
        if b" 200 " not in self.buffer[:16]:
            self.done.set_exception(RuntimeError(self.buffer.decode("utf-8", "replace")))
            return
        self.times.append(now - self.began)
        if now < self.until[0]:
            self._ask()
        elif not self.done.done():
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if an answer was due."""
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"hung up: {error}"))

    def _whole(self) -> bool:
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if not mark:
            return False
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")


async def _run(port: int, asked: bytes, level: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    until = [time.perf_counter() + seconds * 0.3]
    await _callers(loop, port, asked, level, times, until)
    warmed = len(times)
    times.clear()
    began = time.perf_counter()
    until[0] = began + seconds
    await _callers(loop, port, asked, level, times, until)
    took = time.perf_counter() - began
    ordered = sorted(times)
    return {
        "median": 1000 * statistics.median(ordered),
        "p99": 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        "rate": len(times) / took,
        "all": warmed + len(times),
    }


async def _callers(
    loop: asyncio.AbstractEventLoop,
    port: int,
    asked: bytes,
    level: int,
    times: list[float],
    until: list[float],
) -> None:
    callers = [
        (await loop.create_connection(lambda: Caller(asked, times, until), "127.0.0.1", port))[1]
        for _ in range(level)
    ]
    await asyncio.gather(*(caller.done for caller in callers))


class OpenStream(asyncio.Protocol):
    """One stream that stays open; it knows when its first event came and whether it ended well."""

    def __init__(self, asked: bytes, end: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.asked = asked
        self.end = end
        self.begun = loop.create_future()
        self.done = loop.create_future()
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        """Ask."""
        self.transport = transport
        transport.write(self.asked)

    def data_received(self, data: bytes) -> None:
        """Note the first event and the last."""
        self.received += data
        if not self.begun.done() and b"lorem" in self.received:
            self.begun.set_result(None)
        if self.received.endswith(b"0\r\n\r\n"):
            self._over(self.received.startswith(b"HTTP/1.1 200 ") and self.end in self.received)

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever is hung up on has failed."""
        self._over(False)

    def _over(self, well: bool) -> None:
        if not self.done.done():
            self.done.set_result(well)
            self.transport.close()
        if not self.begun.done():
            self.begun.set_result(None)


async def open_streams(
    port: int, asked: list[tuple[bytes, bytes]], hold_s: float, release: Any, look: Any
) -> dict[str, float]:
    """Open a stream for each request, hold them all open for a while, then let them end.

    Args:
        port: Of the gateway.
        asked: Each request, and what the end of its stream holds.
        hold_s: Seconds that all are open together.
        release: Called without arguments, has the upstream end its streams.
        look: Called when all are open and again just before the release; its last result is told
            as ``rss`` (bytes), with the processor time between the two as ``cpu`` (seconds).
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    streams = []
    for request_bytes, end in asked:
        made = await loop.create_connection(
            lambda request_bytes=request_bytes, end=end: OpenStream(request_bytes, end),
            "127.0.0.1",
            port,
        )
        streams.append(made[1])
    await asyncio.gather(*(stream.begun for stream in streams))
    opened_s = loop.time() - began
    _, cpu_before = look()
    await asyncio.sleep(hold_s)
    rss, cpu_after = look()
    still_open = sum(not stream.done.done() for stream in streams)
    await asyncio.to_thread(release)
    well = await asyncio.gather(*(stream.done for stream in streams))
    return {
        "opened_s": opened_s,
        "open_together": still_open,
        "failed": len(well) - sum(well),
        "rss": rss,
        "cpu": cpu_after - cpu_before,
    }
