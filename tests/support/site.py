"""The web app's own API in this process, on a real database and a scripted model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI

from consigne.api import app_routes, errors, middleware
from consigne.api.app_routes.access import COOKIE
from consigne.business.identity import Identity
from consigne.business.keys import Keys
from consigne.business.picture_copies import PictureCopies
from consigne.business.pictures import Pictures
from consigne.business.secret import hash_secret, new_secret
from consigne.business.usage import UsageLog
from consigne.business.usage_report import UsageReport
from consigne.chat.artifacts import Artifacts
from consigne.chat.assistants import Assistants
from consigne.chat.conversations import Conversations
from consigne.chat.feedback import Feedback
from consigne.chat.folders import Folders
from consigne.chat.grounding import Grounding
from consigne.chat.guiding import Guiding
from consigne.chat.importing import Importing
from consigne.chat.made_files import MadeFiles
from consigne.chat.personal import Personal
from consigne.chat.projects import Projects
from consigne.chat.prompts import Prompts
from consigne.chat.runs import Runs
from consigne.chat.schedules import Schedules
from consigne.chat.scheduling import Scheduling
from consigne.chat.search import Search
from consigne.chat.shares import Shares
from consigne.chat.skills import Skills
from consigne.chat.temporary import Temporary
from consigne.chat.tools.opening import open_toolbox
from consigne.chat.tools.own_tools import OwnTools
from consigne.chat.tools.picturing import Picturing
from consigne.chat.tools.servers import ToolServers
from consigne.chat.transfers import Transfers
from consigne.chat.whereabouts import Whereabouts
from consigne.documents.library import Documents
from consigne.documents.retrieval import Retrieval
from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.engines.base import InstalledModel
from consigne.engines.downloads import Facts, Progress
from consigne.engines.library import ModelLibrary
from consigne.gateway.pulls import Pulls
from consigne.settings import ServerSettings, Settings, ToolSettings
from consigne.store.db import Database
from consigne.store.objects import Objects
from consigne.store.tables import OrganisationRow, SessionRow, WorkspaceRow
from doubles.chat_gateway import ChatGateway
from doubles.inline_jobs import InlineJobs

Json = dict[str, Any]
URL = "http://consigne.test"


class Visitor:
    """A browser: its cookies, and what it asks."""

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(site.app), base_url=URL, headers={"origin": URL}
        )

    async def ask(self, method: str, path: str, body: Json | None = None, **more: Any) -> Any:
        """Return the JSON of an answer that is 2xx."""
        response = await self.http.request(method, f"/api{path}", json=body, **more)
        assert response.is_success, response.text
        return response.json() if response.content else None

    async def refused(self, method: str, path: str, body: Json | None = None, **more: Any) -> str:
        """Return status and code of an answer that is not 2xx."""
        response = await self.http.request(method, f"/api{path}", json=body, **more)
        error = response.json()["error"]
        assert set(error) == {"code", "message"}
        assert error["message"]
        return f"{response.status_code} {error['code']}"

    async def events(self, path: str, **headers: str) -> list[tuple[int, str, Json]]:
        """Return a whole stream of events, each with its number."""
        async with asyncio.timeout(60):
            response = await self.http.get(f"/api{path}", headers=headers)
        assert response.is_success, response.text
        return [parse(record) for record in response.text.split("\n\n") if "data:" in record]


def parse(record: str) -> tuple[int, str, Json]:
    """Return number, kind and body of one server-sent event."""
    fields = dict(line.split(": ", 1) for line in record.splitlines() if not line.startswith(":"))
    return int(fields.get("id", 0)), fields["event"], msgspec.json.decode(fields["data"])


class Site:
    """The application and what it stands on."""

    def __init__(self, app: FastAPI, services: SimpleNamespace) -> None:
        self.app = app
        self.services = services
        self.gateway: ChatGateway = services.gateway
        self.db: Database = services.db

    async def owner(self) -> Visitor:
        """Return the owner's browser, signed in."""
        visitor = Visitor(self)
        token = await self.services.identity.create_login_link()
        await visitor.ask("POST", "/session", {"token": token})
        return visitor

    async def member(self, email: str, role: str = "member") -> Visitor:
        """Return the browser of another person of the same organisation."""
        visitor = Visitor(self)
        await self.services.identity.create_user(email, role=role)
        token = await self.services.identity.create_login_link(email)
        await visitor.ask("POST", "/session", {"token": token})
        return visitor

    async def stranger(self) -> Visitor:
        """Return the browser of another organisation's owner."""
        now, secret, organisation_id = sources.now(), new_secret(), new_id("org")
        async with self.db.session() as session:
            session.add(OrganisationRow(id=organisation_id, name="Other", created_at=now))
            await session.flush()
            session.add(
                WorkspaceRow(
                    id=new_id("ws"), organisation_id=organisation_id, name="All", created_at=now
                )
            )
        user = await self.services.identity.create_user(
            "eve@example.net", role="owner", organisation_id=organisation_id
        )
        async with self.db.session() as session:
            session.add(
                SessionRow(
                    id=new_id("sess"),
                    organisation_id=organisation_id,
                    user_id=user.id,
                    secret_hash=hash_secret(secret),
                    created_at=now,
                    expires_at=now.replace(year=now.year + 1),
                )
            )
        visitor = Visitor(self)
        visitor.http.cookies.set(COOKIE, secret)
        return visitor


async def _never(
    source: str, library: ModelLibrary, *, progress: Callable[[Progress], None], facts: Facts | None
) -> InstalledModel:
    progress(Progress("download", 1, 100))
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def open_site(
    folder: Path, *, tools: ToolSettings | None = None, **server: Any
) -> AsyncIterator[Site]:
    """Open the application on a new database."""
    db = await Database.open(folder / "consigne.db")
    gateway, library = ChatGateway(), ModelLibrary(folder / "models")
    personal, skills, jobs = Personal(db), Skills(db, folder / "skills"), InlineJobs()
    guide, conversations = Guiding(personal, skills), Conversations(db)
    tools = tools or ToolSettings()
    settings = Settings(data_dir=folder, server=ServerSettings(**server), tools=tools)
    tool_servers = ToolServers(db, tools)
    objects = Objects.open("", folder / "objects")
    pictures = Pictures(db, objects, settings)
    own, made = OwnTools(personal, skills), MadeFiles(db, objects)
    toolbox = open_toolbox(settings, db, own, made, tool_servers, (pictures, gateway))
    documents = Documents(db, objects, gateway, jobs)
    grounding = Grounding(documents, Retrieval(db, gateway))
    usage = UsageLog(db)
    runs = Runs(db, gateway, guide, toolbox, grounding, Picturing(pictures), usage)
    services = SimpleNamespace(
        settings=settings,
        gateway=gateway,
        library=library,
        db=db,
        identity=Identity(db),
        keys=Keys(db),
        conversations=conversations,
        folders=Folders(db),
        transfers=Transfers(db),
        whereabouts=Whereabouts(db),
        importing=Importing(db, objects, jobs),
        search=Search(db),
        runs=runs,
        assistants=Assistants(db),
        personal=personal,
        prompts=Prompts(db),
        schedules=Schedules(db),
        scheduling=Scheduling(db, runs, conversations, jobs),
        skills=skills,
        temporary=Temporary(db, gateway, guide, grounding, usage),
        jobs=jobs,
        feedback=Feedback(db),
        toolbox=toolbox,
        artifacts=Artifacts(db),
        made_files=made,
        documents=documents,
        pictures=pictures,
        projects=Projects(db),
        shares=Shares(db, PictureCopies(db, objects)),
        tool_servers=tool_servers,
        pulls=Pulls(library, _never),
        usage=usage,
        usage_report=UsageReport(db),
    )
    app = FastAPI()
    app.state.services = services
    app.include_router(app_routes.router)
    errors.install(app)
    middleware.install(app, services.settings.server)
    try:
        yield Site(app, services)
    finally:
        await jobs.close()
        await services.temporary.close()
        await services.runs.close()
        await services.pulls.close()
        await services.usage.close()
        await db.close()
