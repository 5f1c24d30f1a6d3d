"""What an assistant knows: its maker's documents, in the answers of all who may use it."""

import pytest

from doubles.scripted import START, stop, text
from support.site import Json, Site, Visitor

pytestmark = pytest.mark.slow

LEASE = b"The rent is 900 euros.\n\nNotice must be given three months ahead.\n"


async def add(visitor: Visitor, name: str, content: bytes) -> str:
    files = {"file": (name, content, "text/plain")}
    added: Json = await visitor.ask("POST", "/documents", files=files)
    return str(added["id"])


async def answer(visitor: Visitor, assistant: str) -> Json:
    conversation = await visitor.ask("POST", "/conversations", {"model": assistant})
    body = {"text": "How much is it?", "parent_id": None, "client_id": "one"}
    sent = await visitor.ask("POST", f"/conversations/{conversation['id']}/messages", body)
    done: Json = (await visitor.events(f"/runs/{sent['run']['id']}/events"))[-1][2]["message"]
    return done


async def test_those_it_is_shared_with_get_answers_from_it_and_not_the_file(site: Site) -> None:
    owner, member = await site.owner(), await site.member("ada@example.org")
    lease = await add(owner, "lease.txt", LEASE)
    body = {"name": "House", "instructions": "Be brief.", "knowledge": [lease]}
    house = (await owner.ask("POST", "/assistants", body))["id"]
    path = "/temporary"
    question = {"messages": [{"role": "user", "text": "How much?"}], "model": house}
    assert await member.refused("POST", path, question) == "404 model_not_found"
    await owner.ask("PUT", f"/assistants/{house}", {**body, "shared": True})

    site.gateway.script = (START, *text("900 euros [1]."), stop())
    (citation,) = (await answer(member, house))["citations"]
    assert (citation["filename"], citation["number"]) == ("lease.txt", 1)
    assert "900 euros" in citation["text"]
    request = next(r for r in site.gateway.requests if r.system)
    said = [block.text for block in request.system]
    assert said[0] == "Be brief."
    assert said[1].startswith("File: lease.txt\n[1] The rent is 900")
    assert request.messages[-1].text == "How much is it?"
    assert await member.refused("GET", f"/documents/{lease}") == "404 not_found"

    started = await member.ask("POST", path, question)
    done = (await member.events(f"/runs/{started['run']['id']}/events"))[-1][2]["message"]
    assert [each["number"] for each in done["citations"]] == [1]

    # An answer that cites nothing tells what it likely rests on; a greeting rests on nothing.
    site.gateway.script = (START, *text("It is 900 a month."), stop())
    (likely,) = (await answer(member, house))["citations"]
    assert (likely["filename"], likely["cited"]) == ("lease.txt", False)
    site.gateway.script = (START, *text("Hello."), stop())
    assert (await answer(member, house))["citations"] == []

    site.gateway.script = (START, *text("900 euros [1]."), stop())
    await owner.ask("DELETE", f"/documents/{lease}")
    assert (await answer(member, house))["citations"] == []


async def test_nobody_puts_another_s_document_into_an_assistant(site: Site) -> None:
    owner, member = await site.owner(), await site.member("ada@example.org")
    lease = await add(owner, "lease.txt", LEASE)
    mine = await member.ask("POST", "/assistants", {"name": "Mine"})
    body = {"name": "Mine", "knowledge": [lease]}
    assert await member.refused("POST", "/assistants", body) == "404 not_found"
    assert await member.refused("PUT", f"/assistants/{mine['id']}", body) == "404 not_found"
