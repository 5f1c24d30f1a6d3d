"""One record for each request that a model began to answer, and it says what the answer said."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.api.direct import ENDPOINTS as DIRECT
from consigne.api.metered import ENDPOINTS
from consigne.domain.errors import EngineFailed, InvalidRequest
from consigne.domain.events import MessageStart, MessageStop
from consigne.domain.usage import Usage
from consigne.settings import PriceSettings
from doubles.scripted import MESSAGE_ID, START, Step, stop, text
from support.usage import Metered

Json = dict[str, Any]
ANTHROPIC = {"anthropic-version": "2023-06-01"}
MESSAGES = [{"role": "user", "content": "Hello"}]
ASKED = {
    "/v1/messages": {"model": "small", "max_tokens": 9, "messages": MESSAGES},
    "/v1/chat/completions": {"model": "small", "messages": MESSAGES},
    "/v1/responses": {"model": "small", "input": "Hello"},
    "/v1/completions": {"model": "small", "prompt": "Hello"},
    "/v1/embeddings": {"model": "mini", "input": ["four", "more"]},
}


@pytest.fixture
async def metered() -> AsyncIterator[Metered]:
    made = Metered()
    yield made
    await made.close()


def test_every_path_that_passes_the_framework_by_is_metered():
    assert set(DIRECT) <= set(ENDPOINTS)


@pytest.mark.parametrize("path", ASKED)
async def test_each_endpoint_leaves_one_record(metered: Metered, path: str):
    async with metered.client() as client:
        answer = await client.post(path, json=ASKED[path], headers=ANTHROPIC)
    assert answer.status_code == 200, answer.text
    (row,) = await metered.rows()
    text_model = path != "/v1/embeddings"
    wanted = {
        "id": answer.headers.get("request-id") or answer.headers["x-request-id"],
        "organisation_id": "org_1",
        "key_id": "key_1",
        "user_id": None,
        "endpoint": ENDPOINTS[path],
        "batch": False,
        "asked": "small" if text_model else "mini",
        "model": "tiny" if text_model else "mini",
        "target": "here",
        "status": "ok",
        "streamed": False,
        "input_tokens": 12 if text_model else 8,
        "cached_tokens": 4 if text_model else 0,
        "output_tokens": 5 if text_model else 0,
        "cost": None,
    }
    assert {name: row[name] for name in wanted} == wanted
    assert (row["first_ms"] is not None) == text_model
    assert row["total_ms"] >= (row["first_ms"] or 0)


async def test_what_no_model_began_to_answer_leaves_none(metered: Metered):
    metered.script.scripts.append((InvalidRequest("no"),))
    async with metered.client() as client:
        for body in ({"model": "gone", "messages": MESSAGES}, {"model": "tiny"}, {}):
            assert (await client.post("/v1/chat/completions", json=body)).status_code >= 400
        refused = await client.post("/v1/chat/completions", json=ASKED["/v1/chat/completions"])
        assert refused.status_code == 400
        assert (await client.get("/v1/models")).status_code == 200
        unknown = {"authorization": "Bearer nobody"}
        body = ASKED["/v1/chat/completions"]
        denied = await client.post("/v1/chat/completions", json=body, headers=unknown)
        assert denied.status_code == 401
        moderated = await client.post("/v1/moderations", json={"input": "Hello"})
        assert moderated.status_code == 404
    assert await metered.rows() == []
    counted = {labels[3]: each.requests for labels, each in metered.usage.meters.series.items()}
    assert counted == {"invalid_request": 1}


async def test_an_answer_that_breaks_off_is_recorded_as_far_as_it_came(metered: Metered):
    metered.script.scripts.append((START, *text("a", "b")[:3], EngineFailed("gone")))
    async with metered.client() as client:
        body = ASKED["/v1/chat/completions"] | {"stream": True}
        answer = await client.post("/v1/chat/completions", json=body)
        assert "gone" in answer.text
    (row,) = await metered.rows()
    assert (row["status"], row["streamed"]) == ("engine_failed", True)
    assert (row["input_tokens"], row["output_tokens"]) == (12, 2)


async def test_work_in_the_background_is_recorded_when_it_is_over(metered: Metered):
    gate = asyncio.Event()
    metered.script.scripts.append((START, *text("a"), gate, stop()))
    async with metered.client() as client:
        body = ASKED["/v1/responses"] | {"background": True}
        queued = (await client.post("/v1/responses", json=body)).json()
        assert await metered.rows() == []
        gate.set()
        # Its stream ends when nothing is left to be done for it.
        await client.get(f"/v1/responses/{queued['id']}", params={"stream": "true"})
    (row,) = await metered.rows()
    assert (row["endpoint"], row["status"], row["output_tokens"]) == ("responses", "ok", 5)


async def test_a_repeated_request_is_recorded_once(metered: Metered):
    async with metered.client() as client:
        for _ in range(2):
            headers = {"idempotency-key": "once"}
            body = ASKED["/v1/chat/completions"]
            answer = await client.post("/v1/chat/completions", json=body, headers=headers)
            assert answer.status_code == 200
    assert len(await metered.rows()) == 1


async def test_a_prompt_that_is_only_read_or_scored_is_recorded_as_it_is_told(metered: Metered):
    async with metered.client() as client:
        scored = {"model": "tiny", "prompt": "a b c", "echo": True, "logprobs": 1, "max_tokens": 0}
        told = (await client.post("/v1/completions", json=scored)).json()["usage"]
        echoed = scored | {"max_tokens": 4}
        more = (await client.post("/v1/completions", json=echoed)).json()["usage"]
    # Both may well begin within one millisecond.
    found = sorted((row["input_tokens"], row["output_tokens"]) for row in await metered.rows())
    assert found == sorted(
        (each["prompt_tokens"], each["completion_tokens"]) for each in (told, more)
    )


COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500)).map(
    lambda counts: Usage(counts[0] + counts[1], counts[1], counts[2])
)
CALLS = st.tuples(
    st.sampled_from(("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/completions")),
    st.booleans(),
    st.integers(1, 3),
    COUNTS,
)


def script_of(usage: Usage) -> tuple[Step, ...]:
    start = MessageStart(MESSAGE_ID, "tiny", Usage(usage.input_tokens, usage.cached_input_tokens))
    return (start, *text("Hello", " world"), MessageStop("end_turn", usage))


@settings(max_examples=25)
@given(calls=st.lists(CALLS, min_size=1, max_size=6))
def test_the_records_sum_to_what_the_answers_said(calls: list[tuple[str, bool, int, Usage]]):
    async def run() -> None:
        metered = Metered(prices={"tiny": PriceSettings(input=3.0, cached_input=0.3, output=15.0)})
        try:
            told = [await _told(metered, *call) for call in calls]
            rows = await metered.rows()
        finally:
            await metered.close()
        assert len(rows) == len(calls)
        columns = ("input_tokens", "cached_tokens", "output_tokens")
        sums = [sum(row[column] for row in rows) for column in columns]
        assert sums == [sum(each[at] for each in told) for at in range(3)]
        # A price in the currency per million tokens is one in micro-units per token.
        tenths = (30 * (i - c) + 3 * c + 150 * o for i, c, o in told)
        assert sum(row["cost"] for row in rows) == sum((each + 5) // 10 for each in tenths)

    asyncio.run(run())


async def _told(
    metered: Metered, path: str, stream: bool, n: int, usage: Usage
) -> tuple[int, int, int]:
    """Make a call and return the input, cached and output tokens that its answer tells."""
    many = path in ("/v1/chat/completions", "/v1/completions")
    metered.script.scripts += [script_of(usage)] * (n if many else 1)
    body: Json = ASKED[path] | ({"n": n} if many else {}) | {"stream": stream}
    if stream and many:
        body["stream_options"] = {"include_usage": True}
    async with metered.client() as client:
        answer = await client.post(path, json=body, headers=ANTHROPIC)
    assert answer.status_code == 200, answer.text
    found = _usages(answer.text) if stream else [answer.json()["usage"]]
    told: Json = {}
    for each in found:
        told |= {name: value for name, value in each.items() if value is not None}
    if path == "/v1/messages":
        cached = told["cache_read_input_tokens"]
        return told["input_tokens"] + cached, cached, told["output_tokens"]
    if path == "/v1/responses":
        cached = told["input_tokens_details"]["cached_tokens"]
        return told["input_tokens"], cached, told["output_tokens"]
    cached = told["prompt_tokens_details"]["cached_tokens"]
    return told["prompt_tokens"], cached, told["completion_tokens"]


def _usages(stream: str) -> list[Json]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line[:6] == "data: "]
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    places = [(each, each.get("message") or {}, each.get("response") or {}) for each in events]
    return [place["usage"] for three in places for place in three if place.get("usage")]
