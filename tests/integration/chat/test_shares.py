"""Links to conversations: what anybody reads, what stays hidden, and who may go on or revoke."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from consigne.api.app_routes import shares as schemas
from consigne.chat.snapshots import taken
from consigne.chat.values import Citation, Source, StoredMessage
from consigne.domain import sources
from consigne.domain.errors import Overloaded
from consigne.domain.messages import TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from consigne.web import static
from doubles.scripted import START, stop, text, thinking, tool_use
from support.clock import held_clock
from support.site import Json, Site, Visitor

pytestmark = pytest.mark.slow

PAGE = {"title": "A page", "kind": "html", "content": "<h1>Hello</h1>"}


async def said(visitor: Visitor, conversation: str, words: str, **fields: Any) -> Json:
    body = {"text": words, "parent_id": None, "client_id": words.replace(" ", "-"), **fields}
    sent = await visitor.ask("POST", f"/conversations/{conversation}/messages", body)
    done: Json = (await visitor.events(f"/runs/{sent['run']['id']}/events"))[-1][2]["message"]
    return done


async def begun(visitor: Visitor, words: str = "Hello", **fields: Any) -> tuple[str, Json]:
    conversation = str((await visitor.ask("POST", "/conversations", {}))["id"])
    return conversation, await said(visitor, conversation, words, **fields)


async def shared(visitor: Visitor, conversation: str) -> tuple[Json, str]:
    share = await visitor.ask("POST", f"/conversations/{conversation}/share")
    return share, share["path"].rpartition("/")[2]


def texts(shown: Json) -> list[str]:
    blocks = (block for message in shown["messages"] for block in message["content"])
    return [block["text"] for block in blocks if block["type"] == "text"]


async def test_a_link_shows_what_was_there_until_it_is_updated_and_then_revoked(
    site: Site,
) -> None:
    owner, nobody = await site.owner(), Visitor(site)
    site.gateway.script = (START, *thinking("Secret thought."), *text("First.", index=1), stop())
    conversation, answer = await begun(owner)
    share, token = await shared(owner, conversation)
    shown = await nobody.ask("GET", f"/shared/{token}")
    schemas.SharedConversation.model_validate(shown)
    schemas.Share.model_validate(share)
    schemas.ShareList.model_validate(await owner.ask("GET", "/shares"))
    assert texts(shown) == ["Hello", "First."]
    assert "Secret" not in str(shown)
    assert answer["id"] not in str(shown)

    await said(owner, conversation, "And then?", parent_id=answer["id"])
    assert await nobody.ask("GET", f"/shared/{token}") == shown
    (listed,) = (await owner.ask("GET", "/shares"))["shares"]
    assert (listed["id"], listed["behind"]) == (share["id"], True)
    again, same = await shared(owner, conversation)
    assert (again["id"], same, again["behind"]) == (share["id"], token, False)
    assert "And then?" in texts(await nobody.ask("GET", f"/shared/{token}"))

    await owner.ask("DELETE", f"/shares/{share['id']}")
    assert await nobody.refused("GET", f"/shared/{token}") == "404 not_found"
    assert (await owner.ask("GET", "/shares"))["shares"] == []
    assert (await shared(owner, conversation))[1] != token


async def test_a_deleted_conversation_is_not_shown(site: Site) -> None:
    owner, nobody = await site.owner(), Visitor(site)
    conversation, _ = await begun(owner)
    _, token = await shared(owner, conversation)
    await owner.ask("DELETE", f"/conversations/{conversation}")
    assert await nobody.refused("GET", f"/shared/{token}") == "404 not_found"
    await owner.ask("POST", f"/conversations/{conversation}/restore")
    assert await nobody.ask("GET", f"/shared/{token}")
    empty = (await owner.ask("POST", "/conversations", {}))["id"]
    assert await owner.refused("POST", f"/conversations/{empty}/share") == "400 invalid_request"


async def test_members_of_any_organisation_go_on_with_a_copy_of_their_own(site: Site) -> None:
    owner, stranger = await site.owner(), await site.stranger()
    making = tool_use("create_artifact", json.dumps(PAGE))
    site.gateway.scripts = [(START, *making, stop("tool_use"))]
    conversation, answer = await begun(owner, model="capable")
    assert any(block["type"] == "tool_result" for block in answer["content"])
    _, token = await shared(owner, conversation)
    (artifact,) = (await Visitor(site).ask("GET", f"/shared/{token}"))["artifacts"]
    assert (artifact["title"], artifact["content"]) == ("A page", "<h1>Hello</h1>")

    copy = (await stranger.ask("POST", f"/shared/{token}/continue"))["conversation_id"]
    thread = await stranger.ask("GET", f"/conversations/{copy}")
    assert [message["role"] for message in thread["messages"]] == ["user", "assistant"]
    (result,) = [b for b in thread["messages"][1]["content"] if b["type"] == "tool_result"]
    own = result["content"][0]["text"].split()[1]
    assert own != artifact["id"]
    assert (await stranger.ask("GET", f"/artifacts/{own}"))["content"] == "<h1>Hello</h1>"
    assert await owner.refused("GET", f"/conversations/{copy}") == "404 not_found"
    assert await Visitor(site).refused("POST", f"/shared/{token}/continue") == (
        "401 not_authenticated"
    )


async def test_pictures_that_it_shows_and_no_others_are_seen(site: Site) -> None:
    owner, nobody = await site.owner(), Visitor(site)
    drawn, _ = await begun(owner, "Draw me a cat")
    await begun(owner, "Draw me another cat")
    other, mine = [each["id"] for each in (await owner.ask("GET", "/pictures"))["pictures"]]
    _, token = await shared(owner, drawn)
    picture = await nobody.http.get(f"/api/shared/{token}/pictures/{mine}")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.headers["x-robots-tag"] == "noindex, nofollow"
    assert await nobody.refused("GET", f"/shared/{token}/pictures/{other}") == "404 not_found"


def shown_in(thread: Json) -> list[str]:
    """Return the ids of the pictures in a conversation."""
    blocks = (block for message in thread["messages"] for block in message["content"])
    results = (block for block in blocks if block["type"] == "tool_result")
    images = (each for block in results for each in block["content"] if each["type"] == "image")
    return [image["url"].split("/")[3] for image in images]


async def test_a_copy_has_its_own_pictures_whatever_becomes_of_the_shared_ones(site: Site) -> None:
    owner, stranger = await site.owner(), await site.stranger()
    drawn, answer = await begun(owner, "Draw me a cat")
    answer = await said(owner, drawn, "Draw me a dog", parent_id=answer["id"])
    await begun(owner, "Draw me another cat")
    first, second = shown_in(await owner.ask("GET", f"/conversations/{drawn}"))
    original = (await owner.http.get(f"/api/pictures/{first}/file")).content
    _, token = await shared(owner, drawn)
    await owner.ask("DELETE", f"/pictures/{second}")

    copy = (await stranger.ask("POST", f"/shared/{token}/continue"))["conversation_id"]
    (own,) = shown_in(await stranger.ask("GET", f"/conversations/{copy}"))
    assert own not in (first, second)
    for picture in (await owner.ask("GET", "/pictures"))["pictures"]:
        await owner.ask("DELETE", f"/pictures/{picture['id']}")
    await owner.ask("DELETE", f"/conversations/{drawn}")
    assert (await stranger.http.get(f"/api/pictures/{own}/file")).content == original
    (picture,) = (await stranger.ask("GET", "/pictures"))["pictures"]
    assert (picture["id"], picture["prompt"], picture["seed"]) == (own, "a cat", None)
    assert await owner.refused("GET", f"/pictures/{own}/file") == "404 not_found"

    leaf = (await stranger.ask("GET", f"/conversations/{copy}"))["leaf_id"]
    changed = await said(stranger, copy, "Draw it with a red hat", parent_id=leaf)
    assert changed["state"] == "complete"
    await stranger.ask("DELETE", f"/pictures/{own}")
    assert (await stranger.http.get(f"/api/pictures/{own}/file")).status_code == 404


async def test_pictures_are_not_kept_for_a_copy_that_came_to_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, stranger = await site.owner(), await site.stranger()
    drawn, _ = await begun(owner, "Draw me a cat")
    _, token = await shared(owner, drawn)

    async def fails(*_: object) -> None:
        raise Overloaded("The database is busy.")

    with monkeypatch.context() as patch:
        patch.setattr("consigne.chat.shares.add_conversation", fails)
        path = f"/shared/{token}/continue"
        assert (await stranger.refused("POST", path)).endswith(" overloaded")
    assert (await stranger.ask("GET", "/pictures"))["pictures"] == []
    with held_clock() as clock:
        clock.now = datetime.now(UTC) + timedelta(days=2)
        assert await site.services.pictures.sweep() == 1
    assert len((await owner.ask("GET", "/pictures"))["pictures"]) == 1


async def test_the_page_is_found_by_the_link_alone(site: Site) -> None:
    site.app.router.routes.extend(static.routes(site.services.shares.leads))
    owner = await site.owner()
    conversation, _ = await begun(owner)
    _, token = await shared(owner, conversation)
    browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(site.app), base_url="http://consigne.test"
    )
    for path, status in ((f"/share/{token}", 200), (f"/share/{token[:-1]}", 404)):
        page = await browser.get(path)
        assert page.status_code == status
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "Hello" not in page.text
    site.services.shares.enabled = False
    assert (await browser.get(f"/share/{token}")).status_code == 404
    assert await owner.refused("GET", f"/shared/{token}") == "404 not_found"
    path = f"/conversations/{conversation}/share"
    assert await owner.refused("POST", path) == "403 not_permitted"
    found = await owner.ask("GET", "/shares")
    assert (found["enabled"], len(found["shares"])) == (False, 1)


def test_a_snapshot_holds_nothing_of_files_tools_and_thoughts() -> None:
    hidden = "HIDDEN"
    now = sources.now()
    content = (
        ThinkingBlock(hidden),
        ToolUseBlock("1", "read_web_page", {"url": hidden}),
        ToolResultBlock("1", (TextBlock(hidden),)),
        ToolUseBlock("2", "create_artifact", {"content": hidden}),
        ToolResultBlock("2", (TextBlock(f"id: art_{hidden} version: 1"),), is_error=True),
        TextBlock("Shown [1]."),
    )
    message = StoredMessage(
        hidden, None, "assistant", content, hidden, "complete", None, None, None, 0, now, hidden,
        sources=(Source(2, "Web", "https://example.org", hidden), Source(3, "", f"/{hidden}")),
        citations=(Citation(1, hidden, "lease.txt", 1, 2, hidden, hidden),),
    )  # fmt: skip
    shown = taken("Title", [message], (), now)
    assert hidden not in str(shown)
    (kept,) = shown.conversation.messages
    assert kept.text == "Shown [1]."
    assert [citation.filename for citation in kept.citations] == ["lease.txt"]
    assert [source.url for source in kept.sources] == ["https://example.org"]
