"""Models at providers: each id's deployments in order, the next one where one can't be had."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, TypeVar

from consigne.domain.embeddings import Embeddable, Embeddings
from consigne.domain.errors import Overloaded, RateLimited, UpstreamFailed
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.domain.models import Modality, Model
from consigne.domain.usage import Price
from consigne.gateway.metering import Part
from consigne.providers.base import Deployment, Provider
from consigne.providers.faults import Troubles

E = TypeVar("E")

_ELSEWHERE = (Overloaded, RateLimited, UpstreamFailed)
"""Errors that say nothing of the request: another provider may well answer it."""


class Target:
    """A model and the deployments that serve it, the preferred one first."""

    def __init__(self, routes: Sequence[tuple[Provider, Deployment]]) -> None:
        preferred = routes[0][1]
        self.routes = tuple(routes)
        self.model: Model = preferred.model
        """What callers see of it."""
        self.id: str = self.model.id
        """The name that callers use."""
        self.price: Price | None = preferred.price
        """What the preferred provider takes for it, where the operator says so."""
        self.modality: Modality = self.model.modality
        """What it makes."""

    def generate(self, request: Request, part: Part) -> AsyncIterator[Event]:
        """Generate an answer at the first provider that can (see ``Provider.generate``)."""
        if len(self.routes) == 1:
            provider, deployment = self.routes[0]
            part.by(deployment.model.where, deployment.price)
            return provider.generate(deployment, request)
        return self._first(
            part, lambda provider, deployment: provider.generate(deployment, request)
        )

    def draw(self, request: ImageRequest, part: Part) -> AsyncIterator[ImageEvent]:
        """Make pictures at the first provider that can (see ``Provider.draw``)."""
        return self._first(part, lambda provider, deployment: provider.draw(deployment, request))

    async def _first(
        self, part: Part, begin: Callable[[Provider, Deployment], AsyncIterator[E]]
    ) -> AsyncIterator[E]:
        """Try one after the other; what has begun to answer goes on alone."""
        for at, (provider, deployment) in enumerate(self.routes):
            part.by(deployment.model.where, deployment.price)
            events = begin(provider, deployment)
            begun = False
            try:
                async for event in events:
                    begun = True
                    yield event
            except _ELSEWHERE:
                if begun or at == len(self.routes) - 1:
                    raise
            else:
                return
            finally:
                await _close(events)

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has, as the preferred provider counts."""
        provider, deployment = self.routes[0]
        return await provider.count_tokens(deployment, request)

    async def embed(
        self, texts: Sequence[Embeddable], part: Part, dimensions: int | None = None
    ) -> Embeddings:
        """Return one vector for each text, from the first provider that can."""
        *others, last = self.routes
        for provider, deployment in others:
            part.by(deployment.model.where, deployment.price)
            try:
                return await provider.embed(deployment, texts, dimensions)
            except _ELSEWHERE:
                continue
        provider, deployment = last
        part.by(deployment.model.where, deployment.price)
        return await provider.embed(deployment, texts, dimensions)


class Targets:
    """The models at providers, by their id."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        routes: dict[str, list[tuple[Provider, Deployment]]] = {}
        for provider in providers:
            for deployment in provider.deployments:
                routes.setdefault(deployment.model.id, []).append((provider, deployment))
        self._targets = {name: Target(found) for name, found in routes.items()}
        self.get = self._targets.get
        """Returns what serves the model of this id, or ``None``."""

    def troubles(self) -> dict[str, Troubles]:
        """Return what went wrong with each provider, by its name."""
        routes = (route for target in self._targets.values() for route in target.routes)
        return {deployment.model.where: provider.troubles for provider, deployment in routes}

    def models(self) -> list[Model]:
        """Return the models, in the order of the settings."""
        return [target.model for target in self._targets.values()]

    def first(self, modality: Modality) -> Target | None:
        """Return what serves the first model of this modality."""
        return next((t for t in self._targets.values() if t.modality == modality), None)


async def _close(events: AsyncIterator[Any]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
