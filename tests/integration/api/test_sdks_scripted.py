"""The vendors' own SDKs over real HTTP, with answers written by the test."""

import asyncio
from typing import Any

import anthropic
import openai
import pytest

from consigne.domain.errors import EngineCrashed, Overloaded, RateLimited
from doubles.scripted import KEY, START, ScriptedGateway, stop, text, thinking, tool_use
from support.sdks import HELLO, Point, Serve, claude, gpt

TOOL: Any = {"name": "f", "input_schema": {"type": "object"}}
FUNCTION: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
MIXED = (
    START,
    *thinking("Hm"),
    *text("Hel", "lo é", "\U0001f600", index=1),
    *tool_use("f", '{"a":', ' "é"}', index=2),
    stop("tool_use"),
)


def test_anthropic_stream_adds_up_to_the_whole_answer(serve: Serve) -> None:
    client = claude(serve(ScriptedGateway(*MIXED)))
    whole = client.messages.create(model="tiny", max_tokens=9, messages=HELLO, tools=[TOOL])
    with client.messages.stream(model="tiny", max_tokens=9, messages=HELLO, tools=[TOOL]) as stream:
        pieces = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert pieces == "Hello é\U0001f600"
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert final.model_dump(exclude={"content"}) == whole.model_dump(exclude={"content"})
    for streamed, plain in zip(final.content, whole.content, strict=True):
        assert plain.model_dump().items() <= streamed.model_dump().items()
    assert whole._request_id
    assert whole._request_id.startswith("req_")


def test_anthropic_parses_structured_answers(serve: Serve) -> None:
    gateway = ScriptedGateway(START, *text('{"x": 1,', ' "y": 2}'), stop())
    client = claude(serve(gateway))
    answer = client.messages.parse(model="tiny", max_tokens=9, messages=HELLO, output_format=Point)
    assert answer.parsed_output == Point(x=1, y=2)
    schema = gateway.requests[0].output.schema
    assert schema is not None
    assert set(schema["properties"]) == {"x", "y"}


def test_anthropic_errors_arrive_as_their_classes(serve: Serve) -> None:
    url = serve(ScriptedGateway())
    client = claude(url)
    with pytest.raises(anthropic.NotFoundError, match="nope"):
        client.messages.create(model="nope", max_tokens=9, messages=HELLO)
    with pytest.raises(anthropic.BadRequestError, match="max_tokens") as refused:
        client.messages.create(model="tiny", max_tokens=-1, messages=HELLO)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.request_id
    with pytest.raises(anthropic.AuthenticationError):
        claude(url, api_key="wrong").messages.create(model="tiny", max_tokens=9, messages=HELLO)


def test_anthropic_error_within_a_stream_is_raised(serve: Serve) -> None:
    client = claude(serve(ScriptedGateway(START, *text("a")[:2], EngineCrashed("It died."))))
    with (
        client.messages.stream(model="tiny", max_tokens=9, messages=HELLO) as stream,
        pytest.raises(anthropic.APIStatusError, match=r"It died\."),
    ):
        stream.until_done()


def test_anthropic_retries_when_told_to(serve: Serve) -> None:
    gateway = ScriptedGateway()
    gateway.scripts = [
        [Overloaded("Full.", retry_after=0.02)],
        [RateLimited("Slower.", retry_after=0.02)],
        [EngineCrashed("It died.")],
    ]
    client = claude(serve(gateway), max_retries=3)
    answer = client.messages.create(model="tiny", max_tokens=9, messages=HELLO)
    assert answer.stop_reason == "end_turn"
    assert len(gateway.requests) == 4


def test_anthropic_counts_and_lists(serve: Serve) -> None:
    client = claude(serve(ScriptedGateway()))
    assert client.messages.count_tokens(model="tiny", messages=HELLO).input_tokens == 42
    assert [model.id for model in client.models.list(limit=1)] == ["plain", "tiny"]
    model = client.models.retrieve("tiny")
    assert model.max_input_tokens == 2048
    assert model.capabilities is not None
    assert model.capabilities.structured_outputs.supported


async def test_anthropic_async_and_the_earlier_version(serve: Serve) -> None:
    gateway = ScriptedGateway(*MIXED)
    client = anthropic.AsyncAnthropic(
        base_url=serve(gateway),
        api_key=KEY,
        default_headers={"anthropic-version": "2023-06-01", "x-api-key": KEY},
    )
    async with client.messages.stream(
        model="tiny", max_tokens=9, messages=HELLO, extra_body={"temperature": 0.5}
    ) as stream:
        final = await stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert gateway.requests[0].sampling.temperature == 0.5
    await client.close()


def test_openai_stream_adds_up_to_the_whole_answer(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway(*MIXED)))
    asked: Any = {"model": "tiny", "messages": HELLO, "tools": [FUNCTION]}
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert whole.choices[0].message.content == "Hello é\U0001f600"
    assert whole.choices[0].finish_reason == "tool_calls"
    calls = whole.choices[0].message.tool_calls
    streamed = final.choices[0].message.tool_calls
    assert calls
    assert streamed
    assert calls[0].type == "function"
    assert calls[0].function.arguments == streamed[0].function.arguments == '{"a": "é"}'
    assert final.choices[0].message.content == whole.choices[0].message.content
    assert final.usage == whole.usage
    assert whole._request_id


def test_several_streamed_answers_with_their_calls_add_up(serve: Serve) -> None:
    gateway = ScriptedGateway()
    one = (START, *text("I look."), *tool_use("f", '{"a":', "1}", index=1), stop("tool_use"))
    other = (
        START,
        *tool_use("f", '{"a":2}', call="toolu_2"),
        *tool_use("f", '{"a":', "3}", index=1, call="toolu_3"),
        stop("tool_use"),
    )
    gateway.scripts = [one, other, one, other]
    asked: Any = {"model": "tiny", "messages": HELLO, "n": 2, "tools": [FUNCTION]}
    with openai.OpenAI(base_url=f"{serve(gateway)}/v1", api_key=KEY) as client:
        whole = client.chat.completions.create(**asked)
        options: Any = {"stream_options": {"include_usage": True}}
        with client.chat.completions.stream(**asked, **options) as stream:
            final = stream.get_final_completion()
    assert [choice.index for choice in final.choices] == [0, 1]
    for mine, its in zip(whole.choices, final.choices, strict=True):
        assert mine.message.content == its.message.content
        assert mine.finish_reason == its.finish_reason == "tool_calls"
        pairs = [
            [(call.id, call.function.arguments) for call in each.message.tool_calls or ()]
            for each in (mine, its)
        ]
        assert pairs[0] == pairs[1] != []
    assert whole.usage == final.usage


def test_openai_parses_structured_answers(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway(START, *text('{"x": 1,', ' "y": 2}'), stop())))
    chat = client.chat.completions.parse(model="tiny", messages=HELLO, response_format=Point)
    assert chat.choices[0].message.parsed == Point(x=1, y=2)
    response = client.responses.parse(model="tiny", input="Hello", text_format=Point)
    assert response.output_parsed == Point(x=1, y=2)


def test_openai_responses_stream_adds_up_to_the_whole_answer(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway(*MIXED)))
    tool: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}
    whole = client.responses.create(model="tiny", input="Hello", tools=[tool])
    with client.responses.stream(model="tiny", input="Hello", tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[-1] == "response.completed"
    assert final.output_text == whole.output_text == "Hello é\U0001f600"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.usage == whole.usage


def test_openai_errors_arrive_as_their_classes(serve: Serve) -> None:
    url = serve(ScriptedGateway())
    client = gpt(url)
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=-1)
    assert refused.value.param == "max_tokens"
    with pytest.raises(openai.AuthenticationError):
        gpt(url, api_key="wrong").models.list()


def test_openai_error_within_a_stream_is_raised(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway(START, *text("a")[:2], EngineCrashed("It died."))))
    stream = client.chat.completions.create(model="tiny", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match=r"It died\."):
        list(stream)


def test_openai_retries_when_told_to(serve: Serve) -> None:
    gateway = ScriptedGateway()
    gateway.scripts = [
        [Overloaded("Full.", retry_after=0.02)],
        [RateLimited("Slower.", retry_after=0.02)],
    ]
    answer = gpt(serve(gateway), max_retries=2).responses.create(model="tiny", input="Hello")
    assert answer.output_text == "Hello world"
    assert len(gateway.requests) == 3


def test_openai_embeddings_and_models(serve: Serve) -> None:
    client = gpt(serve(ScriptedGateway()))
    found = client.embeddings.create(model="mini", input=["ab", "abc"])
    assert [item.embedding for item in found.data] == [[2.0, 0.5, 0.5], [3.0, 0.5, 0.5]]
    assert [model.id for model in client.models.list()] == ["tiny", "plain", "mini"]
    assert client.models.retrieve("mini").owned_by == "consigne"


async def until_stopped(gateway: ScriptedGateway) -> None:
    """Return when the gateway's generation has ended (it lives on the server's own loop)."""
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(gateway.ended.wait, 60)
    gateway.ended.clear()
    assert gateway.running == 0


async def test_closing_a_stream_stops_the_generation(serve: Serve) -> None:
    never = asyncio.Event()
    gateway = ScriptedGateway(START, *text("a")[:2], never)
    url = serve(gateway)
    async with anthropic.AsyncAnthropic(base_url=url, api_key=KEY) as client:
        async with client.messages.stream(
            model="tiny", max_tokens=9, messages=HELLO
        ) as anthropic_stream:
            await anext(aiter(anthropic_stream.text_stream))
            assert gateway.running == 1
        await until_stopped(gateway)
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY) as other:
        chunks = await other.chat.completions.create(model="tiny", messages=HELLO, stream=True)
        await anext(aiter(chunks))
        assert gateway.running == 1
        await chunks.close()
        await until_stopped(gateway)


async def test_giving_up_on_a_whole_answer_stops_the_generation(serve: Serve) -> None:
    gateway = ScriptedGateway(START, *text("a")[:2], asyncio.Event())
    options: Any = {"api_key": KEY, "timeout": 0.2, "max_retries": 0}
    async with openai.AsyncOpenAI(base_url=f"{serve(gateway)}/v1", **options) as client:
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="tiny", messages=HELLO)
    await until_stopped(gateway)
    assert len(gateway.requests) == 1
