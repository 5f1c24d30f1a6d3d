"""Providers over a server elsewhere, and a gateway that has nothing but them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from consigne.domain.events import Answer, AnswerBuilder, Event
from consigne.domain.messages import Message, Request, TextBlock
from consigne.engines.base import InstalledModel
from consigne.gateway.gateway import Gateway
from consigne.providers.base import Deployment, Provider
from consigne.providers.providers import Providers
from consigne.settings import Capability, ModelSettings, ProviderModel, ProviderSettings

Kind = Literal["openai", "anthropic"]
SECRET = "sk-up-7f3a9c51"
EVERYTHING: tuple[Capability, ...] = (
    "tools",
    "structured_output",
    "images_in",
    "documents_in",
    "thinking",
    "logprobs",
)


class EmptyLibrary:
    """No model is installed."""

    def list(self) -> Sequence[InstalledModel]:
        return ()

    def get(self, model_id: str) -> None:
        return None


def settings_for(kind: Kind, url: str, **fields: Any) -> ProviderSettings:
    """Return the settings of a provider of one model, ``tiny`` there and ``far`` here."""
    address = f"{url}/v1" if kind == "openai" else url
    models = (
        ProviderModel(id="far", upstream="tiny", context=2048, capabilities=EVERYTHING),
        ProviderModel(id="blind", upstream="plain", context=2048, capabilities=()),
    )
    if kind == "openai":
        vectors = ProviderModel(id="vectors", upstream="mini", context=256, embedding=True)
        models = (*models, vectors)
    given = {"name": f"{kind}-up", "api_key": SECRET, "models": models} | fields
    return ProviderSettings(kind=kind, base_url=address, **given)


@asynccontextmanager
async def provider_at(
    kind: Kind, url: str, **fields: Any
) -> AsyncIterator[tuple[Provider, Deployment]]:
    """Open a provider; give it with its model."""
    providers = Providers([settings_for(kind, url, **fields)], environ={})
    try:
        provider = next(iter(providers))
        yield provider, provider.deployments[0]
    finally:
        await providers.close()


def gateway_of(providers: Providers) -> Any:
    """Return a gateway that has nothing but these providers."""
    engines: Any = None
    return Gateway(ModelSettings(), EmptyLibrary(), engines, providers)


def ask(text: str = "Hello", **fields: Any) -> Request:
    """Return a request of one turn."""
    messages = (Message("user", (TextBlock(text),)),)
    return Request(**({"model": "far", "messages": messages} | fields))


async def answer_of(events: AsyncIterator[Event]) -> Answer:
    """Fold the events."""
    builder = AnswerBuilder()
    async for event in events:
        builder.add(event)
    return builder.answer()
