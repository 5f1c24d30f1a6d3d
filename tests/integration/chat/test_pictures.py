"""Pictures in the chat: made, changed, shown, kept and deleted, over the app's own API."""

import base64
import io
from typing import Any

import msgspec
from PIL import Image

from consigne.api.picture_calls import NAME, Maker, PictureEnded, Wish
from consigne.business.pictures import Picture
from consigne.domain.messages import ToolUseBlock
from doubles.chat_gateway import CAPABLE, PAINTER, TRAITS
from doubles.scripted import START, stop, tool_use
from support.site import Site, Visitor

Json = dict[str, Any]


async def told(
    visitor: Visitor, conversation: str, text: str, parent: str | None = None, **more: Any
) -> tuple[Json, list[str]]:
    """Send a message; return its whole answer and the kinds of its events.

    Progress that shows a picture's state is of the kind ``growing``.
    """
    body = {"text": text, "parent_id": parent, "client_id": f"c{hash((text, parent))}", **more}
    sent = await visitor.ask("POST", f"/conversations/{conversation}/messages", body)
    events = await visitor.events(f"/runs/{sent['run']['id']}/events")
    seen = [body.get("growing", {}).get("url", "") for _, _, body in events]
    assert all(each.startswith("data:image/webp;base64,") for each in seen if each)
    kinds = ["growing" if url else kind for (_, kind, _), url in zip(events, seen, strict=True)]
    return events[-1][2]["message"], kinds


def shown(answer: Json) -> list[str]:
    """Return the addresses of the pictures in an answer."""
    return [
        each["url"]
        for block in answer["content"]
        if block["type"] == "tool_result"
        for each in block["content"]
        if each["type"] == "image"
    ]


def said(answer: Json) -> str:
    return "".join(block["text"] for block in answer["content"] if block["type"] == "text")


async def test_a_small_model_draws_and_changes_what_is_plainly_asked(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {}))["id"]
    first, kinds = await told(owner, where, "Draw me a cat with a hat")
    (address,) = shown(first)
    assert address.endswith("/file#64x64")
    assert said(first) == ""
    assert kinds.index("tool_use") < kinds.index("tool_result")
    response = await owner.http.get(address)
    assert Image.open(io.BytesIO(response.content)).size == (64, 64)
    second, _ = await told(owner, where, "make it blue", first["id"])
    third, _ = await told(owner, where, "rends-le vert", second["id"])
    requests = site.gateway.drawn
    assert [each.prompt for each in requests] == [
        "a cat with a hat", "a blue cat with a hat", "a green cat with a hat",
    ]  # fmt: skip
    assert requests[0].source is None
    assert requests[1].source
    assert requests[2].source
    listed = await owner.ask("GET", "/pictures?limit=2")
    assert listed["more"]
    assert [each["id"] in shown(third)[0] for each in listed["pictures"]] == [True, False]
    newest, older = listed["pictures"]
    assert newest["source_id"] == older["id"]
    assert older["source_id"] in address
    rest = await owner.ask("GET", f"/pictures?before={older['id']}")
    assert [each["prompt"] for each in rest["pictures"]] == ["a cat with a hat"]
    thread = await owner.ask("GET", f"/conversations/{where}")
    assert shown(thread["messages"][1]) == [address]
    assert "data" not in str(thread["messages"][1]["content"][1]["content"][0])
    assert not site.gateway.requests  # no text model was asked


async def test_a_model_that_redraws_changes_its_pictures_by_their_seed(site: Site) -> None:
    traits = msgspec.structs.replace(TRAITS, redraws=True)
    site.gateway.painter = msgspec.structs.replace(PAINTER, image=traits)
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {}))["id"]
    first, _ = await told(owner, where, "Draw me a cat")
    second, _ = await told(owner, where, "make it blue", first["id"])
    await told(owner, where, "another one like it", second["id"])
    drawn, changed, varied = site.gateway.drawn
    assert (changed.prompt, changed.source, changed.seed) == ("a blue cat", None, 7)
    assert (varied.prompt, varied.source, varied.seed) == ("a blue cat", None, None)
    assert (drawn.source, drawn.seed) == (None, None)
    newest, older, oldest = (await owner.ask("GET", "/pictures"))["pictures"]
    assert (newest["source_id"], older["source_id"]) == (older["id"], oldest["id"])


async def test_a_picture_within_an_answer_of_the_api_changes_by_its_seed_too(site: Site) -> None:
    traits = msgspec.structs.replace(TRAITS, redraws=True)
    site.gateway.painter = msgspec.structs.replace(PAINTER, image=traits)
    identity = site.services.identity
    caller = (await identity.sign_in(await identity.create_login_link())).caller
    maker = Maker(caller, site.services.pictures, site.gateway, Wish(model="icons"))

    async def made(**given: str) -> Picture:
        ended = [event async for event in maker.make(ToolUseBlock("call_1", NAME, given))][-1]
        assert isinstance(ended, PictureEnded)
        assert ended.ready, ended.error
        return ended.ready.picture

    first = await made(prompt="a cat")
    changed = await made(prompt="a blue cat", picture_id=first.id)
    varied = await made(prompt="a blue cat", picture_id=changed.id)
    assert [each.seed for each in site.gateway.drawn] == [None, first.seed, None]
    assert [each.source for each in site.gateway.drawn] == [None] * 3
    assert [each.source_id for each in (first, changed, varied)] == [None, first.id, changed.id]


async def test_it_says_in_the_question_s_language_that_it_does_not_know_a_thing(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {}))["id"]
    french, _ = await told(owner, where, "Dessine-moi un mouton")
    assert "ne semble pas connaître" in said(french)
    assert shown(french)
    english, _ = await told(owner, where, "a sheep in the grass", french["id"], mode="picture")
    assert "does not seem to know" in said(english)
    assert site.gateway.drawn[-1].prompt == "a sheep in the grass"
    assert site.gateway.drawn[-1].source is None


async def test_other_questions_are_answered_in_words(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {}))["id"]
    answer, _ = await told(owner, where, "Draw a conclusion")
    assert (said(answer), site.gateway.drawn) == ("Hello world", [])
    await owner.ask("PATCH", "/tools/make_picture", {"on": False})
    switched_off, _ = await told(owner, where, "Draw a cat", answer["id"])
    assert (said(switched_off), site.gateway.drawn) == ("Hello world", [])


async def test_a_capable_model_calls_the_tool_and_sees_no_bytes(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {"model": CAPABLE.id}))["id"]
    using = (START, *tool_use("make_picture", '{"prompt": "a cat", "n": 2}'), stop("tool_use"))
    site.gateway.scripts = [using]
    answer, kinds = await told(owner, where, "Draw a cat")
    assert kinds.count("tool_progress") == 1 + 4, "begun, and each step"
    assert kinds.count("growing") == 2
    assert len(shown(answer)) == 2
    assert said(answer) == "Hello world"
    seen = str([request.messages for request in site.gateway.requests])
    assert "Made img_" in seen
    assert "/api/pictures" not in seen
    elsewhere = await site.stranger()
    picture = (await owner.ask("GET", "/pictures"))["pictures"][0]
    there = (await elsewhere.ask("POST", "/conversations", {"model": CAPABLE.id}))["id"]
    stolen = f'{{"prompt": "a cat", "picture_id": "{picture["id"]}"}}'
    site.gateway.scripts = [(START, *tool_use("make_picture", stolen), stop("tool_use"))]
    refused, _ = await told(elsewhere, there, "Change it")
    assert shown(refused) == []


async def test_a_file_comes_in_other_forms_signed_and_goes_when_deleted(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {}))["id"]
    answer, _ = await told(owner, where, "Draw a cat")
    path = shown(answer)[0].partition("#")[0]
    response = await owner.http.get(path, params={"form": "webp", "download": "true"})
    assert response.headers["content-type"] == "image/webp"
    assert response.headers["content-disposition"].startswith("attachment")
    assert Image.open(io.BytesIO(response.content)).format == "WEBP"
    found = await site.services.pictures.verify(response.content)
    assert (found.ours, found.generated, found.picture_id in path) == (True, True, True)
    assert found.picture_id
    assert (
        await owner.refused("GET", path.removeprefix("/api") + "?form=gif") == "400 invalid_request"
    )
    await owner.ask("DELETE", path.removeprefix("/api").removesuffix("/file"))
    assert await owner.refused("GET", path.removeprefix("/api")) == "404 not_found"
    again, _ = await told(owner, where, "make it blue", answer["id"])
    assert shown(again) == []  # there is nothing to change any more


async def test_a_marked_part_is_drawn_anew_and_nobody_else_s(site: Site) -> None:
    owner = await site.owner()
    where = (await owner.ask("POST", "/conversations", {"model": CAPABLE.id}))["id"]
    first, _ = await told(owner, where, "a cat", mode="picture")
    made = (await owner.ask("GET", "/pictures"))["pictures"][0]["id"]
    cells = base64.urlsafe_b64encode(b"\xff" * 256 + bytes(256)).decode().rstrip("=")
    part = {"picture_id": made, "cells": cells}
    answer, _ = await told(owner, where, "make it blue", first["id"], part=part)
    assert shown(answer), "the model that could use tools was not asked"
    drawn = site.gateway.drawn[-1]
    assert (drawn.prompt, drawn.strength) == ("a blue cat", 1.0)
    assert drawn.mask
    mask = Image.open(io.BytesIO(drawn.mask))
    assert [mask.getpixel((9, y)) for y in (0, 31, 32, 63)] == [255, 255, 0, 0]
    again = await owner.ask("POST", f"/messages/{answer['parent_id']}/answers", {})
    await owner.events(f"/runs/{again['run']['id']}/events")
    assert site.gateway.drawn[-1].mask == drawn.mask, "the question keeps its part"
    elsewhere = await site.stranger()
    there = (await elsewhere.ask("POST", "/conversations", {}))["id"]
    for visitor, place, wrong, problem in (
        (owner, where, {"cells": "AAAA"}, "400 invalid_request"),
        (owner, where, {"cells": "\u00e9"}, "400 invalid_request"),
        (owner, where, {"cells": "A" * len(cells)}, "400 invalid_request"),
        (elsewhere, there, {}, "404 not_found"),
    ):
        body = {"text": "x", "parent_id": None, "client_id": "c", "part": part | wrong}
        assert await visitor.refused("POST", f"/conversations/{place}/messages", body) == problem
