"""All providers that the operator has set, opened and closed together."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from consigne.domain.errors import OperatorError
from consigne.domain.images import ImageTraits
from consigne.domain.models import Capabilities, Model
from consigne.providers.anthropic import AnthropicProvider
from consigne.providers.base import Deployment, Provider
from consigne.providers.openai import OpenAIProvider
from consigne.providers.pool import Pool
from consigne.settings import ProviderModel, ProviderSettings


class Providers:
    """The providers, in the order of the settings; connections open when first used."""

    def __init__(
        self,
        settings: Sequence[ProviderSettings],
        *,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Read the keys and prepare the providers.

        Args:
            settings: The providers to open.
            environ: Where keys are looked up; by default the process's environment.

        Raises:
            OperatorError: A key's environment variable is not set, or a key can't be sent.
        """
        environ = os.environ if environ is None else environ
        self._pool = Pool()
        self._providers = [_open(each, environ, self._pool) for each in settings]

    def __iter__(self) -> Iterator[Provider]:
        """Iterate over the providers."""
        return iter(self._providers)

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()


def _open(settings: ProviderSettings, environ: Mapping[str, str], pool: Pool) -> Provider:
    key = _key(settings, environ)
    token = None
    if settings.credentials:
        from consigne.providers.cloud_tokens import open_token

        token = open_token(settings.credentials, settings.base_url)
    deployments = tuple(_deployment(settings, model) for model in settings.models)
    kind = OpenAIProvider if settings.kind == "openai" else AnthropicProvider
    return kind(settings, deployments, key, pool, token)


def _key(settings: ProviderSettings, environ: Mapping[str, str]) -> str:
    key = settings.api_key
    if settings.api_key_env:
        key = environ.get(settings.api_key_env, "").strip()
        if not key:
            raise OperatorError(
                f"The key of the provider {settings.name} is expected in the environment "
                f"variable {settings.api_key_env}, which is not set."
            )
    if not (key.isascii() and key.isprintable()):
        raise OperatorError(f"The key of the provider {settings.name} holds a wrong character.")
    return key


_CHANGES: Final = ImageTraits(
    width=1024, height=1024, steps=0, guidance=0.0, edits=True, negative=False
)
"""Of an image model elsewhere: it chooses sizes and steps itself."""


def _deployment(settings: ProviderSettings, model: ProviderModel) -> Deployment:
    # OpenAI's API takes a document's content only (``providers/openai/requests.py``).
    urls = settings.kind == "anthropic" and "documents_in" in model.capabilities
    able = Capabilities(**dict.fromkeys(model.capabilities, True), document_urls=urls)
    return Deployment(
        model=Model(
            id=model.id,
            name=model.name or model.id,
            modality="embedding" if model.embedding else "image" if model.image else "text",
            created=0,  # as both vendors say where the day of release is not known
            context=model.context,
            capabilities=Capabilities() if model.embedding or model.image else able,
            image=_CHANGES if model.image_edits else None,
            where=settings.name,
            owner=settings.name,
        ),
        upstream=model.upstream or model.id,
        max_output=model.max_output,
        prompt_cache=model.prompt_cache,
        price=model.price.exact if model.price else None,
    )
