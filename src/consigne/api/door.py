"""The door of the service: it answers with the page while the rest is still opening."""

import asyncio
from typing import Protocol

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from consigne.web import static
from consigne.web.offline import WORKER_PATH


class Closing(Protocol):
    """What has readers that wait for a last event when the server stops."""

    async def close(self) -> None:
        """End what runs, and say so to all who read."""
        ...


class Door:
    """An ASGI application that serves the static page at once and the rest once it is open.

    Importing the whole application takes most of a start; the page needs none of it.
    """

    def __init__(self) -> None:
        self._page = Router(static.routes())
        self._opened = asyncio.Event()
        self._app: ASGIApp = self._page
        self._closing: tuple[Closing, ...] = ()

    def open(self, app: ASGIApp, *closing: Closing) -> None:
        """Pass every request to ``app`` from now on; ``closing`` goes first when it ends."""
        self._app = app
        self._closing = closing
        self._opened.set()

    async def close(self) -> None:
        """Let all who read have their last event."""
        for each in self._closing:
            await each.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or wait until it is open."""
        if not self._opened.is_set() and not _is_static(scope["path"]):
            await self._opened.wait()
        await self._app(scope, receive, send)


def _is_static(path: str) -> bool:
    return path in ("/", "/verify", WORKER_PATH) or path.startswith(("/c/", "/p/", "/static/"))
