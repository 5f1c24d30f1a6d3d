"""Responses in the background and streams that are left, driven by OpenAI's own SDK."""

import asyncio
import threading
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import EngineCrashed
from doubles.scripted import (
    KEY,
    START,
    stop,
    text,
    thinking,
    tool_use,
)
from support.sdks import Point, Service

TOOL: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}
MIXED = (
    START,
    *thinking("Hm", "m"),
    *text("Hel", "lo é", "\U0001f600", index=1),
    *tool_use("f", '{"a":', ' "é"}', index=2),
    stop("tool_use"),
)
DEADLINE_S = 60


def wait_for(gpt: openai.OpenAI, response_id: str) -> Any:
    """Poll a response until it has ended."""
    ended = threading.Event()
    for _ in range(DEADLINE_S * 100):
        found = gpt.responses.retrieve(response_id)
        if found.status not in ("queued", "in_progress"):
            return found
        ended.wait(0.01)
    raise TimeoutError(response_id)


def test_a_background_response_is_written_without_its_client(
    service: Service, gpt: openai.OpenAI
) -> None:
    service.gateway.script = MIXED
    queued = gpt.responses.create(model="tiny", input="Hi", background=True, tools=[TOOL])
    assert (queued.status, queued.background, queued.output) == ("queued", True, [])
    done = wait_for(gpt, queued.id)
    assert done.status == "completed"
    assert done.output_text == "Hello é\U0001f600"
    assert [item.type for item in done.output] == ["reasoning", "message", "function_call"]
    assert next(iter(gpt.responses.input_items.list(queued.id))).content[0].text == "Hi"  # type: ignore[union-attr]
    next_one = gpt.responses.create(
        model="tiny",
        input=[{"type": "function_call_output", "call_id": "toolu_1", "output": "1"}],
        previous_response_id=queued.id,
    )
    assert next_one.status == "completed"


def test_a_background_stream_goes_on_from_every_event(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.script = MIXED
    stream = gpt.responses.create(
        model="tiny", input="Hi", background=True, stream=True, tools=[TOOL]
    )
    whole = [event.model_dump() for event in stream]
    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    assert whole[0]["type"] == "response.created"
    assert whole[0]["response"]["status"] == "queued"
    response_id = whole[0]["response"]["id"]
    for after in range(-1, len(whole) + 1):
        rest = gpt.responses.retrieve(response_id, stream=True, starting_after=after)
        assert [event.model_dump() for event in rest] == whole[max(after, -1) + 1 :]
    assert gpt.responses.retrieve(response_id).model_dump() == whole[-1]["response"]


def test_the_stream_helper_goes_on_from_an_event(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.script = (START, *text('{"x": 1,', ' "y": 2}'), stop())
    with gpt.responses.stream(
        model="tiny", input="Hi", text_format=Point, background=True
    ) as stream:
        whole = [event.type for event in stream]
        told = stream.get_final_response()
    with gpt.responses.stream(response_id=told.id, starting_after=4, text_format=Point) as stream:
        assert [event.type for event in stream] == whole[5:]
        assert stream.get_final_response().output_parsed == Point(x=1, y=2)


@settings(max_examples=25)
@given(pieces=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6), data=st.data())
def test_any_two_readings_make_the_whole(
    service: Service, gpt: openai.OpenAI, pieces: list[str], data: st.DataObject
) -> None:
    """A reader that goes away at any event and comes back misses nothing and sees nothing twice."""
    service.gateway.script = (START, *text(*pieces), stop())
    stream = gpt.responses.create(model="tiny", input="Hi", background=True, stream=True)
    seen = []
    leave_after = data.draw(st.integers(0, len(pieces) + 4))
    for event in stream:
        seen.append(event.model_dump())
        if event.sequence_number >= leave_after:
            break
    stream.close()
    response_id = seen[0]["response"]["id"]
    last = seen[-1]["sequence_number"]
    rest = gpt.responses.retrieve(response_id, stream=True, starting_after=last)
    seen += [event.model_dump() for event in rest]
    assert [event["sequence_number"] for event in seen] == list(range(len(seen)))
    deltas = [event["delta"] for event in seen if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "".join(pieces)
    assert seen[-1]["type"] == "response.completed"


def test_a_background_response_can_be_cancelled(service: Service, gpt: openai.OpenAI) -> None:
    never = asyncio.Event()
    service.gateway.script = (START, *text("Hel", "lo")[:2], never)
    stream = gpt.responses.create(model="tiny", input="Hi", background=True, stream=True)
    response_id = ""
    for event in stream:
        if event.type == "response.created":
            response_id = event.response.id
        if event.type == "response.output_text.delta":
            break
    assert gpt.responses.retrieve(response_id).status == "in_progress"
    with pytest.raises(openai.BadRequestError, match="still being written"):
        gpt.responses.create(model="tiny", input="?", previous_response_id=response_id)
    cancelled = gpt.responses.cancel(response_id)
    assert cancelled.status == "cancelled"
    assert cancelled.output_text == "Hel"
    assert cancelled.output[0].status == "incomplete"  # type: ignore[union-attr]
    assert gpt.responses.cancel(response_id) == cancelled, "cancelling again changes nothing"
    last = list(stream)[-1]
    assert last.type == "response.incomplete"
    assert last.response.status == "cancelled"
    assert service.gateway.running == 0
    service.gateway.script = (START, *text("Hello"), stop())
    plain = gpt.responses.create(model="tiny", input="Hi", store=True, stream=False)
    with pytest.raises(openai.BadRequestError, match="background"):
        gpt.responses.cancel(plain.id)
    with pytest.raises(openai.BadRequestError, match="background"):
        gpt.responses.retrieve(plain.id, stream=True)


def test_deleting_a_background_response_stops_it(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.script = (START, *text("Hel")[:2], asyncio.Event())
    queued = gpt.responses.create(model="tiny", input="Hi", background=True)
    gpt.responses.delete(queued.id)
    assert service.gateway.running == 0
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve(queued.id)


def test_a_background_response_that_fails_says_why(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.script = (START, *text("Hel")[:2], EngineCrashed("It died."))
    queued = gpt.responses.create(model="tiny", input="Hi", background=True)
    failed = wait_for(gpt, queued.id)
    assert failed.status == "failed"
    assert (failed.error.code, failed.error.message) == ("server_error", "It died.")
    assert failed.output_text == "Hel"
    events = list(gpt.responses.retrieve(queued.id, stream=True))
    assert events[-1].type == "response.failed"


@pytest.mark.parametrize("state", ["incomplete", "failed", "cancelled"])
def test_a_stream_that_ended_otherwise_goes_on_from_every_event(
    service: Service, gpt: openai.OpenAI, state: str
) -> None:
    begun = (START, *text("Hel", "lo")[:3])
    last = {
        "incomplete": (*text("Hel", "lo")[3:], stop("max_tokens")),
        "failed": (EngineCrashed("It died."),),
        "cancelled": (asyncio.Event(),),
    }
    service.gateway.script = (*begun, *last[state])
    stream = gpt.responses.create(model="tiny", input="Hi", background=True, stream=True)
    whole = []
    for event in stream:
        whole.append(event.model_dump())
        if state == "cancelled" and getattr(event, "delta", "") == "lo":
            gpt.responses.cancel(whole[0]["response"]["id"])
    assert whole[-1]["response"]["status"] == state
    for after in range(-1, len(whole) + 1):
        rest = gpt.responses.retrieve(whole[0]["response"]["id"], stream=True, starting_after=after)
        assert [event.model_dump() for event in rest] == whole[after + 1 :]
    kept = gpt.responses.retrieve(whole[0]["response"]["id"])
    assert (kept.status, kept.output_text) == (state, "Hello")
    assert kept.model_dump() == whole[-1]["response"]


async def test_a_stored_stream_that_is_left_is_kept_as_cancelled(service: Service) -> None:
    service.gateway.script = (START, *text("Hel")[:2], asyncio.Event())
    async with openai.AsyncOpenAI(base_url=service.url, api_key=KEY) as gpt:
        stream = await gpt.responses.create(model="tiny", input="Hi", stream=True)
        first = await anext(aiter(stream))
        assert first.type == "response.created"
        async for event in stream:
            if event.type == "response.output_text.delta":
                break
        await stream.close()
        async with asyncio.timeout(DEADLINE_S):
            assert await asyncio.to_thread(service.gateway.ended.wait, DEADLINE_S)
            while True:
                try:
                    kept = await gpt.responses.retrieve(first.response.id)
                    break
                except openai.NotFoundError:
                    await asyncio.sleep(0.01)
        assert (kept.status, kept.output_text) == ("cancelled", "Hel")


async def test_async_chains_conversations_and_background(service: Service) -> None:
    async with openai.AsyncOpenAI(base_url=service.url, api_key=KEY, max_retries=0) as gpt:
        first = await gpt.responses.create(model="tiny", input="A?")
        async with gpt.responses.stream(
            model="tiny", input="B?", previous_response_id=first.id
        ) as stream:
            second = await stream.get_final_response()
        begun = await gpt.conversations.create()
        await gpt.responses.create(model="tiny", input="C?", conversation=begun.id)
        items = [item async for item in gpt.conversations.items.list(begun.id)]
        assert [item.type for item in items] == ["message", "message"]
        stream_again = await gpt.responses.create(
            model="tiny", input="D?", previous_response_id=second.id, background=True, stream=True
        )
        async with stream_again:
            kinds = [event.type async for event in stream_again]
        assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
        assert kinds[-1] == "response.completed"
