"""Servers of tools that requests name, called for their answers: a real one, in both dialects."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic.types.beta import BetaMessage
from openai.types.responses import Response

from consigne.api.app import create_app
from consigne.domain.messages import TextBlock, ToolResultBlock, ToolUseBlock
from consigne.settings import ToolSettings
from doubles.scripted import KEY, START, ScriptedGateway, scripted_services, stop, text, tool_use
from support.contract import Contract
from support.dialects import client, served
from support.surroundings import notes_server

pytestmark = pytest.mark.slow
ALLOWED = ToolSettings(requested_servers=True, private_addresses=True)
CALL = (
    START,
    *text("I note it."),
    *tool_use("notes__write_note", '{"text": "milk"}', index=1),
    stop("tool_use"),
)
ANSWER = (START, *text("Done."), stop())
OLD = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def notes_url() -> Iterator[str]:
    """A server of tools over HTTP."""
    with notes_server() as url:
        yield url


def claudes(url: str, **server: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "Note milk."}],
        "mcp_servers": [{"type": "url", "name": "notes", "url": url} | server],
        "tools": [{"type": "mcp_toolset", "mcp_server_name": "notes"}],
    }


def gpts(url: str, **tool: Any) -> dict[str, Any]:
    named = {"type": "mcp", "server_label": "notes", "server_url": url, "require_approval": "never"}
    return {"model": "tiny", "input": "Note milk.", "tools": [named | tool]}


def gateway() -> ScriptedGateway:
    """Return one whose model calls the server, and then answers."""
    found = ScriptedGateway(*ANSWER)
    found.scripts = [CALL]
    return found


@cache
def contract() -> Contract:
    return Contract.of(create_app(scripted_services(ScriptedGateway())))


async def post(path: str, body: dict[str, Any], played: ScriptedGateway) -> httpx.Response:
    """Post a request; hold its answer to the API's document."""
    async with client(played, tools=ALLOWED) as http:
        answer = await http.post(path, json=body, headers=OLD if "messages" in path else {})
    contract().check("POST", path, answer)
    return answer


async def test_a_message_calls_a_server_and_goes_back_as_it_came(notes_url: str) -> None:
    played = gateway()
    answer = await post("/v1/messages", claudes(notes_url), played)
    told = BetaMessage.model_validate(answer.json())
    said, call, result, rest = told.content
    assert (said.type, rest.type) == ("text", "text")
    assert call.type == "mcp_tool_use"
    assert (call.server_name, call.name, call.input) == ("notes", "write_note", {"text": "milk"})
    assert result.type == "mcp_tool_result"
    assert (result.tool_use_id, result.is_error) == (call.id, False)
    assert answer.json()["content"][2]["content"][0]["text"] == "Noted: milk"
    offered = [tool.name for tool in played.requests[0].tools]
    assert offered == ["notes__read_notes", "notes__write_note"]
    history = [*claudes("")["messages"], {"role": "assistant", "content": answer.json()["content"]}]
    again = ScriptedGateway(*ANSWER)
    body = claudes(notes_url) | {"messages": [*history, {"role": "user", "content": "And?"}]}
    await post("/v1/messages", body, again)
    _, first, found, _, _ = again.requests[0].messages
    assert first.content[-1] == ToolUseBlock(call.id, "notes__write_note", {"text": "milk"})
    (recalled,) = found.content
    assert recalled == ToolResultBlock(call.id, (TextBlock("Noted: milk"),))


async def test_toolsets_choose_and_a_stream_adds_up(notes_url: str) -> None:
    played = gateway()
    only: Any = {"default_config": {"enabled": False}, "configs": {"write_note": {"enabled": True}}}
    body = claudes(notes_url)
    body["tools"][0] |= only
    body["tool_choice"] = {"type": "any"}
    with served(played, tools=ALLOWED) as url:
        api = anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0)
        async with api:
            async with api.beta.messages.stream(**body) as stream:
                final = await stream.get_final_message()
            counted = {name: value for name, value in body.items() if name != "max_tokens"}
            count = await api.beta.messages.count_tokens(**counted)
    assert count.input_tokens == 42
    kinds = [block.type for block in final.content]
    assert kinds == ["text", "mcp_tool_use", "mcp_tool_result", "text"]
    assert final.content[1].model_dump()["input"] == {"text": "milk"}
    assert [tool.name for tool in played.requests[0].tools] == ["notes__write_note"]


async def test_a_response_calls_a_server_and_is_gone_on_from(notes_url: str) -> None:
    played = gateway()
    with served(played, tools=ALLOWED) as url:
        api = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        async with api:
            secret: Any = {"authorization": "t0k3n", "headers": {"x-key": "t0k3n"}}
            asked = gpts(notes_url, **secret) | {"tool_choice": "required"}
            stream = await api.responses.create(**asked, stream=True)
            events = [event async for event in stream]
            final = events[-1]
            assert final.type == "response.completed"
            assert final.response.tools[0].model_dump()["server_label"] == "notes"
            assert not any("t0k3n" in event.model_dump_json() for event in events)
            listed, said, call, rest = final.response.output
            await api.responses.create(
                model="tiny", input="And?", previous_response_id=final.response.id
            )
            sent: Any = [item.model_dump() for item in final.response.output]
            await api.responses.create(
                model="tiny", input=[*sent, {"role": "user", "content": "?"}]
            )
    kinds = [event.type for event in events if ".mcp_" in event.type]
    assert kinds == [
        "response.mcp_list_tools.in_progress",
        "response.mcp_list_tools.completed",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.mcp_call.completed",
    ]
    assert listed.type == "mcp_list_tools"
    assert [tool.name for tool in listed.tools] == ["read_notes", "write_note"]
    assert call.type == "mcp_call"
    assert (call.name, call.output, call.status) == ("write_note", "Noted: milk", "completed")
    assert (said.type, rest.type) == ("message", "message")
    for request in played.requests[-2:]:
        blocks = [block for message in request.messages for block in message.content]
        called, result = (b for b in blocks if isinstance(b, ToolUseBlock | ToolResultBlock))
        assert called == ToolUseBlock(call.id, "notes__write_note", {"text": "milk"})
        assert result == ToolResultBlock(call.id, (TextBlock("Noted: milk"),))


async def test_what_a_server_refuses_is_told_and_tools_can_be_chosen(notes_url: str) -> None:
    played = ScriptedGateway(*ANSWER)
    empty = tool_use("notes__write_note", '{"text": ""}')
    played.scripts = [(START, *empty, stop("tool_use"))]
    body = gpts(notes_url, allowed_tools=["write_note"], server_description="My notes.")
    told = Response.model_validate((await post("/v1/responses", body, played)).json())
    assert [item.type for item in told.output] == ["mcp_list_tools", "mcp_call", "message"]
    call = told.output[1]
    assert call.type == "mcp_call"
    assert (call.status, call.output) == ("failed", None)
    (tool,) = played.requests[0].tools
    assert tool.description == "My notes.\n\nWrite a note."
    reading = gpts(notes_url, allowed_tools={"read_only": True})
    await post("/v1/responses", reading, played)
    assert [tool.name for tool in played.requests[-1].tools] == ["notes__read_notes"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/messages", claudes("http://127.0.0.1:9/mcp"), "notes"),
        ("/v1/responses", gpts("http://127.0.0.1:9/mcp"), "notes"),
        ("/v1/responses", gpts("http://a.example", require_approval="always"), "approval"),
        ("/v1/responses", gpts("http://a.example", server_url=None), "address"),
        ("/v1/responses", gpts("http://a.example", headers={"a": "\n"}), "ASCII"),
        ("/v1/messages", claudes("http://a.example", authorization_token="é"), "header"),
        ("/v1/messages", claudes("http://a.example") | {"mcp_servers": []}, "mcp_server_name"),
    ],
)
async def test_what_cannot_be_called_is_refused_by_name(
    path: str, body: dict[str, Any], words: str
) -> None:
    answer = await post(path, body, ScriptedGateway())
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_only_where_the_operator_allows_it_and_never_inward() -> None:
    played = ScriptedGateway()
    async with client(played) as http:
        refused = await http.post("/v1/messages", json=claudes("http://a.example"), headers=OLD)
        left_out = await http.post("/v1/responses", json=gpts("http://a.example"))
    assert refused.status_code == 400
    assert "tools.requested_servers" in refused.json()["error"]["message"]
    assert (left_out.status_code, left_out.json()["tools"]) == (200, [])
    inward = ToolSettings(requested_servers=True)
    async with client(played, tools=inward) as http:
        refused = await http.post("/v1/responses", json=gpts("http://127.0.0.1:8080/mcp"))
    assert (refused.status_code, "public internet" in refused.text) == (400, True)
