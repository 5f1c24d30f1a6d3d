"""What the web app relies on of its API: the shapes, the states, the refusals."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from consigne.api.app_routes import model_schemas, schemas
from doubles.chat_gateway import paced
from support.clock import held_clock
from support.site import URL, Site, Visitor, open_site

TEXT = {"text": "Hello there", "parent_id": None, "client_id": "one"}


def fits(schema: type[BaseModel], body: Any) -> Any:
    schema.model_validate(body)
    return body


async def sent(visitor: Visitor, **fields: Any) -> Any:
    conversation = fits(schemas.Conversation, await visitor.ask("POST", "/conversations", {}))
    path = f"/conversations/{conversation['id']}/messages"
    return fits(schemas.Sent, await visitor.ask("POST", path, TEXT | fields)), conversation


async def test_a_link_signs_in_once_and_signing_out_ends_it(site: Site):
    visitor = Visitor(site)
    assert await visitor.refused("GET", "/session") == "401 not_authenticated"
    token = await site.services.identity.create_login_link()
    response = await visitor.http.post("/api/session", json={"token": token})
    fits(schemas.Session, response.json())
    cookie = response.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "max-age=2592000"))
    assert "secure" not in cookie
    assert (await visitor.ask("GET", "/session"))["role"] == "owner"
    again = Visitor(site)
    assert await again.refused("POST", "/session", {"token": token}) == "401 not_authenticated"
    secret = visitor.http.cookies["consigne_session"]
    await visitor.ask("DELETE", "/session")
    assert "consigne_session" not in visitor.http.cookies
    again.http.cookies.set("consigne_session", secret)
    assert await again.refused("GET", "/session") == "401 not_authenticated"


async def test_behind_https_the_cookie_travels_only_encrypted(tmp_path: Path):
    async with open_site(tmp_path, public_url="https://chat.example.org") as site:
        visitor = Visitor(site)
        visitor.http.headers["origin"] = "https://chat.example.org"
        token = await site.services.identity.create_login_link()
        response = await visitor.http.post("/api/session", json={"token": token})
        assert "secure" in response.headers["set-cookie"].lower()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{URL}.evil.example", "x"])
async def test_another_site_s_page_changes_nothing(site: Site, origin: str):
    owner = await site.owner()
    owner.http.headers["origin"] = origin
    assert await owner.refused("POST", "/conversations", {}) == "403 not_permitted"
    assert (await owner.ask("GET", "/conversations"))["conversations"] == []


async def test_a_message_and_its_answer_in_every_shape(site: Site):
    owner = await site.owner()
    reply, conversation = await sent(owner)
    assert reply["answer"]["state"] == "running"
    events = await owner.events(f"/runs/{reply['run']['id']}/events")
    kinds = [kind for _, kind, _ in events]
    assert [kinds[0], kinds[1], kinds[-1]] == ["start", "title", "done"]
    answer = fits(schemas.Message, events[-1][2]["message"])
    path = f"/conversations/{conversation['id']}"
    thread = fits(schemas.Thread, await owner.ask("GET", path))
    assert [m for m in thread["messages"] if m["role"] == "assistant"] == [answer]
    listed = fits(schemas.Conversations, await owner.ask("GET", "/conversations?query=HELLO"))
    assert listed["conversations"] == [thread["conversation"]]
    assert listed["conversations"][0]["title"] == "Hello there"
    again = f"/messages/{reply['message']['id']}/answers"
    started = fits(schemas.Started, await owner.ask("POST", again, {"model": "better"}))
    last = (await owner.events(f"/runs/{started['run']['id']}/events"))[-1][2]["message"]
    assert (last["model"], last["parent_id"]) == ("better", reply["message"]["id"])
    changed = await owner.ask("PATCH", path, {"title": "Mine", "head_id": answer["id"]})
    assert (fits(schemas.Conversation, changed)["title"], changed["head_id"]) == (
        "Mine",
        answer["id"],
    )
    await owner.ask("DELETE", path)
    assert await owner.refused("GET", path) == "404 not_found"
    assert await owner.ask("POST", f"{path}/restore") == changed


async def test_a_stream_goes_on_after_the_last_event_that_was_had(site: Site):
    owner = await site.owner()
    gates, site.gateway.script = paced("one ", "two")
    reply, _ = await sent(owner)
    path = f"/runs/{reply['run']['id']}/events"
    whole = asyncio.create_task(owner.events(path))
    by_header = asyncio.create_task(owner.events(path, **{"last-event-id": "2"}))
    by_query = asyncio.create_task(owner.events(f"{path}?after=2"))
    live = site.services.runs._live[reply["run"]["id"]]
    async with asyncio.timeout(60):
        while len(live._waiting) < 3:  # noqa: ASYNC110 - readers come without a sign
            await asyncio.sleep(0.01)
    for gate in gates:
        gate.set()
    events = await whole
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    assert await by_header == await by_query == events[2:]
    last = str(events[-1][0])
    await site.services.runs.close()
    assert [kind for _, kind, _ in await owner.events(path)] == ["start", "done"]
    gone = await owner.http.get(f"/api{path}", headers={"last-event-id": last})
    assert (gone.status_code, gone.content) == (204, b"")


async def test_stop_and_continue(site: Site):
    owner = await site.owner()
    _, site.gateway.script = paced("never")
    reply, conversation = await sent(owner)
    run = reply["run"]["id"]
    assert (await owner.ask("GET", f"/conversations/{conversation['id']}"))["conversation"][
        "running"
    ]
    await owner.ask("POST", f"/runs/{run}/stop")
    stopped = (await owner.events(f"/runs/{run}/events"))[-1][2]["message"]
    assert (stopped["state"], stopped["stop_reason"]) == ("stopped", "cancelled")
    site.gateway.script = type(site.gateway)().script
    path = f"/messages/{stopped['id']}/continue"
    started = fits(schemas.Started, await owner.ask("POST", path, {}))
    assert started["answer"]["id"] == stopped["id"]
    done = (await owner.events(f"/runs/{started['run']['id']}/events"))[-1][2]["message"]
    assert (done["state"], done["content"]) == (
        "complete",
        [{"type": "text", "text": "Hello world"}],
    )
    assert await owner.refused("POST", path, {}) == "409 conflict"


async def test_deleting_a_conversation_stops_what_is_being_written(site: Site):
    owner = await site.owner()
    _, site.gateway.script = paced("never")
    reply, conversation = await sent(owner)
    await owner.ask("DELETE", f"/conversations/{conversation['id']}")
    await owner.ask("POST", f"/conversations/{conversation['id']}/restore")
    events = await owner.events(f"/runs/{reply['run']['id']}/events")
    assert events[-1][2]["message"]["state"] == "stopped"
    assert site.gateway.running == 0


async def test_models_suggestions_and_pulls_have_their_shapes(site: Site):
    owner = await site.owner()
    for _ in range(3):
        site.services.usage.meters.wrote("plain", 40, 2.0)
    models = fits(model_schemas.Models, await owner.ask("GET", "/models"))
    assert models["currency"] == "USD"
    told = {each["id"]: (each["speed"], each["price"]) for each in models["models"]}
    assert told["tiny"] == (None, None)
    assert told["plain"][0] == {"tokens_per_s": 20.0, "measured": True}
    assert told["capable"][1]["output"] == 15_000_000
    assert models["default"] in {model["id"] for model in models["models"]}
    fits(model_schemas.Suggestions, await owner.ask("GET", "/models/suggestions"))
    pull = fits(model_schemas.Pull, await owner.ask("POST", "/models/pulls", {"source": "starter"}))
    pulls = fits(model_schemas.Pulls, await owner.ask("GET", "/models/pulls"))
    assert [p["id"] for p in pulls["pulls"]] == [pull["id"]]
    await owner.ask("DELETE", f"/models/pulls/{pull['id']}")
    refused = await owner.refused("POST", "/models/pulls", {"source": "/etc/passwd"})
    assert refused == "400 invalid_request"


async def test_only_those_who_administer_bring_models(site: Site):
    await site.owner()
    member = await site.member("ada@example.org")
    refused = await member.refused("POST", "/models/pulls", {"source": "starter"})
    assert refused == "403 not_permitted"
    admin = await site.member("bob@example.org", role="admin")
    pull = await admin.ask("POST", "/models/pulls", {"source": "starter"})
    path = f"/models/pulls/{pull['id']}"
    assert await member.refused("DELETE", path) == "403 not_permitted"
    await admin.ask("DELETE", path)


async def test_a_session_ends_after_thirty_days_without_use(site: Site):
    with held_clock() as clock:
        owner = await site.owner()
        clock.move(days=29)
        await owner.ask("GET", "/session")
        clock.move(days=29)
        await owner.ask("GET", "/session")
        clock.move(days=30)
        assert await owner.refused("GET", "/session") == "401 not_authenticated"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/session", {}),
        ("POST", "/session", {"token": 1}),
        ("POST", "/conversations", {"unknown": 1}),
        ("PATCH", "/conversations/{c}", {"title": ""}),
        ("PATCH", "/conversations/{c}", {"title": 7}),
        ("POST", "/conversations/{c}/messages", {}),
        ("POST", "/conversations/{c}/messages", TEXT | {"text": ""}),
        ("POST", "/conversations/{c}/messages", TEXT | {"text": None}),
        ("POST", "/conversations/{c}/messages", TEXT | {"client_id": ""}),
        ("POST", "/conversations/{c}/messages", TEXT | {"client_id": "\x00"}),
        ("GET", "/conversations?limit=0", None),
        ("GET", "/conversations?limit=many", None),
        ("GET", "/conversations?cursor=%00", None),
        ("GET", "/conversations?place=elsewhere", None),
        ("GET", "/conversations/{c}?before=%00", None),
        ("GET", "/conversations/{c}?before=msg_1&after=msg_1", None),
        ("PATCH", "/conversations/{c}", {"pinned": "perhaps"}),
        ("GET", "/search?query=a&limit=0", None),
        ("POST", "/folders", {"name": " "}),
        ("GET", "/runs/run_1/events?after=-1", None),
    ],
)
async def test_malformed_requests_are_refused(site: Site, method: str, path: str, body: Any):
    owner = await site.owner()
    conversation = await owner.ask("POST", "/conversations", {})
    refused = await owner.refused(method, path.replace("{c}", conversation["id"]), body)
    assert refused.startswith("400 ")


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 400), (b"\xff\xfe", 400), (b'{"text":"\\ud800"}', 400), (b"[" * 100_000, 400)],
)
async def test_broken_bodies_are_refused(site: Site, content: bytes, status: int):
    owner = await site.owner()
    conversation = await owner.ask("POST", "/conversations", {})
    response = await owner.http.post(
        f"/api/conversations/{conversation['id']}/messages",
        content=content,
        headers={"content-type": "application/json"},
    )
    assert response.status_code == status
    assert set(response.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("model", ["unknown", "mini", "\x00", "../x"])
async def test_a_model_that_does_not_write_is_refused(site: Site, model: str):
    owner = await site.owner()
    conversation = await owner.ask("POST", "/conversations", {})
    path = f"/conversations/{conversation['id']}"
    for method, where, body in (
        ("POST", f"{path}/messages", TEXT | {"model": model}),
        ("PATCH", path, {"model": model}),
        ("POST", "/conversations", {"model": model}),
    ):
        assert (await owner.refused(method, where, body))[:3] in ("400", "404")
