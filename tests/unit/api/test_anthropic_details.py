"""What the Anthropic dialect documents beyond the first example, over a scripted gateway."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from consigne.api.anthropic import context
from consigne.api.anthropic.schemas import ContextManagement
from consigne.domain.events import MessageStop
from consigne.domain.messages import (
    Message,
    Request,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.usage import Usage
from doubles.scripted import START, ScriptedGateway, stop, text, thinking
from support.dialects import client
from support.files import pdf

HELLO: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Hello"}],
}
OLD = {"anthropic-version": "2023-06-01"}
NEW = {"anthropic-version": "2026-10-21"}


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a message and return the answer's body, with its status."""
    headers = fields.pop("headers", OLD)
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO | fields, headers=headers)
    body: dict[str, Any] = answer.json()
    return body | {"status": answer.status_code}


async def events(gateway: ScriptedGateway, **fields: Any) -> list[dict[str, Any]]:
    """Post a message and return the events of its stream."""
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=HELLO | fields | {"stream": True})
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_unknown_version_is_refused_in_the_dialects_words(method: str) -> None:
    path = "/v1/messages" if method == "POST" else "/v1/models"
    headers = {"anthropic-version": "2027-01-01"}
    async with client(ScriptedGateway()) as http:
        answer = await http.request(
            method, path, json=HELLO if method == "POST" else None, headers=headers
        )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert '"2027-01-01" is not a valid version' in answer.json()["error"]["message"]


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
async def test_sampling_is_gone_from_the_later_version_even_at_its_default(field: str) -> None:
    value = 1 if field == "top_k" else 1.0
    assert (await ask(ScriptedGateway(), **{field: value}, headers=NEW))["status"] == 400
    assert (await ask(ScriptedGateway(), **{field: None}, headers=NEW))["status"] == 400
    assert (await ask(ScriptedGateway(), **{field: value}, headers=OLD))["status"] == 200


async def test_what_the_later_version_no_longer_takes_the_earlier_one_does() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "T"}
    answered = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [{"type": "document", "source": source}]},
        {"role": "user", "content": "b"},
    ]
    location = {"type": "char_location", "cited_text": "x"}
    cited = [{"role": "user", "content": [{"type": "text", "text": "a", "citations": [location]}]}]
    uncited = [{"role": "user", "content": [{"type": "text", "text": "a", "citations": []}]}]
    for messages, status in ((answered, 400), (cited, 400), (uncited, 200)):
        assert (await ask(ScriptedGateway(), messages=messages, headers=NEW))["status"] == status
        assert (await ask(ScriptedGateway(), messages=messages, headers=OLD))["status"] == 200


@pytest.mark.parametrize(
    ("named", "fields"),
    [
        ("output_config.task_budget", {"output_config": {"task_budget": {"total": 20_000}}}),
        (
            "messages.0.output_config",
            {"messages": [{"role": "user", "content": "a", "output_config": {"effort": "low"}}]},
        ),
        (
            "messages.0.clear_at",
            {"messages": [{"role": "user", "content": "a", "clear_at": "never"}]},
        ),
        (
            "messages.0.content.0.transformations",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {"type": "url", "url": "https://example.org/a.png"},
                                "transformations": {"oversized": "crop"},
                            }
                        ],
                    }
                ]
            },
        ),
    ],
)
async def test_inner_fields_that_would_change_the_answer_are_refused_by_name(
    named: str, fields: dict[str, Any]
) -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, **fields)
    assert (body["status"], gateway.requests) == (400, [])
    assert named in body["error"]["message"]


async def test_an_instruction_for_one_turn_is_gone_from_the_next() -> None:
    gateway = ScriptedGateway()
    note = {"role": "system", "content": "Answer in verse.", "clear_at": "next_user_message"}
    asked, answered = ({"role": role, "content": "a"} for role in ("user", "assistant"))
    await ask(gateway, messages=[asked, note])
    await ask(gateway, messages=[asked, note, answered, asked])
    roles = [[message.role for message in request.messages] for request in gateway.requests]
    assert roles == [["user", "system"], ["user", "assistant", "user"]]


async def test_the_editor_s_limit_is_told_to_the_model() -> None:
    gateway = ScriptedGateway()
    editor = {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}
    await ask(gateway, tools=[editor | {"max_characters": 5000}])
    assert "5000 characters" in gateway.requests[0].tools[0].description


@pytest.mark.parametrize(
    ("place", "ttl"),
    [
        ({"cache_control": {"type": "ephemeral"}}, "5m"),
        ({"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]}, "5m"),
        (
            {
                "tools": [
                    {
                        "name": "f",
                        "input_schema": {"type": "object"},
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    }
                ]
            },
            "1h",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
                        ],
                    }
                ]
            },
            "5m",
        ),
    ],
)
async def test_cache_control_tells_what_was_written_to_the_cache(
    place: dict[str, Any], ttl: str
) -> None:
    told = (await ask(ScriptedGateway(), **place))["usage"]
    assert told["cache_read_input_tokens"] == 4
    assert told["cache_creation_input_tokens"] == 8
    assert told["input_tokens"] == 0
    assert told["cache_creation"][f"ephemeral_{ttl}_input_tokens"] == 8
    streamed = await events(ScriptedGateway(), **place)
    assert streamed[0]["message"]["usage"]["cache_creation_input_tokens"] == 8
    assert streamed[-2]["usage"]["cache_creation_input_tokens"] == 8


@pytest.mark.parametrize("asked", [{}, {"cache_control": {"type": "ephemeral"}}])
async def test_what_a_provider_wrote_to_its_cache_is_told_as_it_said(asked: dict[str, Any]) -> None:
    ended = MessageStop("end_turn", Usage(12, 4, 5, cache_creation_tokens=3))
    told = (await ask(ScriptedGateway(START, *text("Hi"), ended), **asked))["usage"]
    assert told["cache_read_input_tokens"] == 4
    assert told["cache_creation_input_tokens"] == 3
    assert told["input_tokens"] == 5


@pytest.mark.parametrize("wrong", [{"type": "for ever"}, {"type": "ephemeral", "ttl": "1d"}])
async def test_an_unknown_kind_of_cache_is_refused(wrong: dict[str, Any]) -> None:
    body = await ask(ScriptedGateway(), cache_control=wrong)
    assert body["status"] == 400
    assert body["error"]["message"].startswith("cache_control.")


async def test_no_tokens_at_all_only_read_the_prompt() -> None:
    gateway = ScriptedGateway(START, *text("H"), stop("max_tokens"))
    body = await ask(gateway, max_tokens=0)
    assert gateway.requests[0].max_tokens == 1
    assert body["content"] == []
    assert body["stop_reason"] == "max_tokens"
    assert body["usage"]["output_tokens"] == 0
    assert body["usage"]["cache_read_input_tokens"] == 4


async def test_thinking_may_be_left_out_of_the_answer() -> None:
    script = (START, *thinking("Hm"), *text("Yes", index=1), stop())
    adaptive = {"type": "adaptive", "display": "omitted"}
    shown = await ask(ScriptedGateway(*script), thinking={"type": "adaptive"})
    hidden = await ask(ScriptedGateway(*script), thinking=adaptive)
    assert shown["content"][0]["thinking"] == "Hm"
    assert hidden["content"][0] == {
        "type": "thinking",
        "thinking": "",
        "signature": shown["content"][0]["signature"],
    }
    kinds = [
        event["delta"]["type"]
        for event in await events(ScriptedGateway(*script), thinking=adaptive)
        if event["type"] == "content_block_delta"
    ]
    assert kinds == ["signature_delta", "text_delta"]


async def test_tools_that_the_dialect_defines_are_described_to_the_model() -> None:
    gateway = ScriptedGateway()
    tools = [
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "memory_20250818", "name": "memory"},
        {
            "name": "f",
            "input_schema": {"type": "object"},
            "strict": True,
            "input_examples": [{"a": 1}],
            "defer_loading": True,
            "allowed_callers": ["direct"],
        },
    ]
    assert (await ask(gateway, tools=tools))["status"] == 200
    bash, editor, memory, own = gateway.requests[0].tools
    assert bash.description
    assert set(bash.input_schema["properties"]) == {"command", "restart"}
    assert "str_replace" in editor.input_schema["properties"]["command"]["enum"]
    assert "rename" in memory.input_schema["properties"]["command"]["enum"]
    assert own.strict
    assert own.description == 'Examples of its input:\n{"a":1}'


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0: "),
        ({"tools": [{"type": "code_execution_20260521", "name": "code_execution"}]}, "tools.0: "),
        (
            {
                "tools": [
                    {
                        "name": "f",
                        "input_schema": {},
                        "allowed_callers": ["code_execution_20260521"],
                    }
                ]
            },
            "tools.0.allowed_callers: ",
        ),
        ({"speed": "fast"}, "speed: "),
        ({"fallbacks": [{"model": "plain"}]}, "fallbacks: "),
        ({"mcp_servers": [{"type": "url", "url": "u", "name": "n"}]}, "mcp_servers: "),
        ({"container": "c"}, "container: "),
        ({"inference_geo": "us"}, "inference_geo: "),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "context_management"),
        ({"context_management": {"edits": [{"type": "clear_all"}]}}, "context_management"),
        ({"messages": [{"role": "user", "content": [{"type": "container_upload"}]}]}, "messages.0"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["status"] == 400
    assert body["error"]["message"].startswith(message)


async def test_documents_and_passages_reach_the_model_as_text() -> None:
    gateway = ScriptedGateway()
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    document = {"type": "document", "title": "T", "source": {"type": "content", "content": parts}}
    pages = base64.b64encode(pdf("Of the first page", "Of the second")).decode()
    encoded = {"type": "base64", "media_type": "application/pdf", "data": pages}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [
            {"type": "text", "text": "a"},
            {"type": "search_result", "title": "S", "source": "u", "content": parts},
            {"type": "tool_reference", "tool_name": "g"},
        ],
    }
    called = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    messages = [
        {
            "role": "user",
            "content": [document, {"type": "document", "source": encoded, "context": "C"}],
        },
        {"role": "assistant", "content": [called]},
        {"role": "user", "content": [result]},
    ]
    assert (await ask(gateway, messages=messages))["status"] == 200
    first, _, last = gateway.requests[0].messages
    assert first.content == (
        TextBlock("<document>\nT\n\none\ntwo\n</document>"),
        TextBlock("C"),
        TextBlock("<document>\nOf the first page\n\nOf the second\n</document>"),
    )
    (told,) = last.content
    assert isinstance(told, ToolResultBlock)
    assert [block.text for block in told.content if isinstance(block, TextBlock)] == [
        "a",
        "<document>\nS\nu\n\none\ntwo\n</document>",
        "The tool g is available.",
    ]


def conversation(uses: int) -> Request:
    """Return a conversation of so many tool uses, each with thinking before it."""
    messages = [Message("user", (TextBlock("Go"),))]
    for i in range(uses):
        call = ToolUseBlock(f"t{i}", "even" if i % 2 == 0 else "odd", {"a": "x" * 10})
        result = ToolResultBlock(f"t{i}", (TextBlock("y" * 100),))
        messages.append(Message("assistant", (ThinkingBlock("z" * 20), call)))
        messages.append(Message("user", (result,)))
    return Request(model="tiny", messages=tuple(messages))


async def count(request: Request) -> int:
    """Count characters for tokens."""
    return len("".join(_letters(request.messages)))


def _letters(messages: Sequence[Message]) -> list[str]:
    found = []
    for message in messages:
        for block in message.content:
            match block:
                case TextBlock():
                    found.append(block.text)
                case ThinkingBlock():
                    found.append(block.thinking)
                case ToolUseBlock():
                    found.append(str(block.input.get("a", "")))
                case ToolResultBlock():
                    found += [b.text for b in block.content if isinstance(b, TextBlock)]
                case _:
                    raise AssertionError(block)
    return found


async def edited(request: Request, *edits: dict[str, Any]) -> context.Edited:
    """Apply edits given as they are on the wire."""
    wanted = ContextManagement.model_validate({"edits": list(edits)})
    return await context.edit(request, wanted, count)


NOW = {"type": "input_tokens", "value": 0}
TOOLS = {"type": "clear_tool_uses_20250919", "trigger": NOW}
THINKING = {"type": "clear_thinking_20251015"}


def cleared(request: Request) -> list[str]:
    """Return the ids of the tool results that a placeholder stands for."""
    blocks = [block for message in request.messages for block in message.content]
    results = [block for block in blocks if isinstance(block, ToolResultBlock)]
    return [block.tool_use_id for block in results if block.content == context.CLEARED]


async def test_old_tool_results_are_cleared_and_counted() -> None:
    before = conversation(5)
    after = await edited(before, TOOLS)
    assert cleared(after.request) == ["t0", "t1"]
    saved = await count(before) - await count(after.request)
    (told,) = after.applied
    assert told == {
        "type": "clear_tool_uses_20250919",
        "cleared_tool_uses": 2,
        "cleared_input_tokens": saved,
    }


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({"keep": {"type": "tool_uses", "value": 0}}, ["t0", "t1", "t2", "t3", "t4"]),
        ({"exclude_tools": ["even"]}, ["t1"]),
        ({"trigger": {"type": "tool_uses", "value": 4}}, ["t0", "t1"]),
        ({"trigger": {"type": "tool_uses", "value": 5}}, []),
        ({"trigger": {"type": "input_tokens", "value": 10**6}}, []),
        ({"trigger": None}, []),
        ({"clear_at_least": {"type": "input_tokens", "value": 10**6}}, []),
    ],
)
async def test_what_is_cleared_is_what_the_edit_says(
    fields: dict[str, Any], ids: list[str]
) -> None:
    after = await edited(conversation(5), TOOLS | fields)
    assert cleared(after.request) == ids
    assert bool(after.applied) == bool(ids)


@pytest.mark.parametrize(("which", "emptied"), [(True, 2), (["odd"], 1), (False, 0)])
async def test_inputs_of_cleared_uses_may_go_too(which: Any, emptied: int) -> None:
    after = await edited(conversation(5), TOOLS | {"clear_tool_inputs": which})
    blocks = [block for message in after.request.messages for block in message.content]
    assert sum(isinstance(b, ToolUseBlock) and not b.input for b in blocks) == emptied


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (None, 1),
        ({"type": "thinking_turns", "value": 2}, 2),
        ({"type": "all"}, 4),
        ("all", 4),
    ],
)
async def test_old_thinking_is_left_out(keep: Any, left: int) -> None:
    after = await edited(conversation(4), THINKING | ({} if keep is None else {"keep": keep}))
    blocks = [block for message in after.request.messages for block in message.content]
    assert sum(isinstance(block, ThinkingBlock) for block in blocks) == left
    if left < 4:
        (told,) = after.applied
        assert told["cleared_thinking_turns"] == 4 - left
        assert told["cleared_input_tokens"] == 20 * (4 - left)
    else:
        assert after.applied == ()


async def test_the_answer_tells_which_edits_were_applied() -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Go"}]
    for i in range(4):
        call = {"type": "tool_use", "id": f"t{i}", "name": "f", "input": {}}
        result = {"type": "tool_result", "tool_use_id": f"t{i}", "content": "y"}
        messages.append({"role": "assistant", "content": [call]})
        messages.append({"role": "user", "content": [result]})
    asked = {"messages": messages, "context_management": {"edits": [TOOLS]}}
    gateway = ScriptedGateway()
    body = await ask(gateway, **asked)
    (told,) = body["context_management"]["applied_edits"]
    assert told["cleared_tool_uses"] == 1
    assert cleared(gateway.requests[-1]) == ["t0"]
    streamed = await events(ScriptedGateway(), **asked)
    assert streamed[-2]["context_management"] == body["context_management"]
    counted = {"model": "tiny", **asked}
    async with client(ScriptedGateway()) as http:
        answer = await http.post("/v1/messages/count_tokens", json=counted, headers=OLD)
    assert answer.json() == {
        "input_tokens": 42,
        "context_management": {"original_input_tokens": 42},
    }


async def test_the_reason_of_a_cache_miss_can_be_asked_for() -> None:
    body = await ask(ScriptedGateway(), diagnostics={"previous_message_id": "msg_1"})
    assert body["diagnostics"] == {"cache_miss_reason": {"type": "unavailable"}}
