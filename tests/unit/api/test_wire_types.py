"""What is sent is what the vendors' SDKs declare, field by field."""

import json
from typing import Any

import anthropic.types as claude
import openai.types as gpt
import pytest
from openai.types import chat, responses
from pydantic import TypeAdapter

from consigne.domain.events import BlockStop, StopReason, TextDelta, TextStart, TokenLogprob
from doubles.scripted import START, ScriptedGateway, stop, thinking, tool_use
from support.dialects import client

TOKEN = TokenLogprob(b"lo", -0.5, ((b"lo", -0.5), (b"l", -1.5)))
MIXED = (
    START,
    *thinking("Hm"),
    TextStart(1),
    TextDelta(1, "Hel"),
    TextDelta(1, "lo", (TOKEN,)),
    BlockStop(1),
    *tool_use("f", '{"a":', "1}", index=2),
)
REASONS: list[StopReason] = ["end_turn", "max_tokens", "stop_sequence", "context_full", "refusal"]
HELLO: Any = [{"role": "user", "content": "Hello"}]
MESSAGES = {"model": "tiny", "max_tokens": 9, "messages": HELLO}
CHAT = {"model": "tiny", "messages": HELLO, "logprobs": True, "n": 2}
RESPONSES: dict[str, Any] = {
    "model": "tiny",
    "input": "Hello",
    "top_logprobs": 2,
    "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}],
    "tool_choice": "auto",
    "reasoning": {"effort": "low"},
}


async def post(path: str, body: dict[str, Any], reason: StopReason) -> Any:
    """Return the answer: its body, or its stream's events."""
    async with client(ScriptedGateway(*MIXED, stop(reason))) as http:
        answer = await http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    if not body.get("stream"):
        return answer.json()
    data = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in data]


@pytest.mark.parametrize("reason", REASONS)
async def test_anthropic(reason: StopReason) -> None:
    claude.Message.model_validate(await post("/v1/messages", MESSAGES, reason))
    event: TypeAdapter[Any] = TypeAdapter(claude.RawMessageStreamEvent)
    for data in await post("/v1/messages", MESSAGES | {"stream": True}, reason):
        if data != {"type": "ping"}:  # the SDK reads it away before its types
            event.validate_python(data)


@pytest.mark.parametrize("reason", REASONS)
async def test_openai_chat(reason: StopReason) -> None:
    whole = await post("/v1/chat/completions", CHAT, reason)
    chat.ChatCompletion.model_validate(whole)
    options = {"stream": True, "stream_options": {"include_usage": True}}
    for data in await post("/v1/chat/completions", CHAT | options, reason):
        chat.ChatCompletionChunk.model_validate(data)


@pytest.mark.parametrize("reason", REASONS)
async def test_openai_responses(reason: StopReason) -> None:
    responses.Response.model_validate(await post("/v1/responses", RESPONSES, reason))
    event: TypeAdapter[Any] = TypeAdapter(responses.ResponseStreamEvent)
    for data in await post("/v1/responses", RESPONSES | {"stream": True}, reason):
        event.validate_python(data)


async def test_models_and_embeddings() -> None:
    version = {"anthropic-version": "2026-10-21"}
    async with client(ScriptedGateway()) as http:
        for model in (await http.get("/v1/models", headers=version)).json()["data"]:
            claude.ModelInfo.model_validate(model)
        for model in (await http.get("/v1/models")).json()["data"]:
            gpt.Model.model_validate(model)
        found = await http.post("/v1/embeddings", json={"model": "mini", "input": "a"})
    gpt.CreateEmbeddingResponse.model_validate(found.json())
