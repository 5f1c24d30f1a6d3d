"""What goes on beside the requests: batches that were left, and all whose time is over."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from consigne.api.large_pages import keep_gathering
from consigne.api.services import Services

log = logging.getLogger(__name__)

SWEEP_EVERY_S = 600.0


@asynccontextmanager
async def upkeep(services: Services) -> AsyncIterator[None]:
    """Look after files, batches, conversations and memory while the body of ``with`` runs."""
    work = (_look_after(services), keep_gathering())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _look_after(services: Services) -> None:
    await _try(services.batches.start())
    await _try(services.scheduling.start())
    while True:
        for owner in (
            services.files,
            services.uploads,
            services.batches,
            services.chat_sweep,
            services.made_files,
            services.documents,
            services.pictures,
            services.importing,
            services.usage,
        ):
            await _try(owner.sweep())
        await asyncio.sleep(SWEEP_EVERY_S)


async def _try(work: Coroutine[None, None, object]) -> None:
    """Do it; what fails now is tried again at the next round or the next start."""
    try:
        await work
    except Exception:
        log.exception("The upkeep of files, batches and conversations failed.")
