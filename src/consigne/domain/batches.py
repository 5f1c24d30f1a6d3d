"""Streams whose values come several at once, as the network brings them.

Whoever passes them on looks at each batch once: a generator of single values at each layer costs
more than what the layers do.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

E = TypeVar("E")


class Batches(AsyncIterator[E], ABC, Generic[E]):
    """A stream that is read in batches, or one by one as any other."""

    _ready: deque[E] | None = None
    """What a reader of single values has not read yet of the batch it is in."""

    @abstractmethod
    async def _next(self) -> Sequence[E]:
        """Return what comes next; empty at the end."""

    @abstractmethod
    async def aclose(self) -> None:
        """End the stream, if it has not ended."""

    async def batch(self) -> Sequence[E]:
        """Return all that is there, at least one value; empty at the end of the stream.

        Raises:
            ConsigneError: The stream can't go on.
        """
        if self._ready:
            found = tuple(self._ready)
            self._ready.clear()
            return found
        return await self._next()

    async def __anext__(self) -> E:
        """Return the next value.

        Raises:
            ConsigneError: The stream can't go on.
        """
        if self._ready is None:
            self._ready = deque()
        if not self._ready:
            self._ready.extend(await self._next())
            if not self._ready:
                raise StopAsyncIteration
        return self._ready.popleft()


def batches_of(values: AsyncIterator[E]) -> Callable[[], Awaitable[Sequence[E]]]:
    """Return what gives the next batch of any stream; empty at its end.

    Whoever takes batches reads the stream to its end so: single values that were read before are
    seen to here, none may be read after.
    """
    if isinstance(values, Batches):
        return values._next if values._ready is None else values.batch

    async def one() -> Sequence[E]:
        try:
            return (await anext(values),)
        except StopAsyncIteration:
            return ()

    return one


async def close(values: AsyncIterator[E]) -> None:
    """Close a stream, if it can be closed: what makes it stops."""
    end = getattr(values, "aclose", None)
    if end is not None:
        await end()
