"""Events as the network brings them: several may be there at once."""

from collections.abc import AsyncGenerator, Sequence

from consigne.domain.batches import Batches
from consigne.domain.events import Event


class Events(Batches[Event]):
    """The events of one answer, from the batches in which they come."""

    def __init__(self, batches: AsyncGenerator[Sequence[Event], None]) -> None:
        self._batches = batches

    async def _next(self) -> Sequence[Event]:
        try:
            return await self._batches.__anext__()
        except StopAsyncIteration:
            return ()

    async def aclose(self) -> None:
        """Abort the request, if it has not ended."""
        await self._batches.aclose()
