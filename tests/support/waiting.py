"""Waiting for what another process or task does, with a deadline and no fixed sleeps."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


async def until(condition: Callable[[], Found], seconds: float = 60.0) -> Found:
    """Return what ``condition`` gives once it is true.

    Raises:
        TimeoutError: It has not become true in time.
    """
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 - a process has no event to await
            await asyncio.sleep(0.01)
        return found
