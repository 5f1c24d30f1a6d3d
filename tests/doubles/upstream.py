"""A provider's server that plays what a test wrote, for both vendors' wire formats."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Part = bytes | asyncio.Event
CUT = b"\0cut"
"""Ends the connection in the middle of the answer."""


class Reply:
    """One answer: a status, headers, and a body in parts; events between them are awaited."""

    def __init__(self, *parts: Part, status: int = 200, **headers: str) -> None:
        self.parts = parts
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class ScriptedUpstream:
    """Plays its replies one after the other, the last one again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies: list[Reply] = list(replies)
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        """Bodies, as they came."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.urls: list[str] = []
        """As the requests' first lines name them."""
        self.asked = asyncio.Event()
        self.aborted = asyncio.Event()
        """Set when a client hangs up in the middle of an answer."""
        self.connections: set[Any] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Play the next reply."""
        self.requests.append(await request.json())
        self.asked.set()
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.path)
        self.urls.append(request.raw_path)
        self.connections.add(request.transport)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        try:
            if reply.parts[:1] == (CUT,):
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.prepare(request)
            for part in reply.parts:
                if isinstance(part, asyncio.Event):
                    await part.wait()
                elif part == CUT:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                else:
                    await response.write(part)
            await response.write_eof()
        except (asyncio.CancelledError, ConnectionResetError):
            self.aborted.set()
            raise
        return response

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["ScriptedUpstream"]:
        """Serve on a free port of this machine, on the running loop."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{path:.*}", self.answer)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def body(value: Any, **options: Any) -> Reply:
    """Return a whole JSON answer."""
    return Reply(json.dumps(value).encode(), content_type="application/json", **options)


def stream(*parts: Part) -> Reply:
    """Return a stream of events."""
    return Reply(*parts, content_type="text/event-stream")


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **top: Any) -> bytes:
    """Return a chunk of OpenAI's kind."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up"}
    return b"data: " + json.dumps(head | {"choices": choices} | top).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
OPENAI_USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def chunks(*texts: str) -> tuple[bytes, ...]:
    """Return the whole stream of an answer of OpenAI's kind."""
    return (
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": text}) for text in texts),
        chunk({}, "stop"),
        chunk(usage=OPENAI_USAGE),
        DONE,
    )


def completion(text: str) -> dict[str, Any]:
    """Return a whole answer of OpenAI's kind."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": OPENAI_USAGE,
    }


def frame(kind: str, **fields: Any) -> bytes:
    """Return an event of Anthropic's kind."""
    data = json.dumps({"type": kind, **fields}).encode()
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


ANTHROPIC_USAGE = {
    "input_tokens": 6,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 4,
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
}


def message(*content: dict[str, Any], reason: str | None = "end_turn") -> dict[str, Any]:
    """Return a whole answer of Anthropic's kind."""
    return {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "up",
        "content": list(content),
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def text_block(text: str) -> dict[str, Any]:
    """Return a block of text."""
    return {"type": "text", "text": text, "citations": None}


def frames(*texts: str) -> tuple[bytes, ...]:
    """Return the whole stream of an answer of Anthropic's kind."""
    start = message(reason=None) | {"usage": ANTHROPIC_USAGE | {"output_tokens": 1}}
    deltas = [{"type": "text_delta", "text": text} for text in texts]
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        frame("message_start", message=start),
        frame("ping"),
        frame("content_block_start", index=0, content_block=text_block("")),
        *(frame("content_block_delta", index=0, delta=each) for each in deltas),
        frame("content_block_stop", index=0),
        frame("message_delta", delta=delta, usage={"output_tokens": 5}),
        frame("message_stop"),
    )


def streams(*texts: str) -> dict[str, Sequence[bytes]]:
    """Return the same answer as each kind streams it."""
    return {"openai": chunks(*texts), "anthropic": frames(*texts)}
