"""An assistant that a workspace shares is a model to its keys, in both dialects."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from anthropic.types import CitationCharLocation
from openai.types.responses.response_output_text import AnnotationFileCitation

from consigne.business.keys import NewKey
from consigne.chat.assistants import Assistant, NewAssistant, Settings
from consigne.chat.assisting import applied
from consigne.domain.messages import Message, Request, Sampling, TextBlock
from consigne.settings import SearchSettings, ToolSettings
from consigne.store.tables import UserRow
from doubles.scripted import START, ScriptedGateway, stop, text, tool_use
from doubles.web_world import WebWorld
from support.storage import Storage, storage

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
BAKER = NewAssistant(
    "Baker", instructions="You bake.", settings=Settings(temperature=0.2, max_tokens=50)
)


async def baker(store: Storage, *, shared: bool = True, lease: bytes = b"") -> Assistant:
    """Make an assistant in the owner's workspace."""
    key = await store.caller()
    async with store.db.session() as session:
        session.add(UserRow(id="user_1", email=None, name="Ada", created_at=NOW))
    person = msgspec.structs.replace(key, user_id="user_1", key_id=None)
    wanted = msgspec.structs.replace(BAKER, shared=shared)
    if lease:
        given = await store.services.documents.add(person, "lease.txt", "text/plain", _one(lease))
        wanted = msgspec.structs.replace(wanted, knowledge=(given.id,))
    made: Assistant = await store.services.assistants.create(person, wanted)
    return made


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_it_is_listed_and_answers_in_both_dialects(tmp_path: Path):
    gateway = ScriptedGateway()
    async with storage(tmp_path, gateway) as store:
        made = await baker(store)
        body = {
            "model": made.id,
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Bread?"}],
        }
        async with store.client() as openai, store.claude() as claude:
            assert made.id in {m["id"] for m in (await openai.get("/v1/models")).json()["data"]}
            told = (await claude.get(f"/v1/models/{made.id}")).json()
            assert told["display_name"] == "Baker"
            asked = await openai.post("/v1/chat/completions", json=body)
            assert asked.json()["model"] == made.id, asked.text
            system = {"system": "Be brief.", "temperature": 1.0}
            asked = await claude.post("/v1/messages", json=body | system)
            assert asked.json()["model"] == made.id, asked.text
    first, second = gateway.requests
    assert [block.text for block in first.system] == ["You bake."]
    assert (first.sampling.temperature, first.max_tokens) == (0.2, 9)
    assert [block.text for block in second.system] == ["You bake.", "Be brief."]
    assert second.sampling.temperature == 1.0
    assert first.model != made.id


async def test_what_it_knows_is_shown_and_cited(tmp_path: Path):
    gateway = ScriptedGateway(START, *text("900 euros [1], or more [9]."), stop())
    lease = b"The rent is 900 euros.\n\nNotice must be given three months ahead.\n"
    async with storage(tmp_path, gateway) as store:
        made = await baker(store, lease=lease)
        asked: dict[str, Any] = {"model": made.id, "max_tokens": 9}
        asked["messages"] = [{"role": "user", "content": "How much is it?"}]
        async with store.client() as openai, store.claude() as claude:
            whole = (await claude.post("/v1/messages", json=asked)).json()
            streamed = await claude.post("/v1/messages", json=asked | {"stream": True})
            counted = {"model": made.id, "messages": asked["messages"]}
            await claude.post("/v1/messages/count_tokens", json=counted)
            about = {"model": made.id, "input": "How much is it?"}
            response = (await openai.post("/v1/responses", json=about)).json()
    for request in gateway.requests:
        said = [block.text for block in request.system]
        assert said[0] == "You bake."
        assert said[1].startswith("File: lease.txt\n[1] The rent is 900 euros.")
        assert "number in square brackets" in said[2]
        assert request.messages[-1].text == "How much is it?"
    (citation,) = whole["content"][0]["citations"]
    CitationCharLocation.model_validate(citation)
    assert "900 euros" in citation["cited_text"]
    assert citation["document_title"] == "lease.txt"
    assert json.dumps(citation, separators=(",", ":")) in streamed.text
    assert streamed.text.index("citations_delta") < streamed.text.index("content_block_stop")
    (part,) = response["output"][0]["content"]
    (note,) = part["annotations"]
    AnnotationFileCitation.model_validate(note)
    assert (note["filename"], note["index"]) == ("lease.txt", len(part["text"]))


async def test_all_that_an_answer_cites_has_one_numbering(tmp_path: Path):
    found = (START, *tool_use("web_search", '{"query": "Ar-Men"}'), stop("tool_use"))
    gateway = ScriptedGateway(START, *text("By the note [1], the lease [2], the web [3]."), stop())
    note = {"type": "document", "source": {"type": "text", "media_type": "text/plain"}}
    note["source"] |= {"data": "The lamp is lit at dusk."}  # type: ignore[operator]
    question = {"type": "text", "text": "How much is it?"}
    asked: dict[str, Any] = {"max_tokens": 9, "tools": [SEARCH], "messages": [{"role": "user"}]}
    asked["messages"][0]["content"] = [note | {"citations": {"enabled": True}}, question]
    about = {"input": "How much is it?", "tools": [{"type": "web_search"}]}
    async with storage(tmp_path, gateway) as store, WebWorld().serve() as world:
        tools = ToolSettings(search=SearchSettings(kind="searxng", url=world.url))
        store.services.settings = msgspec.structs.replace(store.services.settings, tools=tools)
        made = await baker(store, lease=b"The rent is 900 euros.\n")
        async with store.client() as openai, store.claude() as claude:
            gateway.scripts = [found]
            whole = (await claude.post("/v1/messages", json=asked | {"model": made.id})).json()
            gateway.scripts = [found]
            response = (await openai.post("/v1/responses", json=about | {"model": made.id})).json()
    told, lease, page = whole["content"][-1]["citations"]
    assert (told["cited_text"], told["document_index"]) == ("The lamp is lit at dusk.", 0)
    assert (lease["document_title"], lease["document_index"]) == ("lease.txt", 1)
    assert page["url"] == f"{world.url}/ar-men"
    notes = response["output"][-1]["content"][0]["annotations"]
    assert [note["type"] for note in notes] == ["file_citation", "url_citation"]


async def test_of_what_is_too_long_to_show_the_fitting_passages_are(tmp_path: Path):
    gateway = ScriptedGateway()
    pages = "\n\n".join(f"Rule {n}. " + "Nothing of note. " * 20 for n in range(60))
    lease = (pages + "\n\nThe treasure lies under the oak.").encode()
    async with storage(tmp_path, gateway) as store:
        made = await baker(store, lease=lease)
        question = {"role": "user", "content": "Where does the treasure lie, under which tree?"}
        body = {"model": made.id, "max_tokens": 9, "messages": [question]}
        async with store.client() as openai:
            answer = await openai.post("/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
    (request,) = gateway.requests
    assert [block.text[:8] for block in request.system] == ["You bake", "Files ar"]
    assert "treasure lies under the oak" in request.messages[0].text
    assert len(request.messages[0].text) < len(lease) // 2


async def test_another_workspace_and_another_organisation_do_not_have_it(tmp_path: Path):
    async with storage(tmp_path) as store:
        made = await baker(store)
        body = {"model": made.id, "messages": [{"role": "user", "content": "Bread?"}]}
        for who in ("colleague", "stranger"):
            async with store.client(who) as client:
                asked = await client.post("/v1/chat/completions", json=body)
                assert asked.status_code == 404
                assert made.id not in (await client.get("/v1/models")).text


async def test_a_private_one_is_no_model(tmp_path: Path):
    async with storage(tmp_path) as store:
        made = await baker(store, shared=False)
        async with store.client() as client:
            assert (await client.get(f"/v1/models/{made.id}")).status_code == 404


async def test_a_key_that_is_bound_to_models_needs_it_in_its_list(tmp_path: Path):
    async with storage(tmp_path) as store:
        made = await baker(store)
        tiny = store.services.gateway.models()[0].id
        for models, status in ((frozenset({tiny}), 403), (frozenset({made.id}), 200)):
            _, secret = await store.services.keys.create(
                f"bound {status}", NewKey(models=tuple(models))
            )
            body = {"model": made.id, "messages": [{"role": "user", "content": "Bread?"}]}
            async with store.client() as client:
                client.headers["authorization"] = f"Bearer {secret}"
                asked = await client.post("/v1/chat/completions", json=body)
                assert asked.status_code == status, asked.text


def test_the_caller_s_own_settings_win():
    at = NOW
    made = Assistant(
        "asst_1", "Baker", "", "You bake.", "tiny", Settings(0.2, 0.5, 50), (), (), (), "B",
        "teal", True, False, at, at,
    )  # fmt: skip
    asked = Request("asst_1", (Message("user", (TextBlock("?"),)),), sampling=Sampling(top_p=0.9))
    given = applied(made, asked)
    assert given.sampling == Sampling(temperature=0.2, top_p=0.9)
    assert (given.model, given.max_tokens) == ("tiny", 50)
