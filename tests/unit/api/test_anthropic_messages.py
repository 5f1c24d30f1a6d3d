"""Messages of the Anthropic dialect over a scripted gateway: what an application gets."""

import asyncio
import json
from typing import Any

import pytest

from consigne.domain.errors import EngineCrashed, Overloaded
from consigne.domain.events import BlockStop, ThinkingStart
from consigne.domain.messages import (
    ImageBlock,
    Message,
    OutputFormat,
    TextBlock,
    ThinkingBlock,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from doubles.scripted import START, ScriptedGateway, stop, text, thinking, tool_use
from support.dialects import client

HELLO: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello"}],
}
USAGE = {
    "input_tokens": 8,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 4,
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
}
UNCACHED = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
OLD = {"anthropic-version": "2023-06-01"}
NEW = {"anthropic-version": "2026-10-21"}


def sse_events(body: str) -> list[tuple[str, dict[str, Any]]]:
    """Parse a stream."""
    found = []
    for block in body.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a message and return the answer's body."""
    headers = fields.pop("headers", OLD)
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO | fields, headers=headers)
    body: dict[str, Any] = answer.json()
    return body | {"status": answer.status_code}


async def test_a_whole_answer() -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO, headers=OLD)
    assert answer.status_code == 200
    assert answer.headers["request-id"].startswith("req_")
    assert answer.json() == {
        "id": "msg_01jd0000000000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": [{"type": "text", "text": "Hello world", "citations": None}],
        "stop_reason": "end_turn",
        "container": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": USAGE | {"cache_creation": UNCACHED, "service_tier": "standard"},
    }
    (asked,) = gateway.requests
    assert asked.max_tokens == 50
    assert asked.messages == (Message("user", (TextBlock("Hello"),)),)


async def test_a_streamed_answer_has_every_event_in_order() -> None:
    script = (
        START,
        *thinking("Hm", index=0),
        *text("Hel", "lo", index=1),
        *tool_use("f", '{"a":', "1}", index=2),
        stop("tool_use"),
    )
    async with client(ScriptedGateway(*script)) as http:
        answer = await http.post("/v1/messages", json=HELLO | {"stream": True}, headers=OLD)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = sse_events(answer.text)
    assert all(name == body["type"] for name, body in events)
    assert [name for name, _ in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    bodies = [body for name, body in events if name != "ping"]
    assert bodies[0]["message"]["content"] == []
    assert bodies[0]["message"]["stop_reason"] is None
    assert bodies[2]["delta"] == {"type": "thinking_delta", "thinking": "Hm"}
    assert bodies[3]["delta"]["type"] == "signature_delta"
    assert bodies[3]["delta"]["signature"]
    assert bodies[6]["delta"] == {"type": "text_delta", "text": "Hel"}
    assert bodies[9]["content_block"] == {
        "type": "tool_use",
        "id": "toolu_1",
        "name": "f",
        "input": {},
    }
    assert bodies[10]["delta"] == {"type": "input_json_delta", "partial_json": '{"a":'}
    assert [b["index"] for b in bodies[1:13]] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    assert bodies[13] == {
        "type": "message_delta",
        "delta": {
            "container": None,
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "stop_details": None,
        },
        "usage": USAGE,
    }


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("context_full", "model_context_window_exceeded"),
        ("refusal", "refusal"),
        ("cancelled", "end_turn"),
    ],
)
async def test_stop_reasons(reason: Any, told: str) -> None:
    body = await ask(ScriptedGateway(START, *text("a"), stop(reason, "END")))
    assert body["stop_reason"] == told
    assert body["stop_sequence"] == "END"


async def test_every_field_reaches_the_engine() -> None:
    gateway = ScriptedGateway()
    tool = {"name": "f", "description": "d", "input_schema": {"type": "object"}}
    body = await ask(
        gateway,
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END"],
        tools=[tool],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}},
        metadata={"user_id": "u"},
        service_tier="auto",
    )
    assert body["status"] == 200, body
    (asked,) = gateway.requests
    assert asked.system == (TextBlock("Be brief."),)
    assert (asked.sampling.temperature, asked.sampling.top_p, asked.sampling.top_k) == (
        0.5,
        0.9,
        40,
    )
    assert asked.stop == ("END",)
    assert asked.tools[0].input_schema == {"type": "object"}
    assert asked.tool_choice == ToolChoice("tool", "f", parallel=False)
    assert asked.thinking is True
    assert asked.output == OutputFormat("json_schema", {"type": "object"})


async def test_a_conversation_with_tools_and_a_picture() -> None:
    gateway = ScriptedGateway()
    picture = {"type": "base64", "media_type": "image/png", "data": "AAEC"}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "22", "is_error": True}
    await ask(
        gateway,
        messages=[
            {"role": "user", "content": "Look"},
            {"role": "user", "content": [{"type": "image", "source": picture}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm", "signature": "s"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                ],
            },
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": "It is"},
        ],
    )
    assert gateway.requests[0].messages == (
        Message("user", (TextBlock("Look"), ImageBlock("image/png", b"\x00\x01\x02"))),
        Message("assistant", (ThinkingBlock("Hm", "s"), ToolUseBlock("t1", "f", {"a": 1}))),
        Message("user", (ToolResultBlock("t1", (TextBlock("22"),), is_error=True),)),
        Message("assistant", (TextBlock("It is"),)),
    )


async def test_plain_documents_and_search_results_are_read_as_text() -> None:
    gateway = ScriptedGateway()
    source = {"type": "text", "media_type": "text/plain", "data": "Body"}
    passage = {"type": "text", "text": "Passage"}
    content = [
        {"type": "document", "source": source, "title": "Title"},
        {"type": "search_result", "source": "url", "title": "Found", "content": [passage]},
    ]
    await ask(gateway, messages=[{"role": "user", "content": content}])
    assert gateway.requests[0].messages[0].content == (
        TextBlock("<document>\nTitle\n\nBody\n</document>"),
        TextBlock("<document>\nFound\nurl\n\nPassage\n</document>"),
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"foo": 1}, "foo: Extra inputs are not permitted"),
        ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content: Messages must"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]},
            "messages.0.content.0.text: Input should be a valid string",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "video"}]}]},
            "messages.0.content.0: Input tag 'video'",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role: Input should be"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "tools.0: The tool"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema: Field required"),
        ({"tools": [{"name": "f" * 200, "input_schema": {}}]}, "tools.0.name: String should"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: There are no tools"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens: Field required"),
        ({"model": "plain", "thinking": {"type": "enabled"}}, "thinking.type: The model plain"),
        ({"mcp_servers": [{}]}, "mcp_servers.0.type: Field required"),
        ({"container": "c"}, "container: This is not supported here"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["status"] == 400
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].startswith(message)
    assert body["request_id"].startswith("req_")


async def test_the_later_version_knows_no_sampling() -> None:
    body = await ask(ScriptedGateway(), temperature=1.0, headers=NEW)
    assert body["error"]["message"] == "temperature: Extra inputs are not permitted"
    body = await ask(ScriptedGateway(), headers=NEW)
    assert body["status"] == 200


async def test_thinking_is_off_unless_asked_for_in_the_earlier_version() -> None:
    gateway = ScriptedGateway()
    await ask(gateway)
    await ask(gateway, headers=NEW)
    await ask(gateway, thinking={"type": "adaptive"})
    await ask(gateway, thinking={"type": "adaptive"}, model="plain")
    assert [asked.thinking for asked in gateway.requests] == [False, None, True, None]


async def test_more_tokens_than_any_context_are_clamped() -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, max_tokens=10**12)
    assert body["status"] == 200
    assert gateway.requests[0].max_tokens == 2**31 - 1


async def test_an_error_before_the_first_event_has_its_status() -> None:
    gateway = ScriptedGateway(Overloaded("Too many wait.", retry_after=0.2))
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO | {"stream": True}, headers=OLD)
    assert answer.status_code == 529
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["retry-after-ms"] == "200"
    assert answer.headers["x-should-retry"] == "true"
    assert answer.json()["error"] == {"type": "overloaded_error", "message": "Too many wait."}


async def test_an_error_within_the_stream_is_its_last_event() -> None:
    gateway = ScriptedGateway(START, *text("a")[:2], EngineCrashed("The model's process died."))
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO | {"stream": True}, headers=OLD)
    name, body = sse_events(answer.text)[-1]
    assert name == "error"
    assert body["error"] == {"type": "api_error", "message": "The model's process died."}
    assert body["request_id"] == answer.headers["request-id"]


async def test_a_long_silence_is_broken_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consigne.api.sse.PING_AFTER_S", 0.01)
    gate = asyncio.Event()
    asyncio.get_running_loop().call_later(0.5, gate.set)
    async with client(ScriptedGateway(START, gate, *text("a"), stop())) as http:
        answer = await http.post("/v1/messages", json=HELLO | {"stream": True}, headers=OLD)
    names = [name for name, _ in sse_events(answer.text)]
    assert names[:3] == ["message_start", "ping", "ping"]
    assert names[-1] == "message_stop"


async def test_thinking_that_only_its_author_reads_comes_back_as_it_came() -> None:
    hidden = {"type": "redacted_thinking", "data": "x"}
    gateway = ScriptedGateway(
        START, ThinkingStart(0, "x"), BlockStop(0), *text("a", index=1), stop()
    )
    turns = [*HELLO["messages"], {"role": "assistant", "content": [hidden]}, *HELLO["messages"]]
    async with client(gateway) as http:
        whole = await http.post("/v1/messages", json=HELLO | {"messages": turns}, headers=OLD)
        streamed = await http.post("/v1/messages", json=HELLO | {"stream": True}, headers=OLD)
    assert whole.json()["content"][0] == hidden
    assert gateway.requests[0].messages[1].content == (ThinkingBlock("", redacted="x"),)
    starts = [data for name, data in sse_events(streamed.text) if name == "content_block_start"]
    assert starts[0]["content_block"] == hidden
    assert "signature_delta" not in streamed.text


async def test_tokens_are_counted() -> None:
    gateway = ScriptedGateway()
    body = {"model": "tiny", "messages": HELLO["messages"], "system": "Be brief."}
    async with client(gateway) as http:
        answer = await http.post("/v1/messages/count_tokens", json=body, headers=OLD)
    assert answer.json() == {"input_tokens": 42}
    assert gateway.requests[0].system == (TextBlock("Be brief."),)
