"""Pages that are read within messages: Anthropic's own tool, by the reader that the chat has."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import Message

from consigne.api.app import create_app
from consigne.api.fetch_calls import LONGEST_ADDRESS
from consigne.domain.messages import TextBlock, ToolResultBlock
from consigne.settings import SearchSettings, ToolSettings
from doubles.scripted import KEY, START, ScriptedGateway, scripted_services, stop, text, tool_use
from doubles.web_world import WebWorld
from support.contract import Contract
from support.dialects import client, served
from support.files import pdf

ANSWER = (START, *text("In 1881 [1]."), stop())
OLD = {"anthropic-version": "2023-06-01"}
TOOL: dict[str, Any] = {"type": "web_fetch_20250910", "name": "web_fetch"}


@pytest.fixture
async def world() -> AsyncIterator[WebWorld]:
    async with WebWorld().serve() as found:
        yield found


@cache
def contract() -> Contract:
    return Contract.of(create_app(scripted_services(ScriptedGateway())))


def call(url: str, number: int = 1) -> tuple[Any, ...]:
    """Return a turn of the model that names an address."""
    called = tool_use("web_fetch", f'{{"url": "{url}"}}', call=f"toolu_{number}")
    return (START, *called, stop("tool_use"))


def gateway(*urls: str) -> ScriptedGateway:
    """Return one whose model names these addresses, one a turn, and then answers."""
    found = ScriptedGateway(*ANSWER)
    found.scripts = [call(url, number) for number, url in enumerate(urls)]
    return found


def reading(search: SearchSettings | None = None) -> ToolSettings:
    return ToolSettings(web_pages=True, private_addresses=True, search=search or SearchSettings())


def asked(said: str, **tool: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": said}]
    return {"model": "tiny", "max_tokens": 99, "messages": messages, "tools": [TOOL | tool]}


async def post(
    body: dict[str, Any], played: ScriptedGateway, tools: ToolSettings | None = None
) -> httpx.Response:
    """Post a request; hold its answer to the API's document."""
    async with client(played, tools=tools or reading()) as http:
        answer = await http.post("/v1/messages", json=body, headers=OLD)
    contract().check("POST", "/v1/messages", answer)
    return answer


def outcomes(answer: httpx.Response) -> list[str]:
    """Return what came of each address: an error's code, or where the page is."""
    blocks = [b["content"] for b in answer.json()["content"] if b["type"].endswith("tool_result")]
    return [block.get("error_code") or block["url"] for block in blocks]


@pytest.mark.slow
async def test_a_message_reads_a_page_and_cites_it(world: WebWorld) -> None:
    played = gateway(f"{world.url}/moved")
    body = asked(f"See {world.url}/moved", citations={"enabled": True}, max_content_tokens=1000)
    answer = await post(body, played)
    told = Message.model_validate(answer.json())
    used, result, rest = told.content
    assert used.type == "server_tool_use"
    assert (used.name, used.input) == ("web_fetch", {"url": f"{world.url}/moved"})
    assert result.type == "web_fetch_tool_result"
    page = result.content
    assert page.type == "web_fetch_result"
    assert (result.tool_use_id, page.url) == (used.id, f"{world.url}/ar-men")
    assert page.content.title == "Ar-Men & its keepers"
    assert page.content.source.type == "text"
    whole = page.content.source.data
    assert "first lit on 31 August 1881" in whole
    assert rest.type == "text"
    (cited,) = rest.citations or ()
    assert cited.type == "char_location"
    assert cited.document_title == "Ar-Men & its keepers"
    assert whole[cited.start_char_index : cited.end_char_index] == cited.cited_text
    assert told.usage.server_tool_use
    assert told.usage.server_tool_use.web_fetch_requests == 1
    (shown,) = played.requests[1].messages[-1].content
    assert isinstance(shown, ToolResultBlock)
    assert isinstance(shown.content[0], TextBlock)
    assert "[1] " in shown.content[0].text
    # The whole answer goes back as it came, and is shown in passages again.
    history = [*body["messages"], {"role": "assistant", "content": answer.json()["content"]}]
    history.append({"role": "user", "content": "And who kept it?"})
    again = ScriptedGateway(*ANSWER)
    later = Message.model_validate((await post(body | {"messages": history}, again)).json())
    (recalled,) = again.requests[0].messages[2].content
    assert isinstance(recalled, ToolResultBlock)
    assert isinstance(recalled.content[1], TextBlock)
    assert "first lit on 31 August 1881" in recalled.content[1].text
    assert later.content[0].type == "text"
    assert later.content[0].citations


@pytest.mark.slow
async def test_a_pdf_is_read_and_streamed_as_it_is(world: WebWorld) -> None:
    document = pdf("Ar-Men was first lit in 1881.")
    world.files["ar-men.pdf"] = (document, "application/pdf")
    url = f"{world.url}/files/ar-men.pdf"
    played = gateway(url)
    with served(played, tools=reading()) as base:
        api = anthropic.AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0)
        async with api, api.messages.stream(**asked(f"Read {url}.")) as stream:
            final = (await stream.get_final_message()).model_dump()
    page = final["content"][1]["content"]
    assert (page["url"], page["content"]["source"]["media_type"]) == (url, "application/pdf")
    assert final["usage"]["server_tool_use"]["web_fetch_requests"] == 1
    (shown,) = played.requests[1].messages[-1].content
    assert isinstance(shown, ToolResultBlock)
    assert isinstance(shown.content[0], TextBlock)
    assert "first lit in 1881" in shown.content[0].text


async def test_only_what_has_come_up_and_is_allowed_is_read(world: WebWorld) -> None:
    long = f"http://a.example/{'x' * LONGEST_ADDRESS}"
    urls = ["ftp://a.example/", long, "http://b.example/", "http://a.example/?told=secret"]
    body = asked(f"See a.example, b.example and {long}", allowed_domains=["a.example"])
    refused = ["invalid_tool_input", "url_too_long", "url_not_allowed", "url_not_in_prior_context"]
    answer = await post(body, gateway(*urls))
    assert outcomes(answer) == refused
    assert answer.json()["usage"]["server_tool_use"]["web_fetch_requests"] == 0
    # What the user writes counts only where the request does not say otherwise.
    hidden = {"user_input": {"type": "none"}, "client_tool_results": {"type": "all"}}
    body = asked("See http://a.example/x", url_sources=hidden)
    assert outcomes(await post(body, gateway("http://a.example/x"))) == [refused[-1]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        # Nothing of this machine's own network is asked unless the operator says so.
        ({"type": "all"}, "url_not_allowed"),
        (
            {"type": "only", "tools": [{"type": "tool_reference", "name": "look"}]},
            "url_not_allowed",
        ),
        (
            {"type": "except", "tools": [{"type": "tool_reference", "name": "look"}]},
            "url_not_in_prior_context",
        ),
        ({"type": "none"}, "url_not_in_prior_context"),
    ],
)
async def test_addresses_come_from_the_tools_that_the_request_names(
    source: dict[str, Any], outcome: str
) -> None:
    url = "http://127.0.0.1:9/x"
    body = asked("Look", url_sources={"client_tool_results": source})
    used = {"type": "tool_use", "id": "toolu_8", "name": "look", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_8", "content": f"It is at {url}."}
    body["messages"] += [
        {"role": "assistant", "content": [used]},
        {"role": "user", "content": [result]},
    ]
    assert outcomes(await post(body, gateway(url), ToolSettings(web_pages=True))) == [outcome]


@pytest.mark.slow
async def test_what_hinders_a_page_ends_the_call_and_not_the_answer(world: WebWorld) -> None:
    urls = [f"{world.url}/none", f"{world.url}/picture", f"{world.url}/none"]
    answer = await post(asked(" ".join(urls), max_uses=2), gateway(*urls))
    hindered = ["url_not_accessible", "unsupported_content_type", "max_uses_exceeded"]
    assert outcomes(answer) == hindered
    assert answer.json()["content"][-1]["text"] == "In 1881 [1]."
    # Such an answer can be given back, too.
    body = asked("See")
    body["messages"] += [
        {"role": "assistant", "content": answer.json()["content"]},
        {"role": "user", "content": "So?"},
    ]
    assert (await post(body, ScriptedGateway(*ANSWER))).status_code == 200


@pytest.mark.slow
async def test_what_a_search_found_may_be_read(world: WebWorld) -> None:
    found = ScriptedGateway(*ANSWER)
    searched = (START, *tool_use("web_search", '{"query": "Ar-Men"}', call="toolu_9"))
    found.scripts = [(*searched, stop("tool_use")), call(f"{world.url}/ar-men")]
    search = {"type": "web_search_20250305", "name": "web_search"}
    body = asked("When was it lit?", blocked_domains=["127.0.0.1/none"])
    service = SearchSettings(kind="searxng", url=world.url)
    answer = await post(body | {"tools": [*body["tools"], search]}, found, reading(service))
    used = answer.json()["usage"]["server_tool_use"]
    assert used == {"web_search_requests": 1, "web_fetch_requests": 1}


async def test_where_no_pages_are_read_the_tool_is_refused_by_name() -> None:
    async with client(ScriptedGateway()) as http:
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            body = asked("Hello")
            if path.endswith("tokens"):
                del body["max_tokens"]
            refused = await http.post(path, json=body, headers=OLD)
            assert refused.status_code == 400
            assert "tools.web_pages" in refused.json()["error"]["message"]
