"""Who goes first: requests that somebody waits for, before those that run in the background."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from consigne.domain.batches import close
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageMade, ImagesStop
from consigne.domain.usage import Usage
from consigne.gateway.metering import CANCELLED, OK, Part, status_of
from consigne.gateway.passing import Passing, Tally

QUIET_S = 3.0
"""How long nobody must have waited before background work takes all places again."""

_in_background: ContextVar[bool] = ContextVar("in_background", default=False)


@contextmanager
def in_background() -> Iterator[None]:
    """Mark what runs within, tasks it starts included, as work that nobody waits for."""
    mark = _in_background.set(True)
    try:
        yield
    finally:
        _in_background.reset(mark)


def cut(usage: Usage, deltas: int) -> Usage:
    """Return what an answer used that ended so many pieces after its source's last word on it.

    A piece is about a token.
    """
    if not deltas:
        return usage
    return msgspec.structs.replace(usage, output_tokens=max(usage.output_tokens, deltas))


class Traffic:
    """Counts the generations that run, and lets background ones begin only beside few others.

    While nobody waits for an answer, ``most_background`` run at once. As soon as somebody does, no
    further one begins until one alone is left: batches slow down, and never stand still. So it
    remains until nobody has waited for ``quiet_s`` seconds: who reads an answer often asks again.
    """

    def __init__(self, most_background: int, quiet_s: float = QUIET_S) -> None:
        self._most = max(1, most_background)
        self._quiet_s = quiet_s
        self._quiet: asyncio.TimerHandle | None = None
        self._online = 0
        self._background = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def online(self) -> int:
        """How many generations run that somebody waits for."""
        return self._online

    @property
    def background(self) -> int:
        """How many run in the background."""
        return self._background

    def watched(self, events: AsyncIterator[Event], part: Part) -> Passing:
        """Pass a generation's events on, counted while it runs; ``part`` is told what it used."""
        return Passing(events, _Counting(self, part))

    async def drawn(
        self, events: AsyncIterator[ImageEvent], part: Part
    ) -> AsyncGenerator[ImageEvent, None]:
        """Pass the events of pictures on, counted while they are made."""
        images, tokens, begun, status = 0, 0, False, CANCELLED
        with self.waited_for():
            try:
                async for event in events:
                    begun = True
                    match event:
                        case ImageMade():
                            images += 1
                        case ImagesStop():
                            tokens, status = event.usage.input_tokens, OK
                        case _:
                            pass
                    yield event
            except BaseException as error:
                if status != OK:
                    status = status_of(error)
                raise
            finally:
                part.end(status, Usage(tokens), images, begun=begun)
                await close(events)

    @contextmanager
    def waited_for(self) -> Iterator[None]:
        """Count work that somebody waits for; work in the background has its own count."""
        if _in_background.get():
            yield
            return
        self._enter()
        try:
            yield
        finally:
            self._leave()

    async def enter_background(self) -> None:
        """Wait until one more background request may begin, first come, first served."""
        if self._may_enter() and not self._waiting:
            self._background += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.leave_background()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave_background(self) -> None:
        """Note that a background request is over."""
        self._background -= 1
        self._admit()

    def _enter(self) -> None:
        self._online += 1
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None

    def _leave(self) -> None:
        self._online -= 1
        if not self._online:
            self._quiet = asyncio.get_running_loop().call_later(self._quiet_s, self._rest)

    def _rest(self) -> None:
        self._quiet = None
        self._admit()

    def _may_enter(self) -> bool:
        alone = not self._online and self._quiet is None
        return self._background < (self._most if alone else 1)

    def _admit(self) -> None:
        while self._waiting and self._may_enter():
            turn = self._waiting.popleft()
            if not turn.done():
                self._background += 1
                turn.set_result(None)


class _Counting:
    """Counts one generation while it runs, and tells its part what it used."""

    __slots__ = ("_begun", "_first", "_part", "_traffic")

    def __init__(self, traffic: Traffic, part: Part) -> None:
        self._traffic = traffic
        self._part = part
        self._first = False
        """Whether a piece has come."""
        self._begun = False
        """Whether it is one that somebody waits for."""

    def begin(self) -> None:
        self._begun = not _in_background.get()
        if self._begun:
            self._traffic._enter()

    def see(self, tally: Tally) -> None:
        if not self._first and (tally.deltas or tally.written):
            self._first = True
            self._part.first()

    def end(self, error: BaseException | None, tally: Tally) -> None:
        status = OK if tally.finished else CANCELLED if error is None else status_of(error)
        self._part.end(status, cut(tally.usage, tally.deltas), begun=tally.begun)
        if self._begun:
            self._traffic._leave()
