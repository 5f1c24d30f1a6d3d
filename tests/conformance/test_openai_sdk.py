"""OpenAI's SDK against the running server on the real models."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
HELLO: Any = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": "Name three colours."},
]
PARAMETERS = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["Paris", "Rome"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
    },
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Get it.", "parameters": PARAMETERS},
}


class Fruit(BaseModel):
    """A structured answer."""

    name: Literal["apple", "pear"]
    ripe: bool


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    """The SDK as an application sets it up: a base URL and a key."""
    options: Any = {"api_key": server.key, "max_retries": 0}
    with openai.OpenAI(base_url=f"{server.url}/v1", **options) as opened:
        yield opened


def test_a_plain_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=40)
    (choice,) = answer.choices
    assert choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_adds_up_to_the_greedy_answer(client: openai.OpenAI) -> None:
    greedy: Any = {"model": MODEL, "messages": HELLO, "max_tokens": 30, "temperature": 0}
    whole = client.chat.completions.create(**greedy)
    chunks = list(
        client.chat.completions.create(
            **greedy, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert whole.usage
    assert chunks[-1].usage
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_a_seed_repeats_an_answer(client: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": HELLO, "max_tokens": 20, "temperature": 1.2}
    # What still runs beside a request rounds its sums otherwise: two answers in a row are the same.
    answers = [client.chat.completions.create(**asked, seed=7) for _ in range(4)]
    texts = [answer.choices[0].message.content for answer in answers]
    assert any(first == again for first, again in pairwise(texts))


def test_several_answers(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=20, temperature=1.5, n=3, seed=1
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    assert answer.usage
    assert answer.usage.completion_tokens <= 60


def test_logprobs_tell_each_token(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=8, temperature=0, logprobs=True
    )
    (choice,) = answer.choices
    assert choice.logprobs
    tokens = choice.logprobs.content or []
    assert 1 <= len(tokens) <= 8
    spelled = b"".join(bytes(token.bytes or []) for token in tokens)
    assert spelled.decode("utf-8", "replace").startswith(choice.message.content or "")
    assert all(token.logprob <= 0 for token in tokens)


def test_rivals_are_told_alike_everywhere(client: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": HELLO, "temperature": 0, "logprobs": True}
    asked |= {"max_tokens": 8, "top_logprobs": 3}
    whole = client.chat.completions.create(**asked).choices[0].logprobs
    assert whole
    assert whole.content
    tops = [[other.token for other in token.top_logprobs] for token in whole.content]
    assert all(len(top) == 3 for top in tops)
    assert all(each.token in top for each, top in zip(whole.content, tops, strict=True))
    with client.chat.completions.create(**asked, stream=True) as chunks:
        streamed = [
            [other.token for other in token.top_logprobs]
            for chunk in chunks
            for choice in chunk.choices
            if choice.logprobs
            for token in choice.logprobs.content or ()
        ]
    # Kernels differ by how much is read at once: later ones may differ in a near tie's order.
    assert streamed[0] == tops[0]
    assert len(streamed) == len(tops)
    made = client.responses.create(
        model=MODEL,
        input=HELLO[0]["content"],
        temperature=0,
        max_output_tokens=16,
        top_logprobs=3,
        include=["message.output_text.logprobs"],
    )
    (item,) = made.output
    assert item.type == "message"
    assert item.content[0].type == "output_text"
    told = item.content[0].logprobs or []
    assert told
    assert all(len(token.top_logprobs) == 3 for token in told)
    text = client.completions.create(
        model=MODEL, prompt="The capital of France is", max_tokens=4, temperature=0, logprobs=5
    )
    legacy = text.choices[0].logprobs
    assert legacy
    assert [len(top) for top in legacy.top_logprobs or ()] == [5] * 4


def test_stop_strings_end_the_answer_before_them(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, max_tokens=40, stop=["e", "a"]
    )
    assert answer.choices[0].finish_reason == "stop"
    assert not set("ea") & set(answer.choices[0].message.content or "")


def test_a_forced_tool_is_called_as_its_schema_says(client: openai.OpenAI) -> None:
    ask: Any = [{"role": "user", "content": "How will the weather be in Rome for 3 days?"}]
    named: Any = {"type": "function", "function": {"name": "get_weather"}}
    for choice in ("required", named):
        answer = client.chat.completions.create(
            model=MODEL,
            messages=ask,
            max_tokens=100,
            tools=[WEATHER],
            tool_choice=choice,
            parallel_tool_calls=False,
        )
        assert answer.choices[0].finish_reason == "tool_calls"
        calls = answer.choices[0].message.tool_calls
        assert calls
        assert calls[0].type == "function"
        found = json.loads(calls[0].function.arguments)
        assert found["city"] in ("Paris", "Rome")
        assert 1 <= found["days"] <= 9
    result: Any = {"role": "tool", "tool_call_id": calls[0].id, "content": "Sunny."}
    after: Any = [*ask, answer.choices[0].message, result]
    told = client.chat.completions.create(
        model=MODEL, messages=after, max_tokens=30, tools=[WEATHER], tool_choice="none"
    )
    assert told.choices[0].message.content is not None


def test_structured_answers(client: openai.OpenAI) -> None:
    ask: Any = [{"role": "user", "content": "Describe a fruit."}]
    answer = client.chat.completions.parse(
        model=MODEL, messages=ask, max_tokens=60, response_format=Fruit
    )
    assert isinstance(answer.choices[0].message.parsed, Fruit)
    loose = client.chat.completions.create(
        model=MODEL, messages=ask, max_tokens=200, response_format={"type": "json_object"}
    )
    if loose.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(loose.choices[0].message.content or ""), dict)
    named: Any = {"name": "weather", "schema": PARAMETERS}
    cut = client.chat.completions.create(
        model=MODEL,
        messages=ask,
        max_tokens=2,
        response_format={"type": "json_schema", "json_schema": named},
    )
    assert cut.choices[0].finish_reason == "length"


def test_responses(client: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "input": "Name a colour.", "instructions": "Be brief."}
    whole = client.responses.create(**asked, max_output_tokens=30, temperature=0)
    assert whole.output_text
    assert whole.usage
    with client.responses.stream(**asked, max_output_tokens=30, temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert final.output_text == whole.output_text
    assert {"response.created", "response.output_text.delta", "response.completed"} <= kinds
    cut = client.responses.create(**asked, max_output_tokens=1)
    assert cut.status == "incomplete"
    assert cut.incomplete_details
    assert cut.incomplete_details.reason == "max_output_tokens"
    parsed = client.responses.parse(model=MODEL, input="Describe a fruit.", text_format=Fruit)
    assert isinstance(parsed.output_parsed, Fruit)


def test_responses_call_functions(client: openai.OpenAI) -> None:
    tool: Any = {
        "type": "function",
        "name": "get_weather",
        "parameters": PARAMETERS,
        "strict": True,
    }
    asked: Any = {"model": MODEL, "input": "The weather in Rome for 3 days?", "tools": [tool]}
    one: Any = {"tool_choice": "required", "parallel_tool_calls": False}
    with client.responses.stream(**asked, **one) as stream:
        final = stream.get_final_response()
    call = final.output[-1]
    assert call.type == "function_call"
    assert json.loads(call.arguments)["city"] in ("Paris", "Rome")
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny."}
    history: Any = [{"role": "user", "content": asked["input"]}, call, result]
    told = client.responses.create(
        model=MODEL, input=history, tools=[tool], tool_choice="none", max_output_tokens=30
    )
    assert told.status in ("completed", "incomplete")


def test_embeddings(client: openai.OpenAI) -> None:
    models = {model.id for model in client.models.list()} - {MODEL}
    (model,) = (name for name in models if "minilm" in name.lower())
    texts = ["A cat sat on the mat.", "A kitten rested on the rug.", "Stocks fell on Monday."]
    found = client.embeddings.create(model=model, input=texts)
    plain = client.embeddings.create(model=model, input=texts[0], encoding_format="float")
    cat, kitten, stocks = (item.embedding for item in found.data)
    assert sum(x * x for x in cat) == pytest.approx(1, abs=1e-3)
    assert plain.data[0].embedding == pytest.approx(cat, abs=1e-2)

    def likeness(one: list[float], other: list[float]) -> float:
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert likeness(cat, kitten) > likeness(cat, stocks) + 0.2
    assert found.usage.prompt_tokens > 10


def test_models(client: openai.OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).owned_by == "consigne"


def test_errors(client: openai.OpenAI, server: ServerProcess) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="nope", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with (
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model=MODEL, messages=HELLO)
    picture: Any = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    with pytest.raises(openai.BadRequestError, match=r"(?i)image"):
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": [picture]}]
        )
    endless: Any = [{"role": "user", "content": "word " * 20_000}]
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(model=MODEL, messages=endless, max_tokens=9)
    assert long.value.code == "context_length_exceeded"


async def test_many_at_once(server: ServerProcess) -> None:
    options: Any = {"api_key": server.key, "max_retries": 0}
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", **options) as client:
        answers = await asyncio.gather(
            *(
                client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": f"Say the number {i}."}],
                    max_tokens=12,
                )
                for i in range(16)
            )
        )
    assert all(answer.choices[0].message.content is not None for answer in answers)
