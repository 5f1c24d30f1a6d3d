"""Ask the engine in this process, where no server runs."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click
import msgspec

from consigne.cli.models import pull_with_progress
from consigne.domain.errors import Conflict, ModelNotFound, OperatorError
from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.settings import Settings

if TYPE_CHECKING:
    from consigne.engines.library import ModelLibrary
    from consigne.gateway.gateway import Gateway

_WAIT_S = 600.0


class LocalClient:
    """Asks models through the gateway, in this process."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer, event by event."""
        try:
            model = self._gateway.resolve(request.model).id
        except ModelNotFound:
            message = f"There is no model '{request.model}' here; see 'consigne models list'."
            raise ModelNotFound(message) from None
        return self._gateway.generate(msgspec.structs.replace(request, model=model))

    async def models(self) -> list[str]:
        """Return the ids of the models that can be asked."""
        return [model.id for model in self._gateway.models() if model.modality == "text"]


@asynccontextmanager
async def local(settings: Settings) -> AsyncIterator[LocalClient]:
    """Open a client of this process's own engine, which ends with it."""
    from consigne.engines.library import ModelLibrary
    from consigne.engines.pool import EnginePool
    from consigne.gateway.gateway import Gateway
    from consigne.gateway.opening import open_providers

    library = ModelLibrary(settings.models_dir)
    async with open_providers(settings) as providers:
        pool = EnginePool(settings.engine)
        try:
            yield LocalClient(Gateway(settings.models, library, pool, providers))
        finally:
            await pool.close()


def ensure_text_model(settings: Settings) -> None:
    """Install the starter model if there is no text model; wait if another process does it.

    Raises:
        OperatorError: It can't be installed.
    """
    from consigne.engines.library import ModelLibrary

    library = ModelLibrary(settings.models_dir)
    if settings.has_text_provider or _has_text_model(library):
        return
    click.echo("No model is installed yet: fetching the starter model (93 MB).", err=True)
    try:
        pull_with_progress("starter", library)
    except Conflict:
        _await_other(library)


def _await_other(library: "ModelLibrary") -> None:
    click.echo("Another process is installing it; waiting.", err=True)
    until = time.monotonic() + _WAIT_S
    while not _has_text_model(library):
        if time.monotonic() > until:
            raise OperatorError("The other process has not installed a model. Try again.")
        time.sleep(0.3)


def _has_text_model(library: "ModelLibrary") -> bool:
    return any(model.manifest.modality == "text" for model in library.list())
