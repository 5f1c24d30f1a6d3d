"""The providers of the settings, for as long as a gateway stands on them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

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
    # In a thread, so that the first request need not wait for it, nor the start.
    importing = asyncio.get_running_loop().run_in_executor(None, import_module, "aiohttp")
    try:
        yield tuple(providers)
    finally:
        await importing
        await providers.close()
