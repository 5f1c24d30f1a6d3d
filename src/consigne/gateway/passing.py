"""Events on their way through: counted, metered, and still sent as they came."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable

from consigne.domain.events import Event


class Passing(AsyncIterator[Event]):
    """The events of a generator that hands on those of ``source``, one for one.

    A plain generator would hide how many its source holds ready, and each event would be sent by
    itself where the network brought many at once.
    """

    def __init__(self, events: AsyncGenerator[Event, None], source: AsyncIterator[Event]) -> None:
        self._events = events
        self._source = source

    def __anext__(self) -> Awaitable[Event]:
        """Return the next event.

        Raises:
            ConsigneError: The answer can't go on.
        """
        return self._events.__anext__()

    def buffered(self) -> bool:
        """Say whether another event is there already."""
        told = getattr(self._source, "buffered", None)
        return told is not None and bool(told())

    async def aclose(self) -> None:
        """End the generation, if it has not ended."""
        await self._events.aclose()
