"""Consigne in front of Consigne, through both providers, with the vendors' SDKs as clients."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
import pytest
from pydantic import BaseModel

from consigne.domain.errors import ConsigneError, EngineCrashed, Overloaded
from consigne.domain.messages import ImageBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from consigne.providers.providers import Providers
from doubles.scripted import KEY, START, ScriptedGateway, stop, text, thinking, tool_use
from support.dialects import served
from support.providing import Kind, gateway_of, settings_for

HELLO: Any = [{"role": "user", "content": "Hello"}]
TOOL: Any = {"name": "f", "description": "Does.", "input_schema": {"type": "object"}}
FUNCTION: Any = {
    "type": "function",
    "function": {"name": "f", "description": "Does.", "parameters": {"type": "object"}},
}
MIXED = (
    START,
    *thinking("Hm"),
    *text("Hel", "lo é", "\U0001f600", index=1),
    *tool_use("f", '{"a":', ' "é"}', index=2, call="call_1"),
    stop("tool_use"),
)


class Point(BaseModel):
    """What a structured answer is parsed to."""

    x: int
    y: int


class Chain:
    """A service, and one in front of it that reaches it as a provider."""

    def __init__(self, kind: Kind, stack: ExitStack) -> None:
        self.kind = kind
        self.far = ScriptedGateway(*MIXED)
        url = stack.enter_context(served(self.far))
        self._far_url = url
        self._stack = stack
        self.url = self.front(KEY)

    def front(self, key: str) -> str:
        """Return the address of a service that reaches the far one with this key."""
        settings = settings_for(self.kind, self._far_url, api_key=key)
        providers = Providers([settings], environ={})
        return self._stack.enter_context(served(gateway_of(providers), closing=providers.close))

    def claude(self, url: str = "", **options: Any) -> anthropic.Anthropic:
        """Return Anthropic's client."""
        options = {"api_key": KEY, "max_retries": 0} | options
        return self._stack.enter_context(anthropic.Anthropic(base_url=url or self.url, **options))

    def gpt(self, url: str = "", **options: Any) -> openai.OpenAI:
        """Return OpenAI's client."""
        options = {"api_key": KEY, "max_retries": 0} | options
        return self._stack.enter_context(openai.OpenAI(base_url=f"{url or self.url}/v1", **options))


@pytest.fixture(params=["openai", "anthropic"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """Two services, one in front of the other."""
    with ExitStack() as stack:
        yield Chain(request.param, stack)


def test_anthropic_plain_and_streamed(chain: Chain) -> None:
    client = chain.claude()
    asked: Any = {"model": "far", "max_tokens": 99, "messages": HELLO, "tools": [TOOL]}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert [block.model_dump() for block in final.content] == [
        block.model_dump() for block in whole.content
    ]
    assert whole.stop_reason == final.stop_reason == "tool_use"
    assert whole.model == "far"
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens) == (8, 4)
    assert (final.usage.input_tokens, final.usage.cache_read_input_tokens) == (8, 4)
    assert whole.usage.output_tokens == final.usage.output_tokens == 5
    first, second = chain.far.requests
    assert (first.whole, second.whole) == (True, False)
    assert first.max_tokens == 99
    assert first.tools[0].description == "Does."


def test_openai_plain_and_streamed(chain: Chain) -> None:
    client = chain.gpt()
    asked: Any = {"model": "far", "messages": HELLO, "tools": [FUNCTION], "temperature": 0.5}
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        stream.until_done()
        final = stream.get_final_completion()
    assert whole.choices[0].message.content == "Hello é\U0001f600"
    assert whole.choices[0].finish_reason == final.choices[0].finish_reason == "tool_calls"
    calls, streamed = whole.choices[0].message.tool_calls, final.choices[0].message.tool_calls
    assert calls
    assert streamed
    assert calls[0].type == "function"
    assert calls[0].id == streamed[0].id == "call_1"
    assert json.loads(calls[0].function.arguments) == {"a": "é"}
    assert json.loads(streamed[0].function.arguments) == {"a": "é"}
    assert whole.usage
    assert whole.usage == final.usage
    assert whole.usage.prompt_tokens_details
    assert whole.usage.prompt_tokens_details.cached_tokens == 4
    assert all(request.sampling.temperature == 0.5 for request in chain.far.requests)


def test_responses_go_through(chain: Chain) -> None:
    client = chain.gpt()
    whole = client.responses.create(model="far", input="Hello")
    with client.responses.stream(model="far", input="Hello") as stream:
        stream.until_done()
        final = stream.get_final_response()
    assert whole.output_text == final.output_text == "Hello é\U0001f600"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]


def test_a_tools_round_trip_reaches_the_far_service(chain: Chain) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    turns: Any = [
        {"role": "user", "content": [{"type": "image", "source": picture}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "sig"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": "é"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "42"},
                {"type": "text", "text": "So?"},
            ],
        },
    ]
    chain.claude().messages.create(
        model="far", max_tokens=9, messages=turns, tools=[TOOL], system="Be brief."
    )
    (seen,) = chain.far.requests
    assert seen.system[0].text == "Be brief."
    assert seen.messages[0].content == (ImageBlock("image/png", b"\0\0\0"),)
    assert ToolUseBlock("call_1", "f", {"a": "é"}) in seen.messages[1].content
    kept = ThinkingBlock("Hm", "sig") in seen.messages[1].content
    assert kept is (chain.kind == "anthropic")
    results = [b for m in seen.messages for b in m.content if isinstance(b, ToolResultBlock)]
    assert [result.content[0].text for result in results] == ["42"]  # type: ignore[union-attr]
    assert seen.messages[-1].text == "So?"


def test_structured_answers(chain: Chain) -> None:
    chain.far.script = (START, *text('{"x": 1,', ' "y": 2}'), stop())
    parsed = chain.claude().messages.parse(
        model="far", max_tokens=99, messages=HELLO, output_format=Point
    )
    assert parsed.parsed_output == Point(x=1, y=2)
    chat = chain.gpt().chat.completions.parse(model="far", messages=HELLO, response_format=Point)
    assert chat.choices[0].message.parsed == Point(x=1, y=2)
    for request in chain.far.requests:
        assert request.output.schema is not None
        assert set(request.output.schema["properties"]) == {"x", "y"}


def test_thinking_and_effort(chain: Chain) -> None:
    thought: Any = {"type": "enabled", "budget_tokens": 2048}
    chain.claude().messages.create(model="far", max_tokens=4096, messages=HELLO, thinking=thought)
    chain.gpt().chat.completions.create(model="far", messages=HELLO, reasoning_effort="high")
    chain.gpt().chat.completions.create(model="far", messages=HELLO, reasoning_effort="none")
    budget, effort, off = chain.far.requests
    assert budget.thinking is effort.thinking is True
    assert off.thinking is False
    assert effort.effort == "high"
    if chain.kind == "anthropic":
        assert budget.thinking_tokens == 2048
    else:
        assert budget.effort == "low"


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (Overloaded("Full.", retry_after=3), 529, "too much to do"),
        (EngineCrashed("It died of a secret."), 502, "failed"),
    ],
)
def test_errors_of_the_far_service(
    chain: Chain, error: ConsigneError, status: int, shown: str
) -> None:
    chain.far.script = (error,)
    with pytest.raises(anthropic.APIStatusError, match=shown) as told:
        chain.claude().messages.create(model="far", max_tokens=9, messages=HELLO)
    assert told.value.status_code == status
    assert "secret" not in str(told.value)
    with pytest.raises(openai.APIStatusError, match=shown) as other:
        list(chain.gpt().chat.completions.create(model="far", messages=HELLO, stream=True))
    assert other.value.status_code == (503 if status == 529 else status)
    if status == 529:
        assert told.value.response.headers["retry-after"] == "3"
        assert other.value.response.headers["retry-after"] == "3"


def test_an_error_within_a_stream(chain: Chain) -> None:
    chain.far.script = (START, *text("a")[:2], EngineCrashed("It died."))
    with (
        chain.claude().messages.stream(model="far", max_tokens=9, messages=HELLO) as stream,
        pytest.raises(anthropic.APIStatusError, match="broke off"),
    ):
        stream.until_done()
    chunks = chain.gpt().chat.completions.create(model="far", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        list(chunks)


def test_a_wrong_key_there_is_not_the_callers_fault(chain: Chain) -> None:
    url = chain.front("sk-csn-wrong-and-secret")
    with pytest.raises(anthropic.APIStatusError, match="own account") as told:
        chain.claude(url).messages.create(model="far", max_tokens=9, messages=HELLO)
    assert told.value.status_code == 502
    assert "wrong-and-secret" not in str(told.value)
    with pytest.raises(openai.APIStatusError, match="own account") as other:
        chain.gpt(url).chat.completions.create(model="far", messages=HELLO)
    assert other.value.status_code == 502


def test_what_the_other_dialect_cannot_say_is_refused_by_name(chain: Chain) -> None:
    claude = chain.claude(default_headers={"anthropic-version": "2023-06-01"})
    gpt = chain.gpt()
    top_k: Any = {"extra_body": {"top_k": 5}}
    if chain.kind == "openai":
        with pytest.raises(anthropic.BadRequestError, match="top_k"):
            claude.messages.create(model="far", max_tokens=9, messages=HELLO, **top_k)
        return
    claude.messages.create(model="far", max_tokens=9, messages=HELLO, **top_k)
    assert chain.far.requests[0].sampling.top_k == 5
    options: dict[str, Any]
    for options in (
        {"seed": 1},
        {"frequency_penalty": 1.0},
        {"presence_penalty": -1.0},
        {"temperature": 1.5},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
    ):
        with pytest.raises(openai.BadRequestError, match=next(iter(options))):
            gpt.chat.completions.create(model="far", messages=HELLO, **options)
    assert len(chain.far.requests) == 1


def test_what_the_model_is_not_declared_to_do_is_refused(chain: Chain) -> None:
    with pytest.raises(openai.BadRequestError, match="does not take tools"):
        chain.gpt().chat.completions.create(model="blind", messages=HELLO, tools=[FUNCTION])
    picture: Any = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    seen: Any = [{"role": "user", "content": [picture]}]
    with pytest.raises(openai.BadRequestError, match="does not take images"):
        chain.gpt().chat.completions.create(model="blind", messages=seen)
    assert chain.far.requests == []


def test_counting_and_listing(chain: Chain) -> None:
    client = chain.claude()
    if chain.kind == "anthropic":
        assert client.messages.count_tokens(model="far", messages=HELLO).input_tokens == 42
    else:
        with pytest.raises(anthropic.BadRequestError, match="can't count tokens"):
            client.messages.count_tokens(model="far", messages=HELLO)
    assert {model.id for model in client.models.list()} == {"far", "blind"}
    assert client.models.retrieve("far").max_input_tokens == 2048


def test_vectors(chain: Chain) -> None:
    client = chain.gpt()
    if chain.kind == "anthropic":
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="vectors", input="ab")
        return
    found = client.embeddings.create(model="vectors", input=["ab", "abc"])
    assert [item.embedding for item in found.data] == [[2.0, 0.5, 0.5], [3.0, 0.5, 0.5]]
    assert found.usage.prompt_tokens == 5
    chain.far.elsewhere = True
    for tokens in ([1, 2], [[1, 2]]):
        short = client.embeddings.create(model="vectors", input=tokens, dimensions=2)
        assert [item.embedding for item in short.data] == [[2.0, 0.5]]


def test_logprobs(chain: Chain) -> None:
    asked: Any = {"model": "far", "messages": HELLO, "logprobs": True, "top_logprobs": 2}
    if chain.kind == "anthropic":
        with pytest.raises(openai.BadRequestError, match="logprobs"):
            chain.gpt().chat.completions.create(**asked)
        return
    chain.gpt().chat.completions.create(**asked)
    assert chain.far.requests[0].logprobs == 2


async def test_hanging_up_ends_the_generation_far_away(chain: Chain) -> None:
    chain.far.script = (START, *text("a")[:2], asyncio.Event())
    async with anthropic.AsyncAnthropic(base_url=chain.url, api_key=KEY) as client:
        async with client.messages.stream(model="far", max_tokens=9, messages=HELLO) as stream:
            await anext(aiter(stream.text_stream))
        assert await asyncio.to_thread(chain.far.ended.wait, 5)
    chain.far.ended.clear()
    options: Any = {"api_key": KEY, "timeout": 0.2, "max_retries": 0}
    async with openai.AsyncOpenAI(base_url=f"{chain.url}/v1", **options) as other:
        with pytest.raises(openai.APITimeoutError):
            await other.chat.completions.create(model="far", messages=HELLO)
    assert await asyncio.to_thread(chain.far.ended.wait, 5)
    assert chain.far.running == 0
