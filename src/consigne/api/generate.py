"""Consuming an answer's events: folded to a whole, or several answers merged into one stream."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from consigne.domain.batches import Batches, batches_of, close
from consigne.domain.errors import from_code
from consigne.domain.events import Answer, AnswerBuilder, Event, Failed


async def fold(events: AsyncIterator[Event]) -> Answer:
    """Return the whole answer.

    Raises:
        ConsigneError: The answer could not be finished.
    """
    builder = AnswerBuilder()
    try:
        batch = batches_of(events)
        while found := await batch():
            for event in found:
                if isinstance(event, Failed):
                    raise from_code(event.code, event.message)
                builder.add(event)
    finally:
        await close(events)
    return builder.answer()


def merge(streams: Sequence[AsyncIterator[Event]]) -> AsyncIterator[tuple[int, Event]]:
    """Return the events of all streams as they come, each with its stream's index.

    The first error ends all; closing this iterator closes them all.
    """
    return _Alone(streams[0]) if len(streams) == 1 else _merged(streams)


class _Alone(Batches[tuple[int, Event]]):
    """The events of one stream, which has the index 0."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._source = batches_of(events)

    async def _next(self) -> Sequence[tuple[int, Event]]:
        return [(0, event) for event in await self._source()]

    async def aclose(self) -> None:
        """Close the stream."""
        await close(self._events)


async def _merged(streams: Sequence[AsyncIterator[Event]]) -> AsyncIterator[tuple[int, Event]]:
    queue: asyncio.Queue[tuple[int, Event | BaseException | None]] = asyncio.Queue()
    tasks = [asyncio.ensure_future(_pump(i, s, queue)) for i, s in enumerate(streams)]
    running = len(tasks)
    try:
        while running:
            index, item = await queue.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield index, item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    index: int,
    stream: AsyncIterator[Event],
    queue: "asyncio.Queue[tuple[int, Event | BaseException | None]]",
) -> None:
    try:
        async for event in stream:
            queue.put_nowait((index, event))
        queue.put_nowait((index, None))
    except Exception as error:  # noqa: BLE001 - raised again by the consumer
        queue.put_nowait((index, error))
    finally:
        await close(stream)
