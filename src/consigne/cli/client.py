"""One way to ask a model from the terminal: by the running server, or else the engine itself."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from consigne.cli.serve import ServerFile
from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.settings import Settings

_PROBE_S = 1.0


class Client(Protocol):
    """Generates answers; who uses it need not know where."""

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer, event by event; closing the iterator stops it.

        Raises:
            ConsigneError: As ``engines.base.TextEngine.generate``, or the server can't be reached.
        """
        ...

    async def models(self) -> list[str]:
        """Return the ids of the models that can be asked."""
        ...


def connect(settings: Settings) -> AbstractAsyncContextManager[Client]:
    """Return a client of the running server, or of the engine in this process if there is none.

    Without any model on this machine, the starter model is installed first, with progress.

    Raises:
        OperatorError: There is no model, and none can be installed.
    """
    if server := running_server(settings.data_dir):
        from consigne.cli.remote import remote

        return remote(server)
    from consigne.cli.local import ensure_text_model, local

    ensure_text_model(settings)
    return local(settings)


def running_server(data_dir: Path) -> ServerFile | None:
    """Return how to reach the server that runs on this data folder, if one does.

    A file that a killed server left behind is not believed: its process must live and its
    address must answer.
    """
    try:
        found = msgspec.json.decode((data_dir / "server.json").read_bytes(), type=ServerFile)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if _alive(found.pid) and _answers(found.url) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(url: str) -> bool:
    address = urlsplit(url)
    try:
        with socket.create_connection((address.hostname, address.port or 80), timeout=_PROBE_S):
            return True
    except OSError:
        return False
