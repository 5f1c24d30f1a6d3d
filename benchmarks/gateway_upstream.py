"""A provider's server that costs next to nothing: the same answer to all, whole or as 20 events.

    python benchmarks/gateway_upstream.py PORT

A request whose text begins with ``HELD`` gets a stream that is held open: half of its events, then
one more a second, and the rest once somebody has called ``/release``.
"""

import asyncio
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvloop
from text_serving import end, free_port

EVENTS = 20
HELD = "Hold on."
WORD = "lorem "
_RELEASED = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """Answers each request at once; it reads no more of it than it must."""

    released = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Wait for requests."""
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer when the request is whole."""
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not mark or len(body) < (int(length[1]) if length else 0):
            return
        self.buffer = b""
        kind = "anthropic" if b"/messages" in head[:60] else "openai"
        if head.startswith(b"POST /release"):
            self.released.set()
            self.transport.write(_RELEASED)
        elif re.search(rb'"stream": *true', body):
            self.transport.write(STREAM_HEAD)
            parts = STREAMS[kind]
            if HELD.encode() in body:
                self._hold(list(parts[: EVENTS // 2]), parts[EVENTS // 2 :])
            else:
                self._send(iter(parts))
        else:
            self.transport.write(WHOLE[kind])

    def _send(self, parts: Iterator[bytes]) -> None:
        part = next(parts, None)
        if part is not None and not self.transport.is_closing():
            self.transport.write(part)
            self.loop.call_soon(self._send, parts)

    def _hold(self, parts: list[bytes], rest: list[bytes]) -> None:
        if self.transport.is_closing():
            return
        for part in parts:
            self.transport.write(part)
        if self.released.is_set():
            self._send(iter(rest))
        else:
            self.loop.call_later(1, self._hold, [parts[-1]], rest)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(
        Upstream, "127.0.0.1", port, backlog=2048
    )
    await server.serve_forever()


def _openai(choice: dict[str, Any], **more: Any) -> bytes:
    head = {"id": "chatcmpl-1", "created": 1, "model": "tiny"}
    return json.dumps(head | {"choices": [{"index": 0} | choice]} | more).encode()


def _frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def _chunked(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _whole(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _openai_stream() -> list[bytes]:
    kind = {"object": "chat.completion.chunk"}
    first = _openai({"delta": {"role": "assistant", "content": ""}, "finish_reason": None}, **kind)
    words = [_openai({"delta": {"content": WORD}, "finish_reason": None}, **kind)] * (EVENTS - 2)
    last = _openai({"delta": {}, "finish_reason": "stop"}, **kind, usage=OPENAI_USAGE)
    chunks = [b"data: %b\n\n" % part for part in (first, *words, last)]
    return [*map(_chunked, chunks[:-1]), _chunked(chunks[-1] + b"data: [DONE]\n\n"), b"0\r\n\r\n"]


def _anthropic_stream() -> list[bytes]:
    block = {"type": "text", "text": ""}
    start = MESSAGE | {"content": [], "stop_reason": None}
    word = _frame("content_block_delta", index=0, delta={"type": "text_delta", "text": WORD})
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    frames = [
        _frame("message_start", message=start),
        _frame("content_block_start", index=0, content_block=block),
        *[word] * (EVENTS - 5),
        _frame("content_block_stop", index=0),
        _frame("message_delta", delta=delta, usage={"output_tokens": 18}),
        _frame("message_stop"),
    ]
    return [*map(_chunked, frames), b"0\r\n\r\n"]


OPENAI_USAGE = {"prompt_tokens": 12, "completion_tokens": 18, "total_tokens": 30}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "tiny",
    "content": [{"type": "text", "text": WORD * 18}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 18},
}
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
STREAMS = {"openai": _openai_stream(), "anthropic": _anthropic_stream()}
_ANSWER = {"message": {"role": "assistant", "content": WORD * 18}, "finish_reason": "stop"}
WHOLE = {
    "openai": _whole(_openai(_ANSWER, object="chat.completion", usage=OPENAI_USAGE)),
    "anthropic": _whole(json.dumps(MESSAGE).encode()),
}


@contextmanager
def upstream() -> Iterator[int]:
    """Run the upstream in a process of its own; give its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port)])
    try:
        until_open(port)
        yield port
    finally:
        end(process)


def until_open(port: int) -> None:
    """Wait until something listens on a loopback port."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
