"""Events on their way through: looked at, and still passed on as they came."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from consigne.domain.batches import Batches, batches_of, close
from consigne.domain.events import DELTAS, Event, MessageStart, MessageStop
from consigne.domain.usage import Usage

_NOTHING = Usage()


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


class Watch(Protocol):
    """What looks at the events of one generation."""

    def begin(self) -> None:
        """Note that the first event is asked for; what it raises ends all before it began."""
        ...

    def see(self, tally: Tally) -> None:
        """Look at how far it has come, after each batch."""
        ...

    def end(self, error: BaseException | None, tally: Tally) -> None:
        """Note the end, and what ended it; ``GeneratorExit`` is a reader who left."""
        ...


class Passing(Batches[Event]):
    """The events of a generation, each batch counted and looked at before it is passed on."""

    def __init__(self, events: AsyncIterator[Event], watch: Watch) -> None:
        self._events = events
        self._source = batches_of(events)
        self._watches = [watch]
        """Each begins after those that follow it here, and ends before them."""
        self._tally = Tally()
        self._begun = 0
        """How many watches have begun."""
        self._over = False

    def _begin(self) -> None:
        for watch in reversed(self._watches):
            watch.begin()
            self._begun += 1

    async def _next(self) -> Sequence[Event]:
        if self._over:
            return ()
        try:
            if not self._begun:
                self._begin()
            found = await self._source()
            if found:
                tally = self._tally
                tally.add(found)
                for watch in self._watches:
                    watch.see(tally)
                return found
        except BaseException as error:
            await self._end(error)
            raise
        await self._end(None)
        return ()

    async def aclose(self) -> None:
        """End the generation, if it has not ended."""
        if not self._over:
            await self._end(GeneratorExit())

    async def _end(self, error: BaseException | None) -> None:
        self._over = True
        for watch in self._watches[len(self._watches) - self._begun :]:
            watch.end(error, self._tally)
        await close(self._events)


def passing(events: AsyncIterator[Event], watch: Watch) -> Passing:
    """Return the events as they are passed on, seen by ``watch``, too, if others look already."""
    if type(events) is Passing and not events._begun and not events._over:
        events._watches.append(watch)
        return events
    return Passing(events, watch)
