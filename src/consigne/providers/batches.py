"""Events as the network brings them: several may be there at once."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from consigne.domain.events import Event


class Events(AsyncIterator[Event]):
    """The events of one answer, from the batches in which they come."""

    def __init__(self, batches: AsyncGenerator[Sequence[Event], None]) -> None:
        self._batches = batches
        self._ready: deque[Event] = deque()

    async def __anext__(self) -> Event:
        """Return the next event.

        Raises:
            ConsigneError: The answer can't go on.
        """
        while not self._ready:
            self._ready.extend(await anext(self._batches))
        return self._ready.popleft()

    def buffered(self) -> bool:
        """Say whether another event is there already."""
        return bool(self._ready)

    async def aclose(self) -> None:
        """Abort the request, if it has not ended."""
        await self._batches.aclose()
