"""Events on their way through: looked at, and still passed on as they came."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from consigne.domain.batches import Batches, batches_of, close
from consigne.domain.events import DELTAS, Event, MessageStart, MessageStop
from consigne.domain.usage import Usage

_NOTHING = Usage()


class Watch(Protocol):
    """What looks at the events of one generation."""

    def begin(self) -> None:
        """Note that the first event is asked for; what it raises ends all before it began."""
        ...

    def see(self, events: Sequence[Event]) -> None:
        """Look at the next events."""
        ...

    def end(self, error: BaseException | None) -> None:
        """Note the end, and what ended it; ``GeneratorExit`` is a reader who left."""
        ...


class Passing(Batches[Event]):
    """The events of a generation, each batch seen by ``watch`` before it is passed on."""

    def __init__(self, events: AsyncIterator[Event], watch: Watch) -> None:
        self._events = events
        self._source = batches_of(events)
        self._watch = watch
        self._begun = False
        self._over = False

    async def _next(self) -> Sequence[Event]:
        if self._over:
            return ()
        if not self._begun:
            try:
                self._watch.begin()
            except BaseException:
                self._over = True
                await close(self._events)
                raise
            self._begun = True
        try:
            found = await self._source()
            if found:
                self._watch.see(found)
                return found
        except BaseException as error:
            await self._end(error)
            raise
        await self._end(None)
        return ()

    async def aclose(self) -> None:
        """End the generation, if it has not ended."""
        if self._over:
            return
        if self._begun:
            await self._end(GeneratorExit())
        else:
            self._over = True
            await close(self._events)

    async def _end(self, error: BaseException | None) -> None:
        self._over = True
        self._watch.end(error)
        await close(self._events)


class Tally:
    """What a generation used, as far as its events tell."""

    __slots__ = ("begun", "deltas", "finished", "usage", "written")

    def __init__(self) -> None:
        self.usage = _NOTHING
        """Its source's last word."""
        self.deltas = 0
        """Pieces of text, thought and calls since then."""
        self.begun = False
        self.finished = False
        self.written = False
        """Whether there were any pieces before it finished."""

    def add(self, events: Sequence[Event]) -> None:
        """Count the next events."""
        for event in events:
            kind = type(event)
            if kind in DELTAS:
                self.deltas += 1
            elif kind is MessageStart:
                self.usage, self.begun = event.usage, True  # type: ignore[union-attr]
            elif kind is MessageStop:
                self.written = self.written or self.deltas > 0
                self.usage, self.deltas, self.finished = event.usage, 0, True  # type: ignore[union-attr]
