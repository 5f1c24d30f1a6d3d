"""The vendors' SDKs with bounded keys, repeated requests and packed answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest

from consigne.business.grants import Grant, RateLimits
from doubles.scripted import KEY, START, ScriptedGateway, stop, text
from support.clock import held_clock
from support.dialects import served

HELLO: Any = [{"role": "user", "content": "Hello"}]
NAMED = {"Idempotency-Key": "order 7"}


@contextmanager
def clients(
    gateway: ScriptedGateway, *, retries: int = 0, **server: Any
) -> Iterator[tuple[anthropic.Anthropic, openai.OpenAI]]:
    """Serve a gateway; give each vendor's client of it."""
    with (
        served(gateway, **server) as url,
        anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=retries) as claude,
        openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=retries) as gpt,
    ):
        yield claude, gpt


def test_both_sdks_raise_their_own_errors_for_what_a_key_may_not_do() -> None:
    grant = Grant(scopes=frozenset({"generate"}), models=frozenset({"plain"}))
    with clients(ScriptedGateway(), grant=grant) as (claude, gpt):
        with pytest.raises(anthropic.PermissionDeniedError, match="may not use the model 'tiny'"):
            claude.messages.create(model="tiny", max_tokens=5, messages=HELLO)
        with pytest.raises(anthropic.PermissionDeniedError, match="lacks the scope 'models'"):
            claude.models.list()
        with pytest.raises(openai.PermissionDeniedError) as told:
            gpt.chat.completions.create(model="tiny", messages=HELLO)
        assert (told.value.code, told.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.PermissionDeniedError, match="lacks the scope 'embed'"):
            gpt.embeddings.create(model="mini", input="Hello")
        assert claude.messages.create(model="plain", max_tokens=5, messages=HELLO).content


def test_both_sdks_see_only_the_keys_models() -> None:
    with clients(ScriptedGateway(), grant=Grant(models=frozenset({"plain"}))) as (claude, gpt):
        assert [model.id for model in claude.models.list()] == ["plain"]
        assert [model.id for model in gpt.models.list()] == ["plain"]


def test_an_sdk_is_told_to_wait_and_waits() -> None:
    grant = Grant(limits=RateLimits(requests=60))
    with clients(ScriptedGateway(), grant=grant, retries=3) as (claude, gpt):
        with held_clock():
            for _ in range(60):
                claude.messages.create(model="tiny", max_tokens=5, messages=HELLO)
            with pytest.raises(anthropic.RateLimitError) as told:
                claude.with_options(max_retries=0).messages.create(
                    model="tiny", max_tokens=5, messages=HELLO
                )
            with pytest.raises(openai.RateLimitError) as said:
                gpt.with_options(max_retries=0).chat.completions.create(
                    model="tiny", messages=HELLO
                )
        assert told.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"
        assert told.value.response.headers["retry-after"] == "1"
        assert said.value.code == "rate_limit_exceeded"
        for _ in range(61):
            claude.messages.create(model="tiny", max_tokens=5, messages=HELLO)


def test_raw_responses_show_what_is_left() -> None:
    with clients(ScriptedGateway(), grant=Grant(limits=RateLimits(requests=9))) as (claude, gpt):
        raw = claude.messages.with_raw_response.create(model="tiny", max_tokens=5, messages=HELLO)
        assert raw.headers["anthropic-ratelimit-requests-limit"] == "9"
        told = gpt.chat.completions.with_raw_response.create(model="tiny", messages=HELLO)
        assert told.headers["x-ratelimit-limit-requests"] == "9"


def test_an_sdks_repeated_request_gets_the_first_answer_whole_and_streamed() -> None:
    gateway = ScriptedGateway()
    with clients(gateway) as (claude, gpt):
        ask = claude.messages
        first, second = (
            ask.create(model="tiny", max_tokens=5, messages=HELLO, extra_headers=NAMED)
            for _ in range(2)
        )
        assert first == second
        told = []
        for _ in range(2):
            with gpt.chat.completions.create(
                model="tiny", messages=HELLO, stream=True, extra_headers={"Idempotency-Key": "s"}
            ) as stream:
                told.append([chunk.model_dump() for chunk in stream])
        assert told[0] == told[1]
        with pytest.raises(anthropic.UnprocessableEntityError, match="used for another request"):
            ask.create(model="tiny", max_tokens=6, messages=HELLO, extra_headers=NAMED)
    assert len(gateway.requests) == 2


def test_long_answers_come_packed_to_both_sdks() -> None:
    long = "a long answer " * 400
    with clients(ScriptedGateway(START, *text(long), stop())) as (claude, gpt):
        raw = claude.messages.with_raw_response.create(model="tiny", max_tokens=5, messages=HELLO)
        assert raw.headers["content-encoding"] in ("gzip", "zstd")
        assert raw.parse().content[0].text == long
        answer = gpt.chat.completions.create(model="tiny", messages=HELLO)
        assert answer.choices[0].message.content == long
