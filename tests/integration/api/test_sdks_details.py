"""The vendors' SDKs, sync and async, over the fields that applications use beyond the first."""

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import openai
import pytest

from doubles.scripted import KEY, START, ScriptedGateway, stop, text, thinking, tool_use
from support.sdks import HELLO, Point, Serve, claude, gpt

TOOL: Any = {"name": "f", "input_schema": {"type": "object"}, "strict": True}
CACHED: Any = {"type": "ephemeral", "ttl": "1h"}
MIXED = (
    START,
    *thinking("Hm", " so"),
    *text("Hel", "lo", index=1),
    *tool_use("f", '{"a":', " 1}", index=2),
    stop("tool_use"),
)


async def test_anthropic_snapshots_are_the_whole_answer(serve: Serve) -> None:
    url = serve(ScriptedGateway(*MIXED))
    asked: Any = {
        "model": "tiny",
        "max_tokens": 9,
        "messages": HELLO,
        "tools": [TOOL],
        "cache_control": CACHED,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "low"},
        "service_tier": "auto",
        "metadata": {"user_id": "u"},
        "stop_sequences": ["END"],
    }
    whole = claude(url).messages.create(**asked)
    with claude(url).messages.stream(**asked) as stream:
        final = stream.get_final_message()
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key=KEY) as client,
        client.messages.stream(**asked) as async_stream,
    ):
        async_final = await async_stream.get_final_message()
    for told in (final, async_final):
        assert told.model_dump(exclude={"content"}) == whole.model_dump(exclude={"content"})
        for streamed, plain in zip(told.content, whole.content, strict=True):
            assert plain.model_dump().items() <= streamed.model_dump().items()
    assert whole.usage.cache_creation
    assert whole.usage.cache_creation.ephemeral_1h_input_tokens == 8
    assert whole.content[0].type == "thinking"
    assert whole.content[0].signature


async def test_anthropic_thinking_comes_back_in_the_next_request(serve: Serve) -> None:
    gateway = ScriptedGateway(*MIXED)
    client = claude(serve(gateway))
    first = client.messages.create(model="tiny", max_tokens=9, messages=HELLO, tools=[TOOL])
    answered: Any = {"role": "assistant", "content": first.content}
    result: Any = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "2"}
    messages = [*HELLO, answered, {"role": "user", "content": [result]}]
    client.messages.create(model="tiny", max_tokens=9, messages=messages, tools=[TOOL])
    assert [block.__struct_config__.tag for block in gateway.requests[1].messages[1].content] == [
        "thinking",
        "text",
        "tool_use",
    ]


async def test_anthropic_beta_edits_the_context(serve: Serve) -> None:
    url = serve(ScriptedGateway(*MIXED))
    edits: Any = {
        "edits": [
            {"type": "clear_thinking_20251015", "keep": "all"},
            {"type": "clear_tool_uses_20250919", "trigger": {"type": "tool_uses", "value": 1}},
        ]
    }
    asked: Any = {
        "model": "tiny",
        "max_tokens": 9,
        "messages": HELLO,
        "context_management": edits,
        "betas": ["context-management-2025-06-27", "unheard-of-2027-01-01"],
    }
    whole = claude(url).beta.messages.create(**asked)
    assert whole.context_management is not None
    assert whole.context_management.applied_edits == []
    with claude(url).beta.messages.stream(**asked) as stream:
        assert stream.get_final_message().context_management == whole.context_management
    counted = claude(url).beta.messages.count_tokens(
        model="tiny", messages=HELLO, context_management=edits
    )
    assert counted.context_management
    assert counted.context_management.original_input_tokens == counted.input_tokens == 42


async def test_anthropic_async_parses_and_streams_structured_answers(serve: Serve) -> None:
    url = serve(ScriptedGateway(START, *text('{"x": 1,', ' "y": 2}'), stop()))
    async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY) as client:
        parsed = await client.messages.parse(
            model="tiny", max_tokens=9, messages=HELLO, output_format=Point
        )
        assert parsed.parsed_output == Point(x=1, y=2)


def test_anthropic_pages_through_models(serve: Serve) -> None:
    client = claude(serve(ScriptedGateway()))
    first = client.models.list(limit=1)
    assert first.has_more
    assert [model.id for model in first] == ["plain", "tiny"]
    assert [model.id for model in client.models.list(before_id="tiny")] == ["plain"]
    assert list(client.models.list(lifecycle=["retired"])) == []
    capabilities = client.models.retrieve("tiny").capabilities
    assert capabilities
    assert capabilities.context_management.supported


def test_anthropic_refuses_by_name(serve: Serve) -> None:
    client = claude(serve(ScriptedGateway()))
    search: Any = {"type": "web_search_20260318", "name": "web_search"}
    with pytest.raises(anthropic.BadRequestError, match=r"tools\.0: .*web_search_20260318"):
        client.messages.create(model="tiny", max_tokens=9, messages=HELLO, tools=[search])
    with pytest.raises(anthropic.BadRequestError, match="not a valid version"):
        client.messages.create(
            model="tiny",
            max_tokens=9,
            messages=HELLO,
            extra_headers={"anthropic-version": "2020-01-01"},
        )


async def test_openai_async_stream_helper_parses(serve: Serve) -> None:
    url = serve(ScriptedGateway(START, *text('{"x": 1,', ' "y": 2}'), stop()))
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        asked: Any = {"model": "tiny", "messages": HELLO, "response_format": Point}
        parsed = await client.chat.completions.parse(**asked)
        assert parsed.choices[0].message.parsed == Point(x=1, y=2)
        async with client.chat.completions.stream(**asked) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == Point(x=1, y=2)
        assert final.system_fingerprint == parsed.system_fingerprint


async def test_openai_text_completions(serve: Serve) -> None:
    url = serve(ScriptedGateway())
    whole = gpt(url).completions.create(model="tiny", prompt=["a", "b"], echo=True)
    assert [choice.text for choice in whole.choices] == ["aHello world", "bHello world"]
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        chunks: AsyncIterator[Any] = await client.completions.create(
            model="tiny", prompt="a", stream=True, stream_options={"include_usage": True}
        )
        told = [chunk async for chunk in chunks]
    assert "".join(c.text for chunk in told for c in chunk.choices) == "Hello world"
    assert told[-1].usage.total_tokens == 17


def test_openai_refuses_by_name(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway()))
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="tiny", messages=HELLO, web_search_options={"search_context_size": "low"}
        )
    assert refused.value.param == "web_search_options"
    assert refused.value.code == "unsupported_parameter"
    with pytest.raises(openai.NotFoundError, match="nothing was judged") as missing:
        client.moderations.create(input="Hello")
    assert missing.value.code == "model_not_found"
