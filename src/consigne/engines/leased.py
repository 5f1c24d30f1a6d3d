"""Engines whose models the pool loads when they are first used."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from consigne.domain.errors import EngineCrashed
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.engines.base import Embeddings, InstalledModel, Scores

if TYPE_CHECKING:
    from consigne.engines.pool import EnginePool, RunningWorker

E = TypeVar("E")


class _Leased:
    def __init__(self, pool: "EnginePool", model: InstalledModel) -> None:
        self._pool = pool
        self._model = model

    async def _events(
        self, limit: int, begin: "Callable[[RunningWorker], AsyncGenerator[E, None]]"
    ) -> AsyncGenerator[E, None]:
        """Yield a request's events; one that had not begun survives another's crash."""
        begun = False
        for last_try in (False, True):
            try:
                async with (
                    self._pool.lease(self._model, limit=limit) as worker,
                    aclosing(begin(worker)) as events,
                ):
                    async for event in events:
                        begun = True
                        yield event
            except EngineCrashed:
                if begun or last_try:
                    raise
            else:
                return


class TextEngine(_Leased):
    """A text engine (see ``engines.base.TextEngine``)."""

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer."""
        return self._events(self._pool.most_requests, lambda worker: worker.generate(request))

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        async with self._pool.lease(self._model) as worker:
            return await worker.count_tokens(request)

    async def score(self, request: Request) -> Scores:
        """Return what the model expected of the request's own prompt."""
        async with self._pool.lease(self._model, limit=self._pool.most_requests) as worker:
            return await worker.score(request)


class EmbeddingEngine(_Leased):
    """An embedding engine (see ``engines.base.EmbeddingEngine``)."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text."""
        async with self._pool.lease(self._model, limit=self._pool.most_requests) as worker:
            return await worker.embed(texts)


class ImageEngine(_Leased):
    """An image engine (see ``engines.base.ImageEngine``)."""

    def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make pictures."""
        return self._events(self._pool.most_drawings, lambda worker: worker.draw(request))
