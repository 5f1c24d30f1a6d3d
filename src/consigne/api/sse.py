"""Answers while they are generated: server-sent events, and an ear on the client's hanging up."""

import asyncio
import math
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from consigne.api.errors import as_consigne_error
from consigne.domain.errors import ConsigneError
from consigne.domain.events import BlockStop, TextStart, ThinkingStart, ToolUseStart

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

PING_AFTER_S = 10.0
"""Seconds of silence after which the client hears that the answer is still coming."""

_BORDERS = (TextStart, ThinkingStart, ToolUseStart, BlockStop)
"""Events that another follows at once: both are sent in one piece."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Encoder(Protocol[T_contra]):
    """Turns the events of one answer into the bytes of a dialect's stream."""

    keep_alive: bytes
    """What is sent in a long silence."""

    def encode(self, event: T_contra) -> bytes:
        """Return the event's bytes; empty where the dialect has no word for it."""
        ...

    def error(self, error: ConsigneError) -> bytes:
        """Return the bytes that end the stream with an error."""
        ...


def event(name: str, data: dict[str, Any]) -> bytes:
    """Return a named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


def data(payload: dict[str, Any]) -> bytes:
    """Return an unnamed server-sent event."""
    return b"data: %b\n\n" % msgspec.json.encode(payload)


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; cancel it as soon as the client hangs up.

    Raises:
        ClientDisconnect: The client hung up.
    """
    worker = asyncio.current_task()
    assert worker is not None
    listener = asyncio.ensure_future(_cancel_when_gone(receive, worker))
    try:
        return await work
    except asyncio.CancelledError:
        if listener.done() and not listener.cancelled() and not worker.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        listener.cancel()


async def _cancel_when_gone(receive: Receive, worker: "asyncio.Task[Any]") -> None:
    await disconnected(receive)
    worker.cancel()


async def disconnected(receive: Receive) -> None:
    """Return once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def aclose(events: AsyncIterator[Any]) -> None:
    """Close the iterator, if it can be closed: its engine stops generating."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _nothing() -> bool:
    """Say that no further event is there already: what most sources can't tell."""
    return False


class EventStream(Response, Generic[T]):
    """Streams an answer's events.

    The first event is awaited before the status is sent, so that an error that comes before any
    of the answer has its own status. A client that hangs up closes the iterator of events.
    """

    def __init__(self, events: AsyncIterator[T], encoder: Encoder[T]) -> None:
        self.background = None
        self._events = events
        self._encoder = encoder
        self._idle_since = math.inf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole stream."""
        writer = asyncio.current_task()
        assert writer is not None
        listener = asyncio.ensure_future(self._listen(receive, send, writer))
        try:
            await self._stream(scope, send)
        except asyncio.CancelledError:
            if not (listener.done() and not listener.cancelled()):
                raise
            writer.uncancel()
        finally:
            listener.cancel()
            await aclose(self._events)

    async def _stream(self, scope: Scope, send: Send) -> None:
        events, encode = self._events, self._encoder.encode
        buffered = getattr(events, "buffered", _nothing)
        chunk = encode(await anext(events))
        scope["state"]["streams_events"] = True
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        try:
            if not buffered():
                await self._write(send, chunk)
                chunk = b""
            async for item in events:
                chunk += encode(item)
                # What came from afar at once goes out at once.
                if chunk and not isinstance(item, _BORDERS) and not buffered():
                    await self._write(send, chunk)
                    chunk = b""
        except Exception as error:  # noqa: BLE001 - the status is sent; the stream says the rest
            scope["state"]["failed"] = True
            chunk += self._encoder.error(as_consigne_error(error, scope))
        await self._write(send, chunk, more=False)

    async def _write(self, send: Send, body: bytes, *, more: bool = True) -> None:
        self._idle_since = math.inf
        await send({"type": "http.response.body", "body": body, "more_body": more})
        if more:
            self._idle_since = asyncio.get_running_loop().time()

    async def _listen(self, receive: Receive, send: Send, writer: "asyncio.Task[Any]") -> None:
        """Wait for the client to hang up, then stop ``writer``; meanwhile break long silences."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(PING_AFTER_S):
                    await disconnected(receive)
            except TimeoutError:
                if loop.time() - self._idle_since >= PING_AFTER_S:
                    await self._write(send, self._encoder.keep_alive)
                continue
            writer.cancel()
            return
