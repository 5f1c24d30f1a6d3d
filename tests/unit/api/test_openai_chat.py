"""Chat completions over a scripted gateway: what an application gets."""

import json
from typing import Any

import pytest

from consigne.api.openai.shared import fingerprint
from consigne.domain.errors import ContextTooLong, EngineCrashed, Overloaded
from consigne.domain.events import BlockStop, TextDelta, TextStart, TokenLogprob
from consigne.domain.messages import (
    ImageBlock,
    Message,
    OutputFormat,
    Sampling,
    TextBlock,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from doubles.scripted import START, ScriptedGateway, stop, text, thinking, tool_use
from support.dialects import client

HELLO: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 5,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "g"}}


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a request and return the answer's body."""
    async with client(gateway) as http:
        answer = await http.post("/v1/chat/completions", json=HELLO | fields)
    body: dict[str, Any] = answer.json()
    return body | {"status": answer.status_code}


async def stream(gateway: ScriptedGateway, **fields: Any) -> list[dict[str, Any]]:
    """Post a request for a stream and return its chunks."""
    async with client(gateway) as http:
        answer = await http.post("/v1/chat/completions", json=HELLO | {"stream": True} | fields)
    assert answer.status_code == 200, answer.text
    *lines, done = answer.text.strip().split("\n\n")
    assert done == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_a_whole_answer() -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        answer = await http.post("/v1/chat/completions", json=HELLO)
    assert answer.headers["x-request-id"].startswith("req_")
    body = answer.json()
    assert body.pop("created") > 1_700_000_000
    message = {
        "role": "assistant",
        "content": "Hello world",
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    assert body == {
        "id": "chatcmpl-01jd0000000000000000000000",
        "object": "chat.completion",
        "model": "tiny",
        "choices": [choice],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": fingerprint("tiny"),
    }


async def test_a_streamed_answer() -> None:
    script = (START, *thinking("Hm"), *text("Hel", "lo", index=1), stop())
    chunks = await stream(ScriptedGateway(*script), stream_options={"include_usage": True})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert deltas == [
        {"role": "assistant", "content": None, "refusal": None},
        {"reasoning_content": "Hm"},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl-01jd0000000000000000000000"}
    assert [chunk["usage"] for chunk in chunks] == [None] * 5 + [USAGE]
    assert chunks[-1]["choices"] == []
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_tool_calls_are_numbered_in_the_stream() -> None:
    calls = (*tool_use("f", '{"a":', "1}"), *tool_use("g", "{}", index=1, call="toolu_2"))
    chunks = await stream(ScriptedGateway(START, *calls, stop("tool_use")), tools=[TOOL, OTHER])
    told = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in chunks[1:-1]]
    first = {"name": "f", "arguments": ""}
    second = {"name": "g", "arguments": ""}
    assert told == [
        {"index": 0, "id": "toolu_1", "type": "function", "function": first},
        {"index": 0, "function": {"arguments": '{"a":'}},
        {"index": 0, "function": {"arguments": "1}"}},
        {"index": 1, "id": "toolu_2", "type": "function", "function": second},
        {"index": 1, "function": {"arguments": "{}"}},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


async def test_tool_calls_of_a_whole_answer() -> None:
    script = (START, *tool_use("f", '{"a":', "1}"), stop("tool_use"))
    body = await ask(ScriptedGateway(*script), tools=[TOOL])
    message = body["choices"][0]["message"]
    assert message["content"] is None
    called = {"name": "f", "arguments": '{"a":1}'}
    assert message["tool_calls"] == [{"id": "toolu_1", "type": "function", "function": called}]


async def test_several_answers_share_one_completion() -> None:
    gateway = ScriptedGateway()
    body = await ask(gateway, n=3, seed=2**63 - 2)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert {choice["message"]["content"] for choice in body["choices"]} == {"Hello world"}
    assert body["usage"]["prompt_tokens"] == 12
    assert body["usage"]["completion_tokens"] == 15
    seeds = [asked.sampling.seed for asked in gateway.requests]
    assert seeds == [2**63 - 2, 2**63 - 1, -(2**63)]


async def test_several_answers_are_streamed_together() -> None:
    chunks = await stream(ScriptedGateway(), n=2, stream_options={"include_usage": True})
    texts = ["", ""]
    for chunk in chunks[:-1]:
        (choice,) = chunk["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
    assert texts == ["Hello world"] * 2
    assert chunks[-1]["usage"]["completion_tokens"] == 10


async def test_one_failing_answer_of_several_fails_all_and_stops_the_others() -> None:
    gateway = ScriptedGateway()
    gateway.scripts = [(START, *text("a"), stop()), (START, EngineCrashed("It died."))]
    body = await ask(gateway, n=2)
    assert body["status"] == 500
    assert gateway.running == 0


async def test_logprobs() -> None:
    token = TokenLogprob(b"\xc3", -0.5, ((b"\xc3", -0.5), (b"a", float("-inf"))))
    script = (START, TextStart(0), TextDelta(0, "é", (token,)), BlockStop(0), stop())
    gateway = ScriptedGateway(*script)
    body = await ask(gateway, logprobs=True, top_logprobs=2)
    assert gateway.requests[0].logprobs == 2
    told = body["choices"][0]["logprobs"]["content"]
    top = [
        {"token": "\ufffd", "bytes": [195], "logprob": -0.5},
        {"token": "a", "bytes": [97], "logprob": -9999.0},
    ]
    assert told == [top[0] | {"top_logprobs": top}]
    chunks = await stream(ScriptedGateway(*script), logprobs=True)
    assert chunks[1]["choices"][0]["logprobs"]["content"] == told


async def test_every_field_reaches_the_engine() -> None:
    gateway = ScriptedGateway()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    body = await ask(
        gateway,
        temperature=0.5,
        top_p=0.9,
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop="END",
        max_completion_tokens=9,
        tools=[TOOL],
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        reasoning_effort="low",
        user="u",
        metadata={"k": "v"},
    )
    assert body["status"] == 200, body
    (asked,) = gateway.requests
    assert asked.sampling == Sampling(0.5, 0.9, None, None, 7, 0.1, 0.2)
    assert asked.stop == ("END",)
    assert asked.max_tokens == 9
    assert asked.tool_choice == ToolChoice("tool", "f", parallel=False)
    assert asked.output == OutputFormat("json_schema", schema)
    assert asked.thinking is True


@pytest.mark.parametrize(
    ("choice", "expected", "names"),
    [
        ("auto", "auto", ["f", "g"]),
        ("none", "none", ["f", "g"]),
        ("required", "any", ["f", "g"]),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "g"}}],
                },
            },
            "any",
            ["g"],
        ),
    ],
)
async def test_tool_choice(choice: Any, expected: str, names: list[str]) -> None:
    gateway = ScriptedGateway()
    await ask(gateway, tools=[TOOL, OTHER], tool_choice=choice)
    assert gateway.requests[0].tool_choice.kind == expected
    assert [tool.name for tool in gateway.requests[0].tools] == names


async def test_a_conversation_with_tools_and_a_picture() -> None:
    gateway = ScriptedGateway()
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}}
    called = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "function": {"name": "g", "arguments": ""}},
    ]
    await ask(
        gateway,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": called, "annotations": []},
            {"role": "tool", "tool_call_id": "c1", "content": "22"},
            {"role": "tool", "tool_call_id": "c2", "content": "23"},
            {"role": "system", "content": "Now."},
            {"role": "user", "content": "So?"},
        ],
    )
    (asked,) = gateway.requests
    assert asked.system == (TextBlock("Be brief."), TextBlock("And kind."))
    results = (
        ToolResultBlock("c1", (TextBlock("22"),)),
        ToolResultBlock("c2", (TextBlock("23"),)),
    )
    assert asked.messages == (
        Message("user", (TextBlock("Look"), ImageBlock("image/png", b"\x00\x01\x02"))),
        Message("assistant", (ToolUseBlock("c1", "f", {"a": 1}), ToolUseBlock("c2", "g", {}))),
        Message("user", results),
        Message("system", (TextBlock("Now."),)),
        Message("user", (TextBlock("So?"),)),
    )


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"foo": 1}, ("Unrecognized request argument supplied: foo", "foo", "unknown_parameter")),
        ({"messages": []}, ("Invalid value for 'messages'", "messages", "invalid_value")),
        (
            {"messages": [{"role": "user"}]},
            (
                "Missing required parameter: 'messages[0].content'.",
                "messages[0].content",
                "missing_required_parameter",
            ),
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            ("Invalid type for", "messages[0].content[0].text", "invalid_type"),
        ),
        ({"temperature": "hot"}, ("Invalid type for", "temperature", "invalid_type")),
        ({"temperature": 2.5}, ("Invalid value for", "temperature", "invalid_value")),
        ({"max_tokens": -1}, ("Invalid value for", "max_tokens", "invalid_value")),
        ({"n": 1000}, ("Invalid value for", "n", "invalid_value")),
        ({"logit_bias": {"five": 1}}, ("Invalid value for", "logit_bias.five", "invalid_value")),
        ({"functions": [], "tools": []}, ("Invalid value for", "functions", "invalid_value")),
        ({"modalities": ["audio"]}, ("Invalid value for", "modalities", "invalid_value")),
        ({"tools": [{"type": "mcp"}]}, ("Invalid value", "tools[0].type", "invalid_value")),
        ({"tools": [TOOL, TOOL]}, ("Invalid", "tools[1].function.name", "invalid_value")),
        ({"tool_choice": "required"}, ("Invalid value for", "tool_choice", "invalid_value")),
        ({"top_logprobs": 3}, ("Invalid value for", "top_logprobs", "invalid_value")),
        (
            {"model": "plain", "reasoning_effort": "low"},
            ("Unsupported parameter", "reasoning_effort", "unsupported_parameter"),
        ),
        ({"stream_options": {}}, ("Invalid value for", "stream_options", "invalid_value")),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    fields: dict[str, Any], error: tuple[str, str, str]
) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["status"] == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["message"].startswith(error[0])
    assert (body["error"]["param"], body["error"]["code"]) == error[1:]


async def test_an_unknown_model_is_not_found() -> None:
    body = await ask(ScriptedGateway(), model="nope")
    assert body["status"] == 404
    assert body["error"]["code"] == "model_not_found"


async def test_a_prompt_beyond_the_context_has_the_code_that_clients_look_for() -> None:
    body = await ask(ScriptedGateway(ContextTooLong("Too long.", param="messages")), stream=True)
    assert body["status"] == 400
    assert body["error"] == {
        "message": "Too long.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }


async def test_overload_is_503_with_the_time_to_wait() -> None:
    async with client(ScriptedGateway(Overloaded("Too many wait.", retry_after=3))) as http:
        answer = await http.post("/v1/chat/completions", json=HELLO)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert answer.headers["x-should-retry"] == "true"


async def test_an_error_within_the_stream_is_its_last_chunk() -> None:
    gateway = ScriptedGateway(START, *text("a")[:2], EngineCrashed("It died."))
    async with client(gateway) as http:
        answer = await http.post("/v1/chat/completions", json=HELLO | {"stream": True})
    last = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["message"] == "It died."
    assert last["error"]["type"] == "server_error"
