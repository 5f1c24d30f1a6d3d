"""Questions that many ask at the same moment, asked once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shared(Generic[K, T]):
    """Lets those who ask the same, while it is being asked, have the one answer.

    What is remembered for some seconds is forgotten for all at once: without this, each of some
    hundred requests would then query the database by itself.
    """

    def __init__(self) -> None:
        self._running: dict[K, asyncio.Task[T]] = {}

    async def ask(self, key: K, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what ``ask`` returns; one who gives up waiting leaves it to the others.

        Raises:
            Exception: What ``ask`` raises, to each who waits for it.
        """
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(ask())
            task.add_done_callback(partial(self._end, key))
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Let whoever asks from now on ask anew: the answers on their way may be out of date."""
        self._running.clear()

    def _end(self, key: K, task: "asyncio.Task[T]") -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it any more
