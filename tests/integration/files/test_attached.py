"""Uploaded files in messages: both dialects name them, models get what they can read."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anthropic.types import (
    CitationCharLocation,
    CitationContentBlockLocation,
    CitationPageLocation,
    CitationsSearchResultLocation,
)

from consigne.business.grants import Grant
from consigne.chat.tools.fetching import Fetcher
from consigne.documents import attachments
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
)
from consigne.domain.models import Modality, Model
from doubles.scripted import START, ScriptedGateway, stop, text
from doubles.web_world import WebWorld
from support.dialects import client as scripted_client
from support.files import pdf, png
from support.storage import Storage, storage

PAGES = pdf("The treasure lies under the oak")
READ = "<document>\nmap.pdf\n\nThe treasure lies under the oak\n</document>"


class Gateway(ScriptedGateway):
    """Has models that read everything, ``far`` at addresses too, and one that reads text."""

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model of this name."""
        found = super().resolve("tiny" if name in ("reader", "far") else name, modality)
        if name not in ("reader", "far"):
            return found
        able = msgspec.structs.replace(
            found.capabilities, documents_in=True, images_in=True, document_urls=name == "far"
        )
        return msgspec.structs.replace(found, id=name, capabilities=able)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def site(tmp_path: Path, gateway: Gateway) -> AsyncIterator[Storage]:
    async with storage(tmp_path, gateway) as found:
        yield found


async def upload(site: Storage, name: str, content: bytes) -> str:
    """Store a file in the Anthropic dialect and return its id: both dialects share them."""
    got = await site.claude().post("/v1/files", files={"file": (name, content)})
    assert got.status_code == 200, got.text
    return str(got.json()["id"])


def claudes(model: str, *sources: tuple[str, str]) -> dict[str, Any]:
    content = [{"type": kind, "source": {"type": "file", "file_id": i}} for kind, i in sources]
    return {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": content}]}


async def sent(site: Storage, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    http = site.claude() if path.startswith("/v1/messages") else site.client()
    got = await http.post(path, json=body)
    return got.status_code, got.json()


async def test_every_form_of_naming_a_file(site: Storage, gateway: Gateway) -> None:
    file_id = await upload(site, "map.pdf", PAGES)
    picture_id = await upload(site, "sun.png", png())
    picture = {"type": "input_image", "file_id": picture_id}
    for path, body in (
        ("/v1/messages", claudes("reader", ("document", file_id), ("image", picture_id))),
        (
            "/v1/responses",
            {
                "model": "reader",
                "input": [
                    {
                        "role": "user",
                        "content": [{"type": "input_file", "file_id": file_id}, picture],
                    }
                ],
            },
        ),
        (
            "/v1/chat/completions",
            {
                "model": "reader",
                "messages": [
                    {"role": "user", "content": [{"type": "file", "file": {"file_id": file_id}}]}
                ],
            },
        ),
    ):
        status, told = await sent(site, path, body)
        assert status == 200, told
        document = DocumentBlock("application/pdf", PAGES, title="map.pdf")
        content: list[ContentBlock] = [document, ImageBlock("image/png", png())]
        if path == "/v1/chat/completions":
            content.pop()  # its pictures have no ids
        assert gateway.requests[-1].messages[0].content == tuple(content)


async def test_a_model_of_text_is_given_the_text(site: Storage, gateway: Gateway) -> None:
    file_id = await upload(site, "map.pdf", PAGES)
    notes_id = await upload(site, "notes.txt", "Dig d\u00e9ep".encode())
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        body = claudes("tiny", ("document", file_id), ("document", notes_id))
        if path.endswith("tokens"):
            del body["max_tokens"]
        status, told = await sent(site, path, body)
        assert status == 200, told
        assert gateway.requests[-1].messages[0].content == (
            TextBlock(READ),
            TextBlock("<document>\nnotes.txt\n\nDig d\u00e9ep\n</document>"),
        )
    part = {"type": "input_file", "file_id": file_id}
    first = await sent(
        site, "/v1/responses", {"model": "tiny", "input": [{"role": "user", "content": [part]}]}
    )
    follow = {"model": "tiny", "input": "And?", "previous_response_id": first[1]["id"]}
    assert (await sent(site, "/v1/responses", follow))[0] == 200
    assert gateway.requests[-1].messages[0].content == (TextBlock(READ),)


async def test_documents_are_cited_where_they_ask_for_it(site: Storage, gateway: Gateway) -> None:
    file_id = await upload(site, "map.pdf", pdf("The treasure lies under the oak", "Dig deep"))
    gateway.script = (START, *text("Under the oak [1]. ", "Or not [3] [9]."), stop())
    plain = {"type": "text", "media_type": "text/plain", "data": "There is no treasure."}
    documents: list[dict[str, Any]] = [
        {"type": "document", "source": source, "citations": {"enabled": True}}
        for source in ({"type": "file", "file_id": file_id}, plain)
    ]
    documents[1] |= {"title": "Doubts", "context": "A letter"}
    asked = {"type": "text", "text": "Where is it?"}
    body = {"model": "reader", "max_tokens": 9, "system": "Be brief."}
    body["messages"] = [{"role": "user", "content": [*documents, asked]}]
    status, whole = await sent(site, "/v1/messages", body)
    assert status == 200, whole
    (request,) = gateway.requests
    assert [block.text[:9] for block in request.system] == ["Be brief.", "Files are"]
    assert [block.text for block in request.messages[0].content] == [  # type: ignore[union-attr]
        "File: map.pdf\n[1] The treasure lies under the oak\n[2] Dig deep",
        "A letter",
        "File: Doubts\n[3] There is no treasure.",
        "Where is it?",
    ]
    first, second = whole["content"][0]["citations"]
    page = CitationPageLocation.model_validate(first)
    assert (page.start_page_number, page.document_index, page.document_title) == (1, 0, "map.pdf")
    place = CitationCharLocation.model_validate(second)
    assert (place.document_index, place.document_title) == (1, "Doubts")
    assert place.cited_text == "There is no treasure."
    assert (place.start_char_index, place.end_char_index) == (0, len(place.cited_text))
    got = await site.claude().post("/v1/messages", json=body | {"stream": True})
    assert got.text.count('"type":"citations_delta"') == 2
    silent = body | {"messages": [{"role": "user", "content": [asked]}]}
    assert (await sent(site, "/v1/messages", silent))[1]["content"][0]["citations"] is None


async def test_blocks_and_search_results_are_cited_block_by_block(
    site: Storage, gateway: Gateway
) -> None:
    gateway.script = (START, *text("Under the oak [2], says one [3][5]."), stop())
    cites = {"citations": {"enabled": True}}
    parts = [{"type": "text", "text": part} for part in ("A map.", "The oak is old.")]
    document = {"type": "document", "source": {"type": "content", "content": parts}} | cites
    found = [
        {
            "type": "search_result",
            "title": f"Notes {n}",
            "source": f"https://example.org/{n}",
            "content": [{"type": "text", "text": "Look under oaks."}, parts[0]],
        }
        | cites
        for n in (1, 2)
    ]
    call = {"type": "tool_use", "id": "t1", "name": "find", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": found}
    body = {
        "model": "reader",
        "max_tokens": 9,
        "tools": [{"name": "find", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": [document, {"type": "text", "text": "Where is it?"}]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    }
    status, whole = await sent(site, "/v1/messages", body)
    assert status == 200, whole
    (request,) = gateway.requests
    told = request.messages[2].content[0]
    assert isinstance(told, ToolResultBlock)
    assert told.content[1] == TextBlock(
        "File: Notes 2 (https://example.org/2)\n[5] Look under oaks.\n[6] A map."
    )
    first, second, third = whole["content"][0]["citations"]
    place = CitationContentBlockLocation.model_validate(first)
    assert (place.document_index, place.cited_text) == (0, "The oak is old.")
    assert (place.start_block_index, place.end_block_index) == (1, 2)
    searched = [CitationsSearchResultLocation.model_validate(each) for each in (second, third)]
    assert [each.search_result_index for each in searched] == [0, 1]
    assert [each.title for each in searched] == ["Notes 1", "Notes 2"]
    assert searched[1].source == "https://example.org/2"
    got = await site.claude().post("/v1/messages", json=body | {"stream": True})
    assert got.text.count('"type":"search_result_location"') == 2


async def test_what_cannot_be_cited_is_refused_by_name(site: Storage) -> None:
    png64 = base64.b64encode(png()).decode()
    source = {"type": "base64", "media_type": "image/png", "data": png64}
    blocks = [{"type": "image", "source": source}, {"type": "text", "text": "a"}]
    given = {"type": "content", "content": blocks}
    document = {"type": "document", "source": given, "citations": {"enabled": True}}
    messages = [{"role": "user", "content": [document]}]
    body = {"model": "reader", "max_tokens": 9, "messages": messages}
    status, told = await sent(site, "/v1/messages", body)
    assert status == 400
    assert "messages.0.content.0.citations" in told["error"]["message"]


def addressed(url: str, model: str = "tiny", **fields: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a request of each dialect with a document at an address."""
    document = {"type": "document", "source": {"type": "url", "url": url}} | fields
    part = {"type": "input_file", "file_url": url}
    turn = {"role": "user", "content": [document]}
    yield "/v1/messages", {"model": model, "max_tokens": 9, "messages": [turn]}
    if not fields:
        yield "/v1/responses", {"model": model, "input": [{"role": "user", "content": [part]}]}


async def test_documents_at_addresses_are_fetched_where_that_is_allowed(
    site: Storage, gateway: Gateway
) -> None:
    async with WebWorld().serve() as world:
        world.files["map.pdf"] = PAGES, "application/octet-stream"
        url = f"{world.url}/files/map.pdf"
        for path, body in addressed(url):
            status, told = await sent(site, path, body)
            assert status == 400, told
            assert "files.fetch_urls" in told["error"]["message"]
        site.services.attachments.fetch = Fetcher(anywhere=True)
        for path, body in addressed(url):
            status, told = await sent(site, path, body)
            assert status == 200, told
            assert gateway.requests[-1].messages[0].content == (TextBlock(READ),)
        for path, body in addressed(url, "reader"):  # it needs the content all the same
            assert (await sent(site, path, body))[0] == 200
            document = DocumentBlock("application/pdf", PAGES, title="map.pdf")
            assert gateway.requests[-1].messages[0].content == (document,)
        gateway.script = (START, *text("Under the oak [1]."), stop())
        for path, body in addressed(url, "far", citations={"enabled": True}, title="Map"):
            told = (await sent(site, path, body))[1]
            (cited,) = told["content"][0]["citations"]
            assert CitationPageLocation.model_validate(cited).document_title == "Map"


async def test_a_provider_that_reads_addresses_is_given_them(
    site: Storage, gateway: Gateway
) -> None:
    for path, body in addressed("https://a.example/map.pdf", "far"):
        assert (await sent(site, path, body))[0] == 200
        (document,) = gateway.requests[-1].messages[0].content
        assert document == DocumentBlock(url="https://a.example/map.pdf")


async def test_what_cannot_be_fetched_is_told(
    site: Storage, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MOST_BYTES", 2**20)
    async with WebWorld().serve() as world:
        world.files["long.txt"] = b"x" * 3000, "text/plain"
        for path, anywhere, words in (
            ("/files/long.txt", False, "Port"),
            ("/none", True, "answers 404"),
            ("/around", True, "on and on"),
            ("/picture", True, "is a picture"),
            ("/endless", True, "1 MB that are left"),
            ("http://localhost:99999/", True, "no address"),
            ("file:///etc/passwd", True, "can't be fetched"),
            ("http://[::1", True, "can't be fetched"),
            ("\x00", True, "can't be fetched"),
        ):
            site.services.attachments.fetch = Fetcher(anywhere=anywhere)
            url = world.url + path if path.startswith("/") else path
            for where, body in addressed(url):
                status, told = await sent(site, where, body)
                assert status == 400, told
                assert words in told["error"]["message"]
    assert not gateway.requests


async def test_in_a_tools_result(site: Storage, gateway: Gateway) -> None:
    file_id = await upload(site, "map.pdf", PAGES)
    document = {"type": "document", "source": {"type": "file", "file_id": file_id}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [document]}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    body = {"model": "tiny", "max_tokens": 9, "messages": [{"role": "user", "content": "Go"}]}
    body["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
    ]
    status, told = await sent(site, "/v1/messages", body)
    assert status == 200, told
    (block,) = gateway.requests[-1].messages[-1].content
    assert block.content == (TextBlock(READ),)  # type: ignore[union-attr]


async def test_what_is_not_there_or_not_readable_is_told(site: Storage) -> None:
    damaged = await upload(site, "map.pdf", b"%PDF-1.4 nothing")
    picture = await upload(site, "sun.png", png())
    stranger = await site.client("stranger").post(
        "/v1/files", files={"file": ("theirs.txt", b"secret")}, data={"purpose": "user_data"}
    )
    foreign = stranger.json()["id"]
    for kind, file_id, status, words in (
        ("document", foreign, 404, foreign),
        ("document", "file_nothing", 404, "file_nothing"),
        ("image", damaged, 400, "is no picture"),
        ("document", damaged, 400, "damaged"),
        ("document", picture, 400, "is a picture"),
    ):
        found, told = await sent(site, "/v1/messages", claudes("tiny", (kind, file_id)))
        assert found == status, told
        assert words in told["error"]["message"]
        part = {"type": f"input_{'file' if kind == 'document' else kind}", "file_id": file_id}
        body = {"model": "tiny", "input": [{"role": "user", "content": [part]}]}
        found, told = await sent(site, "/v1/responses", body)
        assert found == status, told
        assert words in told["error"]["message"]
    bounded = Grant(scopes=frozenset({"generate"}))
    async with scripted_client(ScriptedGateway(), grant=bounded) as http:
        got = await http.post("/v1/messages", json=claudes("tiny", ("document", damaged)))
        assert (got.status_code, "'files'" in got.text) == (403, True)
    twice = {"type": "input_file", "file_id": damaged, "file_url": "https://x.example/y.pdf"}
    body = {"model": "tiny", "input": [{"role": "user", "content": [twice]}]}
    found, told = await sent(site, "/v1/responses", body)
    assert (found, told["error"]["param"]) == (400, "input[0].content[0]")
