"""Nobody sees, changes or stops what is another's, whichever way they ask."""

import io
import re
import zipfile
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from sqlalchemy import event

from consigne.api import app_routes
from support.files import png
from support.site import Site, Visitor, open_site


def zipped() -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("SKILL.md", "---\nname: mine\ndescription: Mine.\n---\nDo it.")
    return into.getvalue()


SKILL = zipped()
MESSAGE = {"text": "Hello", "parent_id": None, "client_id": "one"}
SCHEDULE = {"name": "Mine", "text": "Hello", "cron": "0 8 * * *", "time_zone": "Europe/Paris"}
DRAWING = {"title": "Mine", "kind": "svg", "content": "<svg/>"}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/api/conversations/{conversation_id}/messages"): MESSAGE,
    ("POST", "/api/messages/{message_id}/answers"): {},
    ("POST", "/api/messages/{message_id}/continue"): {},
    ("PATCH", "/api/conversations/{conversation_id}"): {"title": "Mine now"},
    ("PUT", "/api/messages/{message_id}/feedback"): {"rating": "up"},
    ("PUT", "/api/personal/instructions"): {"about": "Me"},
    ("POST", "/api/personal/facts"): {"text": "Mine now"},
    ("PATCH", "/api/personal/facts/{fact_id}"): {"text": "Mine now"},
    ("POST", "/api/prompts"): {"name": "Mine", "text": "Now"},
    ("PATCH", "/api/prompts/{prompt_id}"): {"name": "Mine now"},
    ("POST", "/api/assistants"): {"name": "Mine"},
    ("PUT", "/api/assistants/{assistant_id}"): {"name": "Mine now"},
    ("POST", "/api/schedules"): SCHEDULE,
    ("PUT", "/api/schedules/{schedule_id}"): SCHEDULE,
    ("POST", "/api/schedules/{schedule_id}/pause"): {"paused": True},
    ("POST", "/api/schedules/read"): {"conversation_id": "none"},
    ("PATCH", "/api/skills/{skill_id}"): {"enabled": False},
    ("POST", "/api/temporary"): {"messages": [{"role": "user", "text": "Hello"}]},
    ("POST", "/api/temporary/keep"): {"messages": [{"role": "user", "text": "Hello"}]},
    ("POST", "/api/folders"): {"name": "Later"},
    ("PATCH", "/api/folders/{folder_id}"): {"name": "Mine now"},
    ("POST", "/api/runs/{run_id}/calls/{call_id}/leave"): {"decision": "once"},
    ("POST", "/api/runs/{run_id}/calls/{call_id}/result"): {"text": "Mine now"},
    ("PATCH", "/api/tools/{name}"): {"on": False},
    ("POST", "/api/conversations/{conversation_id}/artifacts"): DRAWING,
    ("POST", "/api/projects"): {"name": "Mine"},
    ("PUT", "/api/projects/{project_id}"): {"name": "Mine now"},
}
SHARED = {
    # What belongs to the person who asks, or to the installation.
    "/api/session",
    "/api/models",
    "/api/models/suggestions",
    "/api/models/pulls",
    "/api/models/pulls/events",
    "/api/models/pulls/{pull_id}",
    "/api/conversations",
    "/api/folders",
    "/api/search",
    "/api/feedback/export",
    "/api/usage",
    "/api/personal",
    "/api/personal/instructions",
    "/api/personal/facts",
    "/api/prompts",
    "/api/assistants",
    "/api/schedules",
    "/api/schedules/read",
    "/api/skills",
    "/api/temporary",
    "/api/temporary/keep",
    "/api/projects",
    "/api/shares",
    "/api/shared/{token}",  # anybody's who has the link
    "/api/shared/{token}/pictures/{picture_id}",
    "/api/shared/{token}/continue",
    "/api/tools",
    "/api/tools/{name}",
    "/api/tools/servers",
    "/api/documents",
    "/api/verify",
    "/api/pictures",
    "/api/export",
    "/api/import",
    "/api/tools/servers/{server_id}",  # an administrator's; another organisation's: see its test
}
PUBLIC = {
    ("POST", "/api/session"),
    ("DELETE", "/api/session"),
    ("POST", "/api/verify"),
    ("GET", "/api/shared/{token}"),
    ("GET", "/api/shared/{token}/pictures/{picture_id}"),
}
CUSTOMERS = SHARED - {
    "/api/verify",
    "/api/import",
    "/api/session",
    "/api/models",
    "/api/models/suggestions",
    "/api/models/pulls",
    "/api/models/pulls/events",
    "/api/models/pulls/{pull_id}",
}
LISTS = {
    "personal": "facts",
    "prompts": "prompts",
    "assistants": "assistants",
    "schedules": "schedules",
    "skills": "skills",
    "projects": "projects",
    "shares": "shares",
}
TENANT_TABLES = re.compile(
    r"\b(conversations|messages|runs|run_events|api_keys|workspaces|sessions|folders"
    r"|message_texts|feedback|memories|personal_instructions|prompts|assistants|schedules|skills"
    r"|skill_choices|tool_switches|tool_approvals|artifacts|artifact_versions|tool_servers"
    r"|documents|passages|pictures|projects|project_documents|shares|imports|made_files)\b"
)


def endpoints() -> list[tuple[str, str]]:
    """Return method and path of every route, as the API's own description lists them."""
    app = FastAPI()
    app.include_router(app_routes.router)
    paths = app.openapi()["paths"]
    return [(method.upper(), path) for path in sorted(paths) for method in sorted(paths[path])]


async def attached(visitor: Visitor) -> str:
    """Add a picture and return its id."""
    made = {"file": ("dot.png", png(), "image/png")}
    added = await visitor.ask("POST", "/documents", files=made)
    return str(added["id"])


async def drawn(visitor: Visitor) -> str:
    """Have a picture made and return its id."""
    conversation = await visitor.ask("POST", "/conversations", {})
    path = f"/conversations/{conversation['id']}/messages"
    sent = await visitor.ask("POST", path, MESSAGE | {"text": "Draw me a cat"})
    await visitor.events(f"/runs/{sent['run']['id']}/events")
    await visitor.ask("DELETE", f"/conversations/{conversation['id']}")
    listed = await visitor.ask("GET", "/pictures")
    return str(listed["pictures"][0]["id"])


async def made(visitor: Visitor, conversation_id: str) -> str:
    """Keep a file that a tool made and return its id."""
    services = visitor.site.services
    caller = await services.identity.caller(visitor.http.cookies["consigne_session"])
    made = await services.made_files.keep(caller, conversation_id, "a.bin", "", b"mine")
    return str(made.id)


async def imported(visitor: Visitor) -> str:
    """Begin an import and return its id."""
    made = await visitor.http.post("/api/import", content=b"[]")
    return str(made.json()["id"])


async def furnished(visitor: Visitor) -> dict[str, str]:
    """Make a conversation and return the names of all that is in it."""
    conversation = await visitor.ask("POST", "/conversations", {})
    sent = await visitor.ask("POST", f"/conversations/{conversation['id']}/messages", MESSAGE)
    await visitor.events(f"/runs/{sent['run']['id']}/events")
    path = f"/conversations/{conversation['id']}/artifacts"
    share = await visitor.ask("POST", f"/conversations/{conversation['id']}/share")
    return {
        "share_id": share["id"],
        "token": share["path"].rpartition("/")[2],
        "artifact_id": (await visitor.ask("POST", path, DRAWING))["id"],
        "conversation_id": conversation["id"],
        "message_id": sent["answer"]["id"],
        "run_id": sent["run"]["id"],
        "folder_id": (await visitor.ask("POST", "/folders", {"name": "Mine"}))["id"],
        "document_id": await attached(visitor),
        "file_id": await made(visitor, conversation["id"]),
        "picture_id": await drawn(visitor),
        "import_id": await imported(visitor),
        "pull_id": "pull_1",
        "call_id": "toolu_1",
        "server_id": "srv_1",
        "name": "calculate",
        **await furnished_personal(visitor),
    }


async def furnished_personal(visitor: Visitor) -> dict[str, str]:
    fact = await visitor.ask("POST", "/personal/facts", {"text": "Likes tea"})
    prompt = await visitor.ask("POST", "/prompts", {"name": "Mine", "text": "Hello"})
    assistant = await visitor.ask("POST", "/assistants", {"name": "Mine"})
    schedule = await visitor.ask("POST", "/schedules", SCHEDULE)
    project = await visitor.ask("POST", "/projects", {"name": "Mine"})
    response = await visitor.http.post("/api/skills", content=SKILL)
    return {
        "fact_id": fact["id"],
        "prompt_id": prompt["id"],
        "assistant_id": assistant["id"],
        "schedule_id": schedule["id"],
        "project_id": project["project"]["id"],
        "skill_id": response.json()["id"],
    }


class Home(NamedTuple):
    """A person who has one of everything, and those who must not come near it."""

    owner: Visitor
    names: dict[str, str]
    others: dict[str, Visitor]


@pytest.fixture(scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """Furnished once: what is refused changes nothing."""
    async with open_site(tmp_path_factory.mktemp("home")) as site:
        owner = await site.owner()
        others = {
            "stranger": await site.stranger(),
            "colleague": await site.member("ada@example.org"),
            "nobody": Visitor(site),
        }
        yield Home(owner, await furnished(owner), others)


def test_the_walk_covers_the_whole_api():
    paths = {path for _, path in endpoints()}
    assert len(paths) >= 12
    assert paths >= SHARED


@pytest.mark.parametrize(
    ("method", "path"), [found for found in endpoints() if found[1] not in SHARED]
)
@pytest.mark.parametrize("who", ["stranger", "colleague"])
async def test_another_s_things_are_not_found(home: Home, method: str, path: str, who: str):
    owner, other = home.owner, home.others[who]
    wanted = path.removeprefix("/api").format(**home.names)
    assert await other.refused(method, wanted, BODIES.get((method, path))) == "404 not_found"
    assert (await other.ask("GET", "/conversations"))["conversations"] == []
    assert (await other.ask("GET", "/folders"))["folders"] == []
    for place, field in LISTS.items():
        assert (await other.ask("GET", f"/{place}"))[field] == []
    found = await other.ask("GET", "/search?query=hello")
    assert (found["conversations"], found["messages"]) == ([], [])
    assert (await owner.ask("GET", "/search?query=hello"))["messages"]
    (kept,) = (await owner.ask("GET", "/conversations"))["conversations"]
    assert kept["title"] == "Hello"


@pytest.mark.parametrize(("method", "path"), endpoints())
async def test_nothing_answers_to_nobody(home: Home, method: str, path: str):
    if (method, path) in PUBLIC:
        return
    names = dict.fromkeys(re.findall(r"\{(\w+)\}", path), "x")
    body = BODIES.get((method, path), {"source": "starter"} if path.endswith("pulls") else {})
    wanted = path.removeprefix("/api").format(**names)
    refused = await home.others["nobody"].refused(method, wanted, None if method == "GET" else body)
    assert refused == "401 not_authenticated"


async def test_every_query_on_a_customer_s_table_filters_on_its_organisation(site: Site):
    owner = await site.owner()
    unfiltered: list[str] = []
    filtered = 0

    def check(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        nonlocal filtered
        # An update of one row by its id comes from a row that was read with the filter.
        by_id = re.fullmatch(r"UPDATE (\w+) SET .* WHERE \1\.id = \?", statement)
        where = statement.partition("WHERE")[2] if "WHERE" in statement else ""
        reads = not statement.startswith("INSERT") and TENANT_TABLES.search(statement)
        signing_in = "secret_hash = ?" in where or statement.startswith("UPDATE sessions")
        if reads and not by_id and not signing_in and "organisation_id" not in where:
            unfiltered.append(statement)
        filtered += bool(reads) and "organisation_id" in where

    event.listen(site.db._engine.sync_engine, "before_cursor_execute", check)
    names = await furnished(owner)
    for method, path in endpoints():
        if path in SHARED - CUSTOMERS or (method, path) == ("DELETE", "/api/session"):
            continue
        body = BODIES.get((method, path), {})
        wanted = path.format(**names)
        words = {"query": "hello"} if path == "/api/search" else None
        await owner.http.request(
            method, wanted, json=None if method == "GET" else body, params=words
        )
    await site.services.runs.close()
    assert unfiltered == []
    assert filtered > 30
