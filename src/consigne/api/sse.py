"""Answers while they are generated: server-sent events, and an ear on the client's hanging up."""

import asyncio
import math
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from consigne.api.errors import as_consigne_error
from consigne.domain.batches import batches_of, close
from consigne.domain.errors import ConsigneError
from consigne.domain.events import BlockStop, MessageStop, TextStart, ThinkingStart, ToolUseStart

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

PING_AFTER_S = 10.0
"""Seconds of silence after which the client hears that the answer is still coming."""

_BORDERS: frozenset[type] = frozenset(
    {TextStart, ThinkingStart, ToolUseStart, BlockStop, MessageStop}
)
"""Events that another, or the stream's end, follows at once: both are sent in one piece."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Encoder(Protocol[T_contra]):
    """Turns the events of one answer into the bytes of a dialect's stream."""

    keep_alive: bytes
    """What is sent in a long silence."""

    @abstractmethod
    def encode(self, event: T_contra) -> bytes:
        """Return the event's bytes; empty where the dialect has no word for it."""

    def encode_all(self, events: Sequence[T_contra]) -> bytes:
        """Return the bytes of events that came together."""
        return b"".join([self.encode(event) for event in events])

    @abstractmethod
    def error(self, error: ConsigneError) -> bytes:
        """Return the bytes that end the stream with an error."""


def event(name: str, data: dict[str, Any]) -> bytes:
    """Return a named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


def data(payload: dict[str, Any]) -> bytes:
    """Return an unnamed server-sent event."""
    return b"data: %b\n\n" % msgspec.json.encode(payload)


class Ear:
    """Listens for the client's hanging up while a task works for it, and cancels the task then.

    A ``receive`` that can tells it by itself (``api.connections``); else a task waits for it.
    """

    __slots__ = ("_gone", "_listener", "_receive", "_when_gone", "_worker")

    def __init__(self, receive: Receive) -> None:
        worker = asyncio.current_task()
        assert worker is not None
        self._worker = worker
        self._gone = False
        self._receive = receive
        self._when_gone: Callable[[Callable[[], None] | None], None] | None = getattr(
            receive, "when_gone", None
        )
        self._listener: asyncio.Future[None] | None = None

    def open(self) -> None:
        """Begin to listen."""
        if self._when_gone is None:
            self._listener = asyncio.ensure_future(self._wait())
        else:
            self._when_gone(self._hang_up)

    def close(self) -> None:
        """Listen no more."""
        if self._when_gone is not None:
            self._when_gone(None)
        elif self._listener is not None:
            self._listener.cancel()

    def heard(self) -> bool:
        """Say whether it was this that cancelled the task, and nothing else besides."""
        return self._gone and not self._worker.uncancel()

    async def _wait(self) -> None:
        await disconnected(self._receive)
        self._hang_up()

    def _hang_up(self) -> None:
        self._gone = True
        self._worker.cancel()


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns; cancel it as soon as the client hangs up.

    Raises:
        ClientDisconnect: The client hung up.
    """
    ear = Ear(receive)
    ear.open()
    try:
        return await work
    except asyncio.CancelledError:
        if ear.heard():
            raise ClientDisconnect from None
        raise
    finally:
        ear.close()


async def disconnected(receive: Receive) -> None:
    """Return once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


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
        self._ping: asyncio.TimerHandle | None = None
        self._pinging: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole stream."""
        ear = Ear(receive)
        ear.open()
        try:
            await self._stream(scope, send)
        except asyncio.CancelledError:
            if not ear.heard():
                raise
        finally:
            ear.close()
            if self._ping is not None:
                self._ping.cancel()
            await close(self._events)

    async def _stream(self, scope: Scope, send: Send) -> None:
        batch, encode = batches_of(self._events), self._encoder.encode_all
        if not (found := await batch()):
            raise RuntimeError("an answer without any event")
        chunk = encode(found)
        scope["state"]["streams_events"] = True
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        self._listen_for_silence(send, PING_AFTER_S)
        try:
            # What came from afar at once goes out at once, and the beginning waits for nothing.
            if type(found[-1]) is not MessageStop:
                await self._write(send, chunk)
                chunk = b""
            while found := await batch():
                chunk += encode(found)
                if chunk and type(found[-1]) not in _BORDERS:
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

    def _listen_for_silence(self, send: Send, seconds: float) -> None:
        """Break long silences, so that the client hears that the answer is still coming."""
        loop = asyncio.get_running_loop()
        self._ping = loop.call_later(seconds, self._break_silence, send)

    def _break_silence(self, send: Send) -> None:
        silent_s = asyncio.get_running_loop().time() - self._idle_since
        if silent_s >= PING_AFTER_S:
            self._pinging = asyncio.ensure_future(self._write(send, self._encoder.keep_alive))
            silent_s = 0.0
        self._listen_for_silence(send, PING_AFTER_S - max(silent_s, 0.0))
