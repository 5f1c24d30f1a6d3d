"""Text completions on the real model: what evaluation harnesses and older applications send."""

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
CONTEXT = "The capital of France is"


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    """The SDK as an application sets it up: a base URL and a key."""
    options: Any = {"api_key": server.key, "max_retries": 0}
    with openai.OpenAI(base_url=f"{server.url}/v1", **options) as opened:
        yield opened


def test_a_text_goes_on(client: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "prompt": CONTEXT, "max_tokens": 8, "temperature": 0}
    whole = client.completions.create(**asked)
    assert "Paris" in whole.choices[0].text
    assert whole.choices[0].finish_reason == "length"
    assert whole.usage
    assert whole.usage.completion_tokens == 8
    pieces = list(client.completions.create(**asked, stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == whole.choices[0].text


def test_tokens_and_text_are_the_same_prompt(client: openai.OpenAI) -> None:
    scored: Any = {"model": MODEL, "max_tokens": 0, "echo": True, "logprobs": 0}
    texts = client.completions.create(**scored, prompt=CONTEXT).choices[0].logprobs
    assert texts
    assert texts.tokens == ["The", " capital", " of", " France", " is"]
    tokens = [504, 3575, 282, 4649, 314]
    told = client.completions.create(**scored, prompt=tokens).choices[0]
    assert told.logprobs == texts
    assert told.text == CONTEXT


def test_likelihoods_choose_the_right_continuation(client: openai.OpenAI) -> None:
    """The shape of lm-eval's ``local-completions``: one batch of contexts with continuations."""
    endings = [" Paris.", " Berlin.", " cheese."]
    answer = client.completions.create(
        model=MODEL,
        prompt=[CONTEXT + ending for ending in endings],
        max_tokens=1,
        temperature=0,
        logprobs=1,
        echo=True,
        seed=1234,
    )
    sums, greedy = [], []
    for choice in answer.choices:
        told = choice.logprobs
        assert told
        assert told.tokens
        assert told.token_logprobs
        assert told.top_logprobs
        assert told.token_logprobs[0] is None
        assert len(told.token_logprobs) == len(told.tokens) == 5 + 2 + 1
        sums.append(sum(told.token_logprobs[5:-1]))
        tops = zip(told.token_logprobs[5:-1], told.top_logprobs[5:-1], strict=True)
        greedy.append(all(chosen == max(top.values()) for chosen, top in tops))
    assert sums.index(max(sums)) == 0
    assert greedy == [True, False, False]


def test_a_prompts_likelihoods_are_those_of_generating_it(client: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "prompt": CONTEXT, "max_tokens": 6, "temperature": 0}
    generated = client.completions.create(**asked, logprobs=1)
    choice = generated.choices[0]
    again = client.completions.create(
        model=MODEL, prompt=CONTEXT + choice.text, max_tokens=0, echo=True, logprobs=3
    )
    scored = again.choices[0].logprobs
    assert choice.logprobs
    assert scored
    assert scored.tokens
    assert scored.token_logprobs
    assert scored.top_logprobs
    assert scored.tokens[5:] == choice.logprobs.tokens
    for one, other in zip(
        scored.token_logprobs[5:], choice.logprobs.token_logprobs or (), strict=True
    ):
        assert math.isclose(one, other, abs_tol=0.25)  # the pipeline rounds its attention cache
    for top in scored.top_logprobs[1:]:
        assert 3 <= len(top) <= 4
        assert sum(math.exp(value) for value in top.values()) <= 1.0 + 1e-5


def test_a_long_prompt_is_scored_in_pieces_as_in_one(client: openai.OpenAI) -> None:
    text = " ".join(str(number) for number in range(150))
    scored: Any = {"model": MODEL, "max_tokens": 0, "echo": True, "logprobs": 0}
    long = client.completions.create(**scored, prompt=text).choices[0].logprobs
    short = client.completions.create(**scored, prompt=text[:200]).choices[0].logprobs
    assert long
    assert short
    assert long.tokens
    assert long.token_logprobs
    assert short.token_logprobs
    assert len(long.tokens) > 256
    count = len(short.token_logprobs) - 1
    for one, other in zip(long.token_logprobs[1:count], short.token_logprobs[1:count], strict=True):
        assert math.isclose(one, other, abs_tol=0.1)  # kernels differ by length


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": [10**6]}, "has no token 1000000"),
        ({"prompt": "word " * 9000}, "reads at most"),
        ({"prompt": "word " * 9000, "echo": True, "logprobs": 1, "max_tokens": 0}, "at most"),
    ],
)
def test_what_cannot_be_read_is_refused(
    client: openai.OpenAI, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message) as refused:
        client.completions.create(model=MODEL, **fields)
    assert refused.value.param == "prompt"
