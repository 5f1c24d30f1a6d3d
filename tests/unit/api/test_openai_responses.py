"""Responses over a scripted gateway: what an application gets."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from consigne.domain.errors import EngineCrashed
from consigne.domain.messages import (
    Message,
    OutputFormat,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from doubles.scripted import START, ScriptedGateway, stop, text, thinking, tool_use
from support.dialects import client

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a request and return the answer's body."""
    async with client(gateway) as http:
        body = {"model": "tiny", "input": "Hello"} | fields
        answer = await http.post("/v1/responses", json=body)
    found: dict[str, Any] = answer.json()
    return found | {"http_status": answer.status_code}


async def stream(gateway: ScriptedGateway, **fields: Any) -> list[dict[str, Any]]:
    """Post a request for a stream and return its events."""
    async with client(gateway) as http:
        body = {"model": "tiny", "input": "Hello", "stream": True} | fields
        answer = await http.post("/v1/responses", json=body)
    assert answer.status_code == 200, answer.text
    blocks = answer.text.strip().split("\n\n")
    events = []
    for block in blocks:
        if block != "data: [DONE]":
            name, data = block.split("\n")
            events.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {events[-1]['type']}"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


async def test_a_whole_answer_carries_every_field() -> None:
    body = await ask(ScriptedGateway(), instructions="Be brief.", metadata={"k": "v"})
    assert body["http_status"] == 200
    assert body["id"] == "resp_01jd0000000000000000000000"
    assert body["status"] == "completed"
    (item,) = body["output"]
    assert item["id"].startswith("msg_")
    part = {"type": "output_text", "text": "Hello world", "annotations": [], "logprobs": []}
    assert item["content"] == [part]
    assert body["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
    }
    required = {name for name, field in Response.model_fields.items() if field.is_required()}
    assert required <= body.keys()
    assert body["metadata"] == {"k": "v"}


async def test_a_streamed_answer_has_every_event_in_order() -> None:
    script = (
        START,
        *thinking("Hm"),
        *text("Hel", "lo", index=1),
        *tool_use("f", '{"a":', "1}", index=2),
        stop("tool_use"),
    )
    events = await stream(ScriptedGateway(*script), tools=[TOOL])
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []
    assert events[8]["item"]["content"] == []
    assert events[12]["text"] == "Hello"
    assert events[18]["arguments"] == '{"a":1}'
    final = events[-1]["response"]
    assert [item["type"] for item in final["output"]] == ["reasoning", "message", "function_call"]
    assert all(item["status"] == "completed" for item in final["output"])
    for event in events[2:-1]:
        item = final["output"][event["output_index"]]
        assert event.get("item_id", item["id"]) == item["id"]


async def test_a_cut_answer_is_incomplete_and_says_why() -> None:
    script = (START, *text("Hel"), stop("max_tokens"))
    body = await ask(ScriptedGateway(*script))
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["output"][0]["status"] == "incomplete"
    events = await stream(ScriptedGateway(*script))
    assert events[-1]["type"] == "response.incomplete"


async def test_an_error_within_the_stream_fails_the_response() -> None:
    events = await stream(ScriptedGateway(START, *text("a")[:2], EngineCrashed("It died.")))
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "It died."}


async def test_a_history_of_items_becomes_turns() -> None:
    gateway = ScriptedGateway()
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
    reasoning = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": None}
    said = {"type": "output_text", "text": "Calling.", "annotations": []}
    await ask(
        gateway,
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "And kind."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
            reasoning | {"content": [{"type": "reasoning_text", "text": "Hm"}]},
            {"type": "message", "id": "m", "role": "assistant", "content": [said]},
            call | {"id": "fc", "status": "completed"},
            {"type": "function_call_output", "call_id": "c1", "output": "22"},
            {"role": "user", "content": "So?"},
        ],
    )
    (asked,) = gateway.requests
    assert asked.system == (TextBlock("Be brief."), TextBlock("And kind."))
    answer = (ThinkingBlock("Hm"), TextBlock("Calling."), ToolUseBlock("c1", "f", {"a": 1}))
    assert asked.messages == (
        Message("user", (TextBlock("Hello"),)),
        Message("assistant", answer),
        Message("user", (ToolResultBlock("c1", (TextBlock("22"),)),)),
        Message("user", (TextBlock("So?"),)),
    )


async def test_functions_of_a_namespace_come_back_under_it() -> None:
    gateway = ScriptedGateway(START, *tool_use("files__read", "{}"), stop("tool_use"))
    space = {
        "type": "namespace",
        "name": "files",
        "description": "Files",
        "tools": [{"type": "function", "name": "read", "parameters": {}}],
    }
    body = await ask(gateway, tools=[space, {"type": "web_search"}])
    assert [tool.name for tool in gateway.requests[0].tools] == ["files__read"]
    (item,) = body["output"]
    assert (item["namespace"], item["name"], item["call_id"]) == ("files", "read", "toolu_1")
    assert [tool["type"] for tool in body["tools"]] == ["namespace"]


async def test_structured_text_reaches_the_engine() -> None:
    gateway = ScriptedGateway()
    schema = {"type": "object"}
    wanted = {"type": "json_schema", "name": "s", "schema": schema, "strict": True}
    body = await ask(gateway, text={"format": wanted}, max_output_tokens=9, temperature=0)
    assert gateway.requests[0].output == OutputFormat("json_schema", schema)
    assert gateway.requests[0].max_tokens == 9
    assert gateway.requests[0].sampling.temperature == 0
    assert body["text"] == {"format": wanted, "verbosity": "medium"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"tools": [{"type": "file_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "g"}, "tools": [TOOL]}, "tool_choice"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]"),
        ({"input": []}, "input"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_video"}]}]},
            "input[0].content[0]",
        ),
        ({"foo": 1}, "foo"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["http_status"] == 400
    assert body["error"]["param"] == param
