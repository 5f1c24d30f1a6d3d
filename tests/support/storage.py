"""Both dialects with files and batches, on a real database and a scripted model."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import uvicorn
from fastapi import FastAPI

from consigne.api import anthropic, errors, middleware, openai
from consigne.api.body_limits import body_limits
from consigne.api.connections import Connection
from consigne.api.within import Within
from consigne.batches.batches import Batches
from consigne.business.answers import KeptAnswers
from consigne.business.caller import Caller
from consigne.business.files import Files
from consigne.business.home import ensure_home
from consigne.business.keys import Keys
from consigne.business.limits import Limiter
from consigne.business.uploads import Uploads
from consigne.business.usage import UsageLog
from consigne.chat.assistants import Assistants
from consigne.chat.grounding import Grounding
from consigne.documents.attachments import Attachments
from consigne.documents.library import Documents
from consigne.documents.retrieval import Retrieval
from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.gateway.traffic import Traffic
from consigne.jobs.runtime import Jobs
from consigne.settings import BatchSettings, FileSettings, ServerSettings, Settings
from consigne.store.db import Database
from consigne.store.objects import Objects
from consigne.store.tables import OrganisationRow, WorkspaceRow
from doubles.inline_jobs import InlineJobs
from doubles.scripted import ScriptedGateway
from support.records import records_on

VERSION = {"anthropic-version": "2023-06-01"}
OTHERS = ("colleague", "stranger")
"""Another workspace of the same organisation, and another organisation."""


class Storage:
    """The application, what it stands on, and keys of three customers."""

    def __init__(self, app: FastAPI, services: Any, secrets: dict[str, str]) -> None:
        self.app = app
        self.services = services
        self.secrets = secrets

    @property
    def db(self) -> Database:
        database: Database = self.services.db
        return database

    async def caller(self, who: str = "owner") -> Caller:
        """Return one of the customers."""
        found: Caller | None = await self.services.keys.authenticate(self.secrets[who])
        assert found is not None
        return found

    def client(self, who: str = "owner", **headers: str) -> httpx.AsyncClient:
        """Return a client of the application, in process."""
        sent = {"authorization": f"Bearer {self.secrets[who]}"} | headers
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers=sent)

    def claude(self, who: str = "owner") -> httpx.AsyncClient:
        """Return a client that speaks the Anthropic dialect."""
        return self.client(who, **VERSION)


@asynccontextmanager
async def storage(
    folder: Path, gateway: ScriptedGateway | None = None, jobs: Jobs | None = None, **settings: Any
) -> AsyncIterator[Storage]:
    """Open the application; ``settings`` are those of files, or ``server`` and ``batches``."""
    server = ServerSettings(**settings.pop("server", {}))
    batching = BatchSettings(**settings.pop("batches", {}))
    whole = Settings(
        data_dir=folder, server=server, batches=batching, files=FileSettings(**settings)
    )
    db = await Database.open(whole.database_path)
    files = Files(db, Objects.open(whole.files.store_url, whole.objects_dir))
    keys = Keys(db)
    records = records_on(db)
    batches = Batches(db, files, jobs or InlineJobs(), Traffic(batching.concurrency))
    gateway = gateway or ScriptedGateway()
    indexing = InlineJobs()
    documents = Documents(db, files.objects, gateway, indexing)
    services = SimpleNamespace(
        settings=whole,
        gateway=gateway,
        db=db,
        keys=keys,
        limiter=Limiter(),
        answers=KeptAnswers(db, whole.idempotency),
        files=files,
        uploads=Uploads(db, files),
        attachments=Attachments(files),
        batches=batches,
        records=records,
        assistants=Assistants(db),
        documents=documents,
        grounding=Grounding(documents, Retrieval(db, gateway)),
        usage=UsageLog(db, whole.usage),
    )
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.state.services = services
    app.include_router(anthropic.router)
    app.include_router(openai.router)
    errors.install(app)
    middleware.install(app, server, body_limits(whole), usage=services.usage)
    batches.answer_through(Within(app, services.usage))
    await batches.start()
    try:
        yield Storage(app, services, await _customers(db, keys))
    finally:
        await batches.close()
        await indexing.idle()
        await records.close()
        await services.usage.close()
        await db.close()


async def _customers(db: Database, keys: Keys) -> dict[str, str]:
    async with db.session() as session:
        home = await ensure_home(session)
        other = new_id("org")
        session.add(OrganisationRow(id=other, name="Other", created_at=sources.now()))
        await session.flush()
        second = WorkspaceRow(
            id=new_id("ws"),
            organisation_id=home.organisation_id,
            name="Second",
            created_at=sources.now(),
        )
        theirs = WorkspaceRow(
            id=new_id("ws"), organisation_id=other, name="Theirs", created_at=sources.now()
        )
        session.add_all((second, theirs))
    found = {}
    for who, organisation in (("owner", ""), ("stranger", other), ("colleague", "")):
        # A folder may be opened again, and names of keys are unique.
        key, secret = await keys.create(f"{who} {new_id('key')}", organisation_id=organisation)
        found[who] = secret
        if who == "colleague":
            await _move(db, key.id, second.id)
    return found


async def _move(db: Database, key_id: str, workspace_id: str) -> None:
    from sqlalchemy import update

    from consigne.store.tables import ApiKeyRow

    async with db.session() as session:
        await session.execute(
            update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(workspace_id=workspace_id)
        )


@contextmanager
def served_storage(folder: Path, gateway: ScriptedGateway) -> Iterator[tuple[str, Storage]]:
    """Serve it over HTTP with real jobs, from a thread of its own; give its base URL."""
    ready: Any = threading.Event()
    found: list[Any] = []

    async def serve(listener: socket.socket) -> None:
        async with storage(folder, gateway, Jobs(folder / "jobs.db", poll_s=0.05)) as opened:
            config = uvicorn.Config(
                opened.app,
                http=Connection,
                ws="none",
                log_level="warning",
                lifespan="off",
                access_log=False,
            )
            server = uvicorn.Server(config)
            found.extend((server, opened))
            ready.set()
            await server.serve(sockets=[listener])

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        thread = threading.Thread(target=asyncio.run, args=(serve(listener),))
        thread.start()
        try:
            assert ready.wait(60)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", found[1]
        finally:
            if found:
                found[0].should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def jsonl(*rows: Any) -> bytes:
    """Return rows as lines of JSON."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
