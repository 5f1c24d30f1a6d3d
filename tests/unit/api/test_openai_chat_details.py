"""What the chat endpoint takes beyond the first example, over a scripted gateway."""

import json
from typing import Any

import pytest
from openai.types import chat

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
from doubles.scripted import START, ScriptedGateway, stop, tool_use
from support.dialects import client

HELLO: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
CALL = (START, *tool_use("f", '{"a":', "1}"), stop("tool_use"))


async def ask(gateway: ScriptedGateway, **fields: Any) -> dict[str, Any]:
    """Post a request and return the answer's body, with its status."""
    async with client(gateway) as http:
        got = await http.post("/v1/chat/completions", json=HELLO | fields)
    body: dict[str, Any] = got.json()
    if got.status_code == 200:
        chat.ChatCompletion.model_validate(body)
    return body | {"status": got.status_code}


async def test_the_form_before_tools() -> None:
    gateway = ScriptedGateway(*CALL)
    body = await ask(gateway, functions=[FUNCTION], function_call={"name": "f"})
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    assert gateway.requests[0].tool_choice == ToolChoice("tool", "f", parallel=False)


async def test_the_form_before_tools_as_a_stream() -> None:
    async with client(ScriptedGateway(*CALL)) as http:
        got = await http.post(
            "/v1/chat/completions", json=HELLO | {"functions": [FUNCTION], "stream": True}
        )
    lines = [line for line in got.text.splitlines() if line.startswith("data: {")]
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines]
    for chunk in chunks:
        chat.ChatCompletionChunk.model_validate(chunk)
    calls = [c["choices"][0]["delta"].get("function_call", {}) for c in chunks]
    assert "".join(call.get("arguments", "") for call in calls) == '{"a":1}'
    assert [call["name"] for call in calls if "name" in call] == ["f"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


async def test_a_conversation_in_the_form_before_tools() -> None:
    gateway = ScriptedGateway()
    called = {"name": "f", "arguments": '{"a": 1}'}
    messages = [
        {"role": "user", "content": "Go"},
        {"role": "assistant", "content": None, "function_call": called},
        {"role": "function", "name": "f", "content": "22"},
    ]
    assert (await ask(gateway, messages=messages, functions=[FUNCTION]))["status"] == 200
    assert gateway.requests[0].messages[1:] == (
        Message("assistant", (ToolUseBlock("call_1", "f", {"a": 1}),)),
        Message("user", (ToolResultBlock("call_1", (TextBlock("22"),)),)),
    )


async def test_other_servers_fields_reach_the_engine() -> None:
    gateway = ScriptedGateway()
    schema = {"type": "object"}
    body = await ask(
        gateway,
        top_k=5,
        min_p=0.1,
        repetition_penalty=1.1,
        guided_json=schema,
        chat_template_kwargs={"enable_thinking": False},
        logit_bias={},
    )
    assert body["status"] == 200
    (asked,) = gateway.requests
    assert asked.sampling == Sampling(top_k=5, min_p=0.1, repetition_penalty=1.1)
    assert asked.output == OutputFormat("json_schema", schema)
    assert asked.thinking is False


@pytest.mark.parametrize("cut", ['{"city": "Par', "[1]", "Paris"])
async def test_a_call_that_was_cut_goes_back_as_it_came(cut: str) -> None:
    gateway = ScriptedGateway()
    called = {"id": "c", "type": "function", "function": {"name": "f", "arguments": cut}}
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "c", "content": "This is no JSON."},
    ]
    assert (await ask(gateway, messages=history))["status"] == 200
    assert gateway.requests[0].messages[1].content == (ToolUseBlock("c", "f", {"arguments": cut}),)


async def test_strict_functions_must_be_enforceable() -> None:
    gateway = ScriptedGateway()
    tools = [{"type": "function", "function": FUNCTION | {"strict": strict}} for strict in (True,)]
    await ask(gateway, tools=tools)
    assert gateway.requests[0].tools[0].strict


async def test_harmless_hints_are_taken() -> None:
    body = await ask(
        ScriptedGateway(),
        prediction={"type": "content", "content": "Hello world"},
        prompt_cache_key="k",
        prompt_cache_retention="24h",
        safety_identifier="s",
        user="u",
        service_tier="flex",
        modalities=["text"],
        verbosity="medium",
        max_tokens=9,
        max_completion_tokens=9,
    )
    assert body["status"] == 200
    assert body["service_tier"] == "default"
    assert body["system_fingerprint"].startswith("fp_")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"top_k": -2}, "top_k"),
        ({"min_p": 2}, "min_p"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"chat_template_kwargs": {"foo": 1}}, "chat_template_kwargs.foo"),
        (
            {"model": "plain", "chat_template_kwargs": {"enable_thinking": True}},
            "chat_template_kwargs.enable_thinking",
        ),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"function_call": {"name": "g"}, "functions": [FUNCTION]}, "function_call"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0]"),
        ({"audio": {"voice": "a"}}, "audio"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ({"moderation": {"model": "omni"}}, "moderation"),
        ({"service_tier": "gold"}, "service_tier"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"ignore_eos": True}, "ignore_eos"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    body = await ask(ScriptedGateway(), **fields)
    assert body["status"] == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == param


async def test_who_speaks_is_told_to_the_model() -> None:
    gateway = ScriptedGateway()
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    messages = [
        {"role": "system", "name": "example_user", "content": "Hi"},
        {"role": "user", "name": "Ada", "content": [{"type": "text", "text": "Who am I?"}]},
        {"role": "user", "name": "Bob", "content": [picture]},
        {"role": "assistant", "name": "tiny", "content": "I"},
    ]
    assert (await ask(gateway, messages=messages))["status"] == 200
    (request,) = gateway.requests
    assert request.system == (TextBlock("example_user: Hi"),)
    assert [message.content for message in request.messages] == [
        (TextBlock("Ada: Who am I?"),),
        (TextBlock("Bob:"), ImageBlock(url="https://example.org/a.png")),
        (TextBlock("I"),),
    ]


async def test_what_is_said_of_a_schema_and_of_a_picture_goes_on() -> None:
    gateway = ScriptedGateway()
    named = {"name": "p", "description": "A place", "schema": {"type": "object"}}
    picture = {"url": "https://example.org/a.png", "detail": "low"}
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": picture}]}]
    await ask(
        gateway,
        messages=messages,
        response_format={"type": "json_schema", "json_schema": named},
    )
    (request,) = gateway.requests
    assert request.output.schema == {"description": "A place", "type": "object"}
    assert request.messages[0].content == (ImageBlock(url=picture["url"], detail="low"),)
