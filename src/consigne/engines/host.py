"""A worker process seen from the API's process: start it, speak with it, notice when it dies."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar, cast

from consigne.domain.errors import (
    ConsigneError,
    EngineCrashed,
    InvalidRequest,
    from_code,
)
from consigne.domain.events import Event, MessageStop
from consigne.domain.images import ImageEvent, ImageRequest, ImagesStop
from consigne.domain.messages import Request
from consigne.engines.base import Embeddings, Scores
from consigne.engines.process import WORKER_COMMAND, Process, take
from consigne.engines.worker.protocol import (
    Cancel,
    Count,
    Counted,
    Draw,
    Drawn,
    Embed,
    Embedded,
    Emitted,
    Frames,
    FromWorker,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Rejected,
    Score,
    ScoredPrompt,
    ToWorker,
    for_host,
    pack,
)

_Reply = Counted | ScoredPrompt | Embedded
E = TypeVar("E")


class Worker:
    """One worker process and the requests that it is at work on."""

    def __init__(self, load: Load, process: Process) -> None:
        self._load = load
        self._process = process
        self._connection = _Connection(self)
        self._transport: asyncio.Transport | None = None
        self._numbers = itertools.count(1)
        self._streams: dict[int, _Stream[Any]] = {}
        self._calls: dict[int, asyncio.Future[_Reply]] = {}
        self._loaded: asyncio.Future[Loaded] = asyncio.get_running_loop().create_future()
        self._reaper: asyncio.Task[None] | None = None
        self._closing = False
        self.alive = True
        """Whether requests can be given to it."""

    @classmethod
    async def start(cls, load: Load, command: Sequence[str] = WORKER_COMMAND) -> "Worker":
        """Start a process, have it load a model, and return it once the model is warm.

        A text model takes the process that was started ahead, if there is one.

        Raises:
            ConsigneError: The model can't be loaded, and why (``ModelBroken``…).
            EngineCrashed: The process ended while it was loading.
        """
        told = _framed(load)
        ahead = take() if load.modality == "text" and command is WORKER_COMMAND else None
        process = ahead or Process(command)
        # In the socket before its reader lives: our loop may be long at something else by then.
        with suppress(OSError):  # it is over already, which its socket tells
            process.socket.sendall(told)
        worker = cls(load, process)
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: worker._connection, sock=process.socket
            )
            await worker._loaded
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def loaded(self) -> Loaded:
        """What the worker said when it had loaded the model."""
        return self._loaded.result()

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Generate an answer; closing the iterator cancels it in the worker.

        Raises:
            ConsigneError: Whatever the worker refuses the request with.
            EngineCrashed: The process ended before the answer did.
        """
        number = next(self._numbers)
        stream: _Stream[Event] = _Stream()
        with self._following(number, stream):
            self._send(Generate(number, request))
            while True:
                for event in await stream.next():
                    yield event
                    if isinstance(event, MessageStop):
                        return

    async def draw(self, request: ImageRequest) -> AsyncGenerator[ImageEvent, None]:
        """Make pictures; closing the iterator cancels the work in the worker.

        Raises:
            ConsigneError: Whatever the worker refuses the request with.
            EngineCrashed: The process ended before the pictures were whole.
        """
        number = next(self._numbers)
        stream: _Stream[ImageEvent] = _Stream()
        with self._following(number, stream):
            self._send(Draw(number, request))
            while True:
                for event in await stream.next():
                    yield event
                    if isinstance(event, ImagesStop):
                        return

    @contextmanager
    def _following(self, number: int, stream: "_Stream[Any]") -> Iterator[None]:
        """Take a request's events; one that is left before its end is cancelled."""
        self._streams[number] = stream
        try:
            yield
        finally:
            del self._streams[number]
            if not stream.over and self.alive:
                self._send(Cancel(number))

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        number = next(self._numbers)
        answer = await self._call(number, Count(number, request))
        assert isinstance(answer, Counted)
        return answer.tokens

    async def score(self, request: Request) -> Scores:
        """Return how likely the request's prompt is, token by token."""
        number = next(self._numbers)
        answer = await self._call(number, Score(number, request))
        assert isinstance(answer, ScoredPrompt)
        return Scores(answer.tokens, answer.next, answer.ends)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text."""
        number = next(self._numbers)
        answer = await self._call(number, Embed(number, tuple(texts)))
        assert isinstance(answer, Embedded)
        values = memoryview(answer.rows).cast("f").tolist()
        width = answer.dimensions
        rows = tuple(tuple(values[at : at + width]) for at in range(0, len(values), width))
        return Embeddings(rows, answer.input_tokens)

    async def close(self) -> None:
        """End the process; requests still at work fail with ``EngineCrashed``."""
        self._closing = True
        self.alive = False
        if self._transport is not None:
            self._transport.close()
        else:
            self._process.socket.close()
        self._process.kill()
        await self._process.wait()
        self._fail(EngineCrashed(f"The model {self._load.model_id} was unloaded."))

    async def _call(self, number: int, message: Count | Score | Embed) -> _Reply:
        future: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._calls[number] = future
        try:
            self._send(message)
            return await future
        finally:
            del self._calls[number]
            if future.cancelled() and self.alive:
                self._send(Cancel(number))

    def _send(self, message: ToWorker) -> None:
        if not self.alive or self._transport is None:
            raise self._crashed("has ended")
        self._transport.write(_framed(message))

    def _receive(self, message: FromWorker) -> None:
        match message:
            case Emitted():
                for number, events in message.batch:
                    if stream := self._streams.get(number):
                        stream.push(events)
            case Drawn():
                if stream := self._streams.get(message.number):
                    stream.push((message.event,))
            case Rejected():
                self._reject(message)
            case Counted() | ScoredPrompt() | Embedded():
                if (call := self._calls.get(message.number)) and not call.done():
                    call.set_result(message)
            case Loaded():
                self._loaded.set_result(message)
            case LoadFailed():
                self._loaded.set_exception(from_code(message.code, message.message))

    def _reject(self, message: Rejected) -> None:
        error = from_code(message.code, message.message)
        error.param = message.param
        if stream := self._streams.get(message.number):
            stream.fail(error)
        elif (call := self._calls.get(message.number)) and not call.done():
            call.set_exception(error)

    def _connected(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def _lost(self) -> None:
        """The worker's end of the socket is closed: it ended, or is about to."""
        self.alive = False
        if not self._closing:
            self._reaper = asyncio.get_running_loop().create_task(self._reap())

    async def _reap(self) -> None:
        try:
            code = await self._process.wait(5)
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._fail(self._crashed(how))

    def _crashed(self, how: str) -> EngineCrashed:
        return EngineCrashed(
            f"The process of the model {self._load.model_id} {how}. "
            "It starts anew with the next request."
        )

    def _fail(self, error: ConsigneError) -> None:
        for stream in self._streams.values():
            stream.fail(error)
        for call in self._calls.values():
            if not call.done():
                call.set_exception(error)
        if not self._loaded.done():
            self._loaded.set_exception(error)


def _framed(message: ToWorker) -> bytes:
    try:
        return pack(message)
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The request's text is not valid Unicode: it holds half of a surrogate pair."
        ) from None
    except OverflowError:
        raise InvalidRequest("The request holds a number beyond 64 bits.") from None
    except RecursionError:
        raise InvalidRequest("The request is nested too deeply.") from None


class _Stream(Generic[E]):
    """The events of one request that have come and not yet been taken."""

    def __init__(self) -> None:
        self._events: list[E] = []
        self._error: ConsigneError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.over = False
        """Whether the worker is done with the request."""

    def push(self, events: Sequence[E]) -> None:
        self._events.extend(events)
        self.over = isinstance(events[-1], MessageStop | ImagesStop)
        self._wake()

    def fail(self, error: ConsigneError) -> None:
        self._error = error
        self.over = True
        self._wake()

    async def next(self) -> list[E]:
        """Return the events that have come; wait for the first.

        Raises:
            ConsigneError: The request failed, and all its events were taken.
        """
        while not self._events:
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        events, self._events = self._events, []
        return events

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Connection(asyncio.Protocol):
    """Cuts what comes from the socket into messages."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._frames = Frames()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not a check: uvloop's transports are not registered as asyncio's.
        self._worker._connected(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            self._worker._receive(for_host(frame))

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker._lost()
