"""The dialects' application over a scripted gateway, in process or behind a real HTTP server."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from consigne.api import anthropic, body_marks, errors, middleware, openai, text_marks
from consigne.api.connections import Connection
from consigne.api.direct import Application
from consigne.business.usage import UsageLog
from doubles.scripted import KEY, ScriptedGateway, scripted_services
from support.records import LazyDatabase, records_on


class RecordKeeping:
    """Records in a database of the test's own, and what closes them."""

    def __init__(self, path: Path | None = None) -> None:
        self._db = LazyDatabase(path)
        self.records = records_on(self._db)

    async def close(self) -> None:
        """End what is written, and close the database."""
        await self.records.close()
        await self._db.close()


class _Transport(httpx.ASGITransport):
    def __init__(self, app: FastAPI, keeping: RecordKeeping) -> None:
        super().__init__(app)
        self._keeping = keeping

    async def aclose(self) -> None:
        """Close the application's database, too."""
        await super().aclose()
        await self._keeping.close()


def dialects_app(
    gateway: ScriptedGateway,
    keeping: RecordKeeping | None = None,
    usage: UsageLog | None = None,
    **server: Any,
) -> FastAPI:
    """Return an application of both dialects, all middleware on."""
    services = scripted_services(gateway, **server)
    services.records = (keeping or RecordKeeping()).records
    app = Application(openapi_url=None, redirect_slashes=False)
    app.state.services = services
    app.include_router(anthropic.router)
    app.include_router(openai.router)
    errors.install(app)
    disclosure = text_marks.value_of(services.settings.provenance)
    member = body_marks.value_of(services.settings.provenance)
    middleware.install(
        app, services.settings.server, disclosure=disclosure, member=member, usage=usage
    )
    return app


def client(gateway: ScriptedGateway, **server: Any) -> httpx.AsyncClient:
    """Return a client of the application, in process, with a valid key."""
    keeping = RecordKeeping()
    transport = _Transport(dialects_app(gateway, keeping, **server), keeping)
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


@contextmanager
def served(
    gateway: ScriptedGateway,
    *,
    database: Path | None = None,
    closing: Callable[[], Awaitable[None]] | None = None,
    **server: Any,
) -> Iterator[str]:
    """Serve the application from a thread of its own; give its base URL.

    ``closing`` is awaited on that thread's loop at the end.
    """
    keeping = RecordKeeping(database)

    async def close() -> None:
        await keeping.close()
        if closing is not None:
            await closing()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config = uvicorn.Config(
            dialects_app(gateway, keeping, **server),
            http=Connection,
            ws="none",
            log_level="warning",
            lifespan="off",
            access_log=False,
        )
        running = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(_serve(running, listener, close),))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(60)
            assert not thread.is_alive()


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    closing: Callable[[], Awaitable[None]] | None,
) -> None:
    await server.serve(sockets=[listener])
    if closing is not None:
        await closing()
