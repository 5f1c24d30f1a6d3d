"""The providers of the settings, for as long as a gateway stands on them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from consigne.providers.base import Provider
from consigne.settings import Settings


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncIterator[Sequence[Provider]]:
    """Open the providers; where none is set, nothing of theirs is imported.

    Raises:
        OperatorError: A provider's key is missing.
    """
    if not settings.providers:
        yield ()
        return
    from consigne.providers.providers import Providers

    providers = Providers(settings.providers)
    try:
        yield tuple(providers)
    finally:
        await providers.close()
