"""Responses over a scripted gateway: what an application gets."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from consigne.domain.errors import EngineCrashed
from consigne.domain.ids import is_id
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
    assert is_id(body["id"], "resp")
    assert body["status"] == "completed"
    (item,) = body["output"]
    assert item["id"].startswith("msg_")
    part = {"type": "output_text", "text": "Hello world", "annotations": [], "logprobs": []}
    assert item["content"] == [part]
    assert body["usage"] == {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
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
    error = events[-1]["response"]["error"]
    assert error == {
        "code": "server_error",
        "message": "It died.",
        "param": None,
        "type": "server_error",
    }


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
        ({"background": True, "store": False}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"access_programs": {"cyber": "daybreak_red"}}, "access_programs.cyber"),
        ({"background_options": {"continuation_id": "c"}}, "background_options.continuation_id"),
        ({"image": {"context_compression": "enabled"}}, "image.context_compression"),
        ({"prompt_cache_options": {"prewarm": True}}, "prompt_cache_options.prewarm"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"stream_options": {"include_obfuscation": False}}, "stream_options"),
        ({"service_tier": "fastest"}, "service_tier"),
        ({"include": ["everything"]}, "include[0]"),
        ({"truncation": "some"}, "truncation"),
        ({"max_tool_calls": 0}, "max_tool_calls"),
        ({"input": None}, "input"),
        ({"tools": [{"type": "teleport"}]}, "tools[0].type"),
        ({"tools": [{"type": "file_search"}], "tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [{"type": "file_search"}], "tool_choice": {"type": "file_search"}},
            "tool_choice",
        ),
        (
            {"previous_response_id": "resp_1", "conversation": "conv_1"},
            "conversation",
        ),
        (
            {"input": [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}]},
            "input[0].encrypted_content",
        ),
        (
            {"input": [{"type": "compaction", "encrypted_content": "csn1.AAAA"}]},
            "input[0].encrypted_content",
        ),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "g"}, "tools": [TOOL]}, "tool_choice"),
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


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"conversation": {"id": "conv_1"}}, "conversation", None),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input", None),
        ({"input": [{"id": "x"}]}, "input", None),
    ],
)
async def test_what_is_not_kept_is_not_found(
    fields: dict[str, Any], param: str, code: str | None
) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["http_status"] == 404
    assert (body["error"]["param"], body["error"]["code"]) == (param, code)


async def test_verbosity_is_told_to_the_model() -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, instructions="In verse.", text={"verbosity": "low"})
    assert body["text"]["verbosity"] == "low"
    told = [block.text for block in gateway.requests[0].system]
    assert told[0] == "In verse."
    assert "brief" in told[1]


async def test_tools_that_are_not_run_here_are_left_out() -> None:
    gateway = ScriptedGateway()
    mcp = {"type": "mcp", "server_label": "m", "server_url": "https://m.example"}
    others = [{"type": "file_search", "vector_store_ids": ["v"]}, mcp]
    patch = {"type": "custom", "name": "c", "format": {"type": "grammar", "syntax": "lark"}}
    body = await ask(gateway, tools=[*others, TOOL, patch])
    assert [tool.name for tool in gateway.requests[0].tools] == ["f"]
    assert [tool["name"] for tool in body["tools"]] == ["f"]


async def test_strict_functions_are_strict_as_in_chat_completions() -> None:
    gateway = ScriptedGateway()
    space = {"type": "namespace", "name": "n", "tools": [TOOL | {"name": "g", "strict": True}]}
    loose = TOOL | {"name": "loose", "strict": None}
    await ask(gateway, tools=[TOOL, loose, space])
    assert [tool.strict for tool in gateway.requests[0].tools] == [True, False, True]


async def test_every_field_of_the_official_response_is_there() -> None:
    body = await ask(ScriptedGateway())
    assert Response.model_fields.keys() <= body.keys()


async def test_a_summary_of_reasoning_is_told_as_one() -> None:
    script = (START, *thinking("H", "m"), *text("Hello", index=1), stop())
    fields = {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    events = await stream(ScriptedGateway(*script), **fields)
    assert [event["type"].removeprefix("response.") for event in events[2:9]] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    item = events[-1]["response"]["output"][0]
    assert item["summary"] == [{"type": "summary_text", "text": "Hm"}]
    gateway = ScriptedGateway()
    carried = {key: item[key] for key in ("type", "id", "encrypted_content")}
    await ask(gateway, input=[{"role": "user", "content": "?"}, carried | {"summary": []}])
    assert gateway.requests[0].messages[1] == Message("assistant", (ThinkingBlock("Hm"),))


async def test_reasoning_of_earlier_turns_is_left_out_where_so_asked() -> None:
    gateway = ScriptedGateway()
    old, new = ({"type": "reasoning", "summary": [{"text": each}]} for each in ("old", "new"))
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    said = {"role": "assistant", "content": "Well."}
    asked = {"role": "user", "content": "?"}
    items = [asked, old, said, asked, new, call]
    await ask(gateway, input=items, reasoning={"context": "current_turn"})
    kinds = [[type(block) for block in turn.content] for turn in gateway.requests[0].messages]
    assert kinds == [[TextBlock], [TextBlock], [TextBlock], [ThinkingBlock, ToolUseBlock]]


async def test_obfuscated_deltas_have_round_lengths() -> None:
    script = (START, *text("Hello", " é"), stop())
    options = {"stream_options": {"include_obfuscation": True}}
    for event in await stream(ScriptedGateway(*script), **options):
        if event["type"].endswith(".delta"):
            size = len(event["delta"].encode()) + len(event["obfuscation"])
            assert size % 32 == 0
