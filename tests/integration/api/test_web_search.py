"""Web search within answers: both dialects' own tool, run by the operator's search service."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response, ResponseFunctionWebSearch

from consigne.api.app import create_app
from consigne.domain.messages import TextBlock, ToolChoice, ToolResultBlock, ToolUseBlock
from consigne.settings import SearchSettings, ToolSettings
from doubles.scripted import KEY, START, ScriptedGateway, scripted_services, stop, text, tool_use
from doubles.web_world import WebWorld
from support.contract import Contract
from support.dialects import client, served

ASKED = "When was Ar-Men first lit?"
CALL = (START, *text("I look."), *tool_use("web_search", '{"query": "Ar-Men"}', index=1))
ANSWER = (START, *text("In 1881 [1]."), stop())
CLAUDE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 99,
    "messages": [{"role": "user", "content": ASKED}],
    "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}],
}
GPT: dict[str, Any] = {
    "model": "tiny",
    "input": ASKED,
    "tools": [{"type": "web_search"}],
    "include": ["web_search_call.action.sources"],
}
OLD = {"anthropic-version": "2023-06-01"}


@pytest.fixture
async def world() -> AsyncIterator[WebWorld]:
    async with WebWorld().serve() as found:
        yield found


@cache
def contract() -> Contract:
    return Contract.of(create_app(scripted_services(ScriptedGateway())))


def searching(world: WebWorld) -> ToolSettings:
    return ToolSettings(search=SearchSettings(kind="searxng", url=world.url))


def gateway() -> ScriptedGateway:
    """Return one whose model searches, and then answers."""
    found = ScriptedGateway(*ANSWER)
    found.scripts = [(*CALL, stop("tool_use"))]
    return found


@contextmanager
def nowhere() -> Iterator[tuple[ScriptedGateway, str]]:
    """Serve with a search service that can't be reached."""
    found = gateway()
    settings = ToolSettings(search=SearchSettings(kind="searxng", url="http://127.0.0.1:9"))
    with served(found, tools=settings) as url:
        yield found, url


async def post(
    world: WebWorld, path: str, body: dict[str, Any], played: ScriptedGateway | None = None
) -> httpx.Response:
    """Post a request; hold its answer to the API's document."""
    async with client(played or gateway(), tools=searching(world)) as http:
        answer = await http.post(path, json=body, headers=OLD if "messages" in path else {})
    contract().check("POST", path, answer)
    return answer


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_a_message_holds_a_search_and_cites_what_it_found(world: WebWorld) -> None:
    played = gateway()
    answer = await post(world, "/v1/messages", CLAUDE, played)
    told = Message.model_validate(answer.json())
    said, call, result, rest = told.content
    assert (said.type, call.type, result.type) == (
        "text",
        "server_tool_use",
        "web_search_tool_result",
    )
    assert call.type == "server_tool_use"
    assert (call.name, call.input, world.asked[0][0]) == (
        "web_search",
        {"query": "Ar-Men"},
        "Ar-Men",
    )
    assert result.type == "web_search_tool_result"
    assert result.tool_use_id == call.id
    assert isinstance(result.content, list)
    assert (result.content[0].title, result.content[0].url) == ("Ar-Men", f"{world.url}/ar-men")
    assert rest.type == "text"
    (cited,) = rest.citations or ()
    assert cited.type == "web_search_result_location"
    assert (cited.url, cited.cited_text) == (f"{world.url}/ar-men", "A lighthouse.")
    assert told.usage.server_tool_use
    assert told.usage.server_tool_use.web_search_requests == 1
    (shown,) = played.requests[1].messages[-1].content
    assert isinstance(shown, ToolResultBlock)
    assert shown.content == (TextBlock(f"[1] Ar-Men\n{world.url}/ar-men\nA lighthouse."),)
    # The whole answer goes back as it came.
    history = [*CLAUDE["messages"], {"role": "assistant", "content": answer.json()["content"]}]
    history.append({"role": "user", "content": "And who kept it?"})
    again = ScriptedGateway(*ANSWER)
    await post(world, "/v1/messages", CLAUDE | {"messages": history}, again)
    _, first, found, second, _ = again.requests[0].messages
    assert first.content[-1] == ToolUseBlock(call.id, "web_search", {"query": "Ar-Men"})
    (recalled,) = found.content
    assert isinstance(recalled, ToolResultBlock)
    assert recalled.content == (TextBlock(f"Ar-Men\n{world.url}/ar-men\nA lighthouse."),)
    assert second.text == "In 1881 [1]."


async def test_a_streamed_message_adds_up_to_the_whole(world: WebWorld) -> None:
    whole = (await post(world, "/v1/messages", CLAUDE)).json()
    settings = searching(world)
    with served(gateway(), tools=settings) as url:
        api = anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0)
        async with api, api.messages.stream(**CLAUDE) as stream:
            final = (await stream.get_final_message()).model_dump()
    ids = {"id": None, "tool_use_id": None, "caller": None}
    kinds = [block["type"] for block in final["content"]]
    assert kinds == [block["type"] for block in whole["content"]]
    for got, wanted in zip(final["content"], whole["content"], strict=True):
        assert {**got, **ids} == {**wanted, **dict.fromkeys(ids)} | {
            k: v for k, v in got.items() if k not in wanted and k not in ids
        }
    assert final["usage"]["server_tool_use"]["web_search_requests"] == 1


async def test_a_response_holds_a_search_and_cites_what_it_found(world: WebWorld) -> None:
    answer = await post(world, "/v1/responses", GPT)
    told = Response.model_validate(answer.json())
    said, call, rest = told.output
    assert isinstance(call, ResponseFunctionWebSearch)
    assert (said.type, call.status, call.action.type) == ("message", "completed", "search")
    assert call.action.type == "search"
    assert [each.url for each in call.action.sources or ()] == [f"{world.url}/ar-men"]
    assert rest.type == "message"
    assert rest.content[0].type == "output_text"
    (cited,) = rest.content[0].annotations
    assert cited.type == "url_citation"
    assert (cited.url, cited.title) == (f"{world.url}/ar-men", "Ar-Men")
    assert rest.content[0].text[cited.start_index : cited.end_index] == "[1]"
    streamed = events(await post(world, "/v1/responses", GPT | {"stream": True}))
    kinds = [event["type"] for event in streamed if "web_search" in event["type"]]
    assert kinds == [
        f"response.web_search_call.{s}" for s in ("in_progress", "searching", "completed")
    ]
    assert any(event["type"] == "response.output_text.annotation.added" for event in streamed)
    ids = {"id": None}
    final = [item | ids for item in streamed[-1]["response"]["output"]]
    assert final == [item | ids for item in answer.json()["output"]]


async def test_a_response_with_a_search_is_gone_on_from_also_in_the_background(
    world: WebWorld,
) -> None:
    played = gateway()
    with served(played, tools=searching(world)) as url:
        api = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        async with api:
            first = await api.responses.create(**GPT, background=True, stream=True)
            kinds = [event.type async for event in first]
            assert "response.web_search_call.completed" in kinds
            played.scripts = [(*CALL, stop("tool_use"))]
            second = await api.responses.create(**GPT)
            again = {"model": "tiny", "input": "Who kept it?", "tools": GPT["tools"]}
            await api.responses.create(**again, previous_response_id=second.id)
            sent: Any = [item.model_dump() for item in second.output]
            await api.responses.create(
                model="tiny", input=[*sent, {"role": "user", "content": "?"}]
            )
    for request in played.requests[-2:]:
        texts = [message.text for message in request.messages if message.role == "assistant"]
        assert texts == ["I look.In 1881 [1]."]


async def test_a_chat_completion_searches_first_and_cites_what_it_found(world: WebWorld) -> None:
    location = {"type": "approximate", "approximate": {"city": "Brest", "country": "FR"}}
    options: Any = {"user_location": location, "search_context_size": "low"}
    asked: Any = {"model": "tiny", "messages": CLAUDE["messages"], "web_search_options": options}
    played = gateway()
    answer = await post(world, "/v1/chat/completions", asked, played)
    (choice,) = ChatCompletion.model_validate(answer.json()).choices
    assert (choice.message.content, choice.finish_reason) == ("I look.In 1881 [1].", "stop")
    assert choice.message.tool_calls is None
    (note,) = choice.message.annotations or ()
    place = note.url_citation
    assert (place.url, place.title) == (f"{world.url}/ar-men", "Ar-Men")
    assert "I look.In 1881 [1]."[place.start_index : place.end_index] == "[1]"
    first, second = played.requests
    assert (first.tool_choice, second.tool_choice.kind) == (
        ToolChoice("tool", "web_search"),
        "auto",
    )
    assert "Brest" in first.tools[0].description
    assert world.asked[0][0] == "Ar-Men"
    played = gateway()
    with served(played, tools=searching(world)) as url:
        api = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        async with api:
            async with api.chat.completions.stream(**asked) as stream:
                final = (await stream.get_final_completion()).choices[0].message
            # Several answers search each for itself; what is stored holds what was cited.
            played.scripts = [(*CALL, stop("tool_use"))] * 2
            two = await api.chat.completions.create(**asked, n=2, store=True)
            stored = await api.chat.completions.retrieve(two.id)
    streamed = final.model_dump()["annotations"]
    assert (final.content, streamed) == (
        choice.message.content,
        [note.model_dump()],
    )
    assert [len(each.message.annotations or ()) for each in stored.choices] == [1, 1]
    assert len(world.asked) == 4


async def test_a_clients_own_tools_are_not_passed_by_for_a_search(world: WebWorld) -> None:
    own = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    asked = {"model": "tiny", "messages": CLAUDE["messages"], "web_search_options": {}}
    played = ScriptedGateway(*ANSWER)
    await post(world, "/v1/chat/completions", asked | {"tools": [own]}, played)
    assert [tool.name for tool in played.requests[0].tools] == ["look", "web_search"]
    assert played.requests[0].tool_choice.kind == "auto"
    own = {"type": "function", "function": {"name": "web_search"}}
    async with client(ScriptedGateway(), tools=searching(world)) as http:
        refused = await http.post("/v1/chat/completions", json=asked | {"tools": [own]})
    assert refused.json()["error"]["param"] == "web_search_options"


async def test_domains_and_the_number_of_searches_are_kept_to(world: WebWorld) -> None:
    played = ScriptedGateway(*ANSWER)
    played.scripts = [(*CALL, stop("tool_use"))] * 2
    tool = CLAUDE["tools"][0] | {
        "allowed_domains": ["example.org"],
        "user_location": {"city": "Brest"},
    }
    told = (await post(world, "/v1/messages", CLAUDE | {"tools": [tool]}, played)).json()
    results = [b["content"] for b in told["content"] if b["type"] == "web_search_tool_result"]
    refused = {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    assert results == [[], refused]
    assert world.asked[0][0] == "Ar-Men (site:example.org)"
    assert "Brest" in played.requests[0].tools[0].description
    assert told["usage"]["server_tool_use"]["web_search_requests"] == 1
    played.scripts = [(*CALL, stop("tool_use"))] * 2
    kept = (await post(world, "/v1/responses", GPT | {"max_tool_calls": 1}, played)).json()
    assert [item["type"] for item in kept["output"]].count("web_search_call") == 1


async def test_an_answer_that_is_cut_after_a_search_leaves_it_whole(world: WebWorld) -> None:
    played = ScriptedGateway(START, stop("max_tokens"))
    played.scripts = [(*CALL, stop("tool_use"))]
    told = (await post(world, "/v1/responses", GPT, played)).json()
    assert told["status"] == "incomplete"
    assert [item["status"] for item in told["output"]] == ["completed", "completed"]


async def test_what_hinders_a_search_ends_it_and_not_the_answer(world: WebWorld) -> None:
    with nowhere() as (_, url):
        api = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
        told = api.messages.create(**CLAUDE)
        kinds = [block.type for block in told.content]
        assert kinds == ["text", "server_tool_use", "web_search_tool_result", "text"]
        result = told.content[2].model_dump()["content"]
        assert result["error_code"] == "unavailable"


async def test_without_a_search_service_it_is_refused_or_left_out() -> None:
    played = ScriptedGateway()
    async with client(played) as http:
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            body = {
                k: v for k, v in CLAUDE.items() if k != "max_tokens" or path.endswith("messages")
            }
            refused = await http.post(path, json=body, headers=OLD)
            assert refused.status_code == 400
            assert "tools.search" in refused.json()["error"]["message"]
        left_out = await http.post("/v1/responses", json=GPT)
    assert (left_out.status_code, left_out.json()["tools"]) == (200, [])
    cached = [{"type": "web_search", "external_web_access": False}]
    settings = ToolSettings(search=SearchSettings(kind="searxng", url="http://127.0.0.1:9"))
    async with client(ScriptedGateway(), tools=settings) as http:
        assert (await http.post("/v1/responses", json=GPT | {"tools": cached})).json()[
            "tools"
        ] == []
    assert not played.requests[0].tools


async def test_a_clients_own_tool_beside_it_ends_the_turn(world: WebWorld) -> None:
    own = {"name": "look", "input_schema": {"type": "object"}}
    played = ScriptedGateway()
    played.scripts = [(*CALL, *tool_use("look", "{}", index=2, call="toolu_2"), stop("tool_use"))]
    asked = CLAUDE | {"tools": [*CLAUDE["tools"], own]}
    told = (await post(world, "/v1/messages", asked, played)).json()
    kinds = [block["type"] for block in told["content"]]
    assert sorted(kinds) == ["server_tool_use", "text", "tool_use", "web_search_tool_result"]
    assert told["stop_reason"] == "tool_use"
    assert len(played.requests) == 1
    result = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "Seen."}
    history = [
        *CLAUDE["messages"],
        {"role": "assistant", "content": told["content"]},
        {"role": "user", "content": [result]},
    ]
    again = ScriptedGateway(*ANSWER)
    await post(world, "/v1/messages", asked | {"messages": history}, again)
    blocks = [block for message in again.requests[0].messages for block in message.content]
    calls = [block.id for block in blocks if isinstance(block, ToolUseBlock)]
    results = [block.tool_use_id for block in blocks if isinstance(block, ToolResultBlock)]
    assert sorted(calls) == sorted(results)


async def test_models_tell_whether_the_web_can_be_searched(world: WebWorld) -> None:
    for tools, able in ((searching(world), True), (ToolSettings(), False)):
        async with client(ScriptedGateway(), tools=tools) as http:
            one = (await http.get("/v1/models/tiny", headers=OLD)).json()
            every = (await http.get("/v1/models", headers=OLD)).json()["data"]
        told = one["capabilities"]["server_tools"]
        assert told["supported"] is told["web_search"]["supported"] is able
        assert one in every
