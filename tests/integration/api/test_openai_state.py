"""What applications keep here, driven by OpenAI's own SDK over real HTTP."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from consigne.domain.errors import EngineCrashed
from consigne.domain.messages import Message, TextBlock, ToolResultBlock, ToolUseBlock
from doubles.scripted import (
    FOREIGN_KEY,
    KEY,
    START,
    ScriptedGateway,
    stop,
    text,
    thinking,
    tool_use,
)
from support.dialects import served

Client = Callable[..., openai.OpenAI]
TOOL: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}
MIXED = (
    START,
    *thinking("Hm", "m"),
    *text("Hel", "lo é", "\U0001f600", index=1),
    *tool_use("f", '{"a":', ' "é"}', index=2),
    stop("tool_use"),
)
DEADLINE_S = 10


class Point(BaseModel):
    """What a structured answer is parsed to."""

    x: int
    y: int


class Service:
    """A served gateway and clients of it."""

    def __init__(self, gateway: ScriptedGateway, stack: ExitStack) -> None:
        self.gateway = gateway
        self.url = stack.enter_context(served(gateway)) + "/v1"
        self._stack = stack

    def client(self, key: str = KEY) -> openai.OpenAI:
        """Return OpenAI's client."""
        made = openai.OpenAI(base_url=self.url, api_key=key, max_retries=0)
        return self._stack.enter_context(made)


@pytest.fixture
def service() -> Iterator[Service]:
    """A service whose model says hello."""
    with ExitStack() as stack:
        yield Service(ScriptedGateway(), stack)


@pytest.fixture
def gpt(service: Service) -> openai.OpenAI:
    """A client of that service."""
    return service.client()


def texts(message: Message) -> str:
    """Return a turn's text."""
    return message.text


def test_a_response_is_kept_as_it_was_told(gpt: openai.OpenAI) -> None:
    told = gpt.responses.create(model="tiny", input="Hi", metadata={"k": "v"})
    assert gpt.responses.retrieve(told.id).model_dump() == told.model_dump()
    with gpt.responses.stream(model="tiny", input="Hi") as stream:
        streamed = stream.get_final_response()
    found = gpt.responses.retrieve(streamed.id)
    assert found.output_text == streamed.output_text == "Hello world"
    assert found.usage == streamed.usage


def test_a_response_is_not_kept_against_the_clients_will(gpt: openai.OpenAI) -> None:
    told = gpt.responses.create(model="tiny", input="Hi", store=False)
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve(told.id)


def test_a_deleted_response_is_gone(gpt: openai.OpenAI) -> None:
    told = gpt.responses.create(model="tiny", input="Hi")
    gpt.responses.delete(told.id)
    with pytest.raises(openai.NotFoundError, match="not found"):
        gpt.responses.retrieve(told.id)
    with pytest.raises(openai.NotFoundError) as refused:
        gpt.responses.create(model="tiny", input="Hi", previous_response_id=told.id)
    assert refused.value.code == "previous_response_not_found"


def test_a_chain_of_responses_is_one_conversation(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.scripts = [
        (START, *text("One."), stop()),
        (START, *tool_use("f", '{"a": 1}'), stop("tool_use")),
    ]
    first = gpt.responses.create(model="tiny", input="A?", instructions="Be brief.")
    second = gpt.responses.create(
        model="tiny", input="B?", previous_response_id=first.id, tools=[TOOL]
    )
    call = second.output[0]
    assert call.type == "function_call"
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "22"}
    third = gpt.responses.create(model="tiny", input=[result], previous_response_id=second.id)
    assert third.previous_response_id == second.id
    asked = service.gateway.requests[-1]
    assert asked.system == (), "instructions are not carried over"
    assert asked.messages == (
        Message("user", (TextBlock("A?"),)),
        Message("assistant", (TextBlock("One."),)),
        Message("user", (TextBlock("B?"),)),
        Message("assistant", (ToolUseBlock(call.call_id, "f", {"a": 1}),)),
        Message("user", (ToolResultBlock(call.call_id, (TextBlock("22"),)),)),
    )
    listed = list(gpt.responses.input_items.list(third.id, order="asc", limit=2))
    assert [item.type for item in listed] == [
        "message",
        "message",
        "message",
        "function_call",
        "function_call_output",
    ]


def test_a_chain_with_a_lost_link_says_so(gpt: openai.OpenAI) -> None:
    first = gpt.responses.create(model="tiny", input="A?")
    second = gpt.responses.create(model="tiny", input="B?", previous_response_id=first.id)
    gpt.responses.delete(first.id)
    with pytest.raises(openai.BadRequestError, match=first.id):
        gpt.responses.create(model="tiny", input="C?", previous_response_id=second.id)
    assert [item.id for item in gpt.responses.input_items.list(second.id)]


def test_input_items_come_page_by_page(gpt: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": f"{i}"} for i in range(5)]
    asked[3]["id"] = asked[4]["id"] = "msg_mine"
    told = gpt.responses.create(model="tiny", input=asked)
    down = list(gpt.responses.input_items.list(told.id, limit=2))
    up = list(gpt.responses.input_items.list(told.id, limit=2, order="asc"))
    assert [item.content[0].text for item in up] == ["0", "1", "2", "3", "4"]  # type: ignore[union-attr]
    assert down == up[::-1]
    assert len({item.id for item in up}) == 5
    assert up[3].id == "msg_mine"
    page = gpt.responses.input_items.list(told.id, limit=1, after=str(up[1].id), order="asc")
    assert [item.id for item in page.data] == [up[2].id]
    for wrong in ({"limit": 0}, {"limit": 101}, {"order": "up"}, {"after": "x"}):
        with pytest.raises(openai.BadRequestError):
            gpt.responses.input_items.list(told.id, extra_query=wrong)
    with pytest.raises(openai.BadRequestError, match="include"):
        gpt.responses.input_items.list(told.id, extra_query={"include[]": "all"})


def test_items_are_referred_to_by_their_ids(service: Service, gpt: openai.OpenAI) -> None:
    told = gpt.responses.create(model="tiny", input="Hi")
    item_id = told.output[0].id
    assert item_id
    gpt.responses.create(
        model="tiny",
        input=[
            {"type": "item_reference", "id": item_id},
            {"role": "user", "content": "Again."},
        ],
    )
    assert service.gateway.requests[-1].messages == (
        Message("assistant", (TextBlock("Hello world"),)),
        Message("user", (TextBlock("Again."),)),
    )


def test_a_conversation_grows_with_its_responses(service: Service, gpt: openai.OpenAI) -> None:
    begun = gpt.conversations.create(
        items=[{"role": "developer", "content": "Rules."}], metadata={"k": "v"}
    )
    assert begun.metadata == {"k": "v"}
    told = gpt.responses.create(model="tiny", input="A?", conversation=begun.id)
    assert told.conversation
    assert told.conversation.id == begun.id
    gpt.responses.create(model="tiny", input="B?", conversation=begun.id, store=False)
    asked = service.gateway.requests[-1]
    assert asked.system == (TextBlock("Rules."),)
    assert [texts(turn) for turn in asked.messages] == ["A?", "Hello world", "B?"]
    items = list(gpt.conversations.items.list(begun.id, order="asc", limit=2))
    assert [item.role for item in items] == [  # type: ignore[union-attr]
        "developer",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert list(gpt.conversations.items.list(begun.id, limit=3)) == items[::-1]
    with pytest.raises(openai.BadRequestError, match="conversation"):
        gpt.responses.create(model="tiny", input="C?", previous_response_id=told.id)


def test_conversations_and_their_items_can_be_changed(gpt: openai.OpenAI) -> None:
    begun = gpt.conversations.create()
    assert gpt.conversations.retrieve(begun.id) == begun
    changed = gpt.conversations.update(begun.id, metadata={"a": "b"})
    assert changed.metadata == {"a": "b"}
    assert gpt.conversations.update(begun.id, metadata=None).metadata == {}
    added = gpt.conversations.items.create(
        begun.id,
        items=[
            {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
            {"type": "reasoning", "id": "rs_1", "summary": []},
        ],
    )
    assert [item.type for item in added.data] == [
        "message",
        "function_call",
        "function_call_output",
        "reasoning",
    ]
    one = gpt.conversations.items.retrieve("rs_1", conversation_id=begun.id)
    assert one == added.data[3]
    gpt.conversations.items.delete("rs_1", conversation_id=begun.id)
    with pytest.raises(openai.NotFoundError):
        gpt.conversations.items.retrieve("rs_1", conversation_id=begun.id)
    again: Any = [{"type": "item_reference", "id": added.data[0].id}]
    copied = gpt.conversations.items.create(begun.id, items=again)
    assert copied.data[0].id != added.data[0].id
    assert len(list(gpt.conversations.items.list(begun.id))) == 4
    gone = gpt.conversations.delete(begun.id)
    assert (gone.deleted, gone.object) == (True, "conversation.deleted")
    with pytest.raises(openai.NotFoundError):
        gpt.conversations.retrieve(begun.id)


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"role": "user", "content": "x"}] * 21,
        [{"type": "telepathy"}],
        [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "["}],
        [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}],
    ],
)
def test_rubbish_does_not_get_into_a_conversation(gpt: openai.OpenAI, items: Any) -> None:
    begun = gpt.conversations.create()
    with pytest.raises(openai.BadRequestError, match="items"):
        gpt.conversations.items.create(begun.id, items=items)
    assert not list(gpt.conversations.items.list(begun.id))


def test_parse_helpers_on_stored_responses(service: Service, gpt: openai.OpenAI) -> None:
    service.gateway.script = (START, *text('{"x": 1,', ' "y": 2}'), stop())
    parsed = gpt.responses.parse(model="tiny", input="Hi", text_format=Point)
    assert parsed.output_parsed == Point(x=1, y=2)
    with gpt.responses.stream(model="tiny", input="Hi", text_format=Point) as stream:
        assert stream.get_final_response().output_parsed == Point(x=1, y=2)


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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
        kinds = [event.type async for event in stream_again]
        assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
        assert kinds[-1] == "response.completed"


def test_input_tokens_count_the_whole_context(service: Service, gpt: openai.OpenAI) -> None:
    first = gpt.responses.create(model="tiny", input="A?")
    count = gpt.responses.input_tokens.count(
        model="tiny", input="B?", previous_response_id=first.id, tools=[TOOL]
    )
    assert (count.input_tokens, count.object) == (42, "response.input_tokens")
    counted = service.gateway.requests[-1]
    assert [texts(turn) for turn in counted.messages] == ["A?", "Hello world", "B?"]
    assert [tool.name for tool in counted.tools] == ["f"]
    with pytest.raises(openai.BadRequestError, match="personality"):
        gpt.responses.input_tokens.count(model="tiny", input="B?", personality="friendly")


def test_a_compaction_stands_for_the_conversation(service: Service, gpt: openai.OpenAI) -> None:
    first = gpt.responses.create(model="tiny", input="A?")
    service.gateway.scripts = [(START, *text("They said ", "hello."), stop())]
    compacted = gpt.responses.compact(model="tiny", input="B?", previous_response_id=first.id)
    assert [texts(turn) for turn in service.gateway.requests[-1].messages][:3] == [
        "A?",
        "Hello world",
        "B?",
    ]
    assert compacted.object == "response.compaction"
    assert compacted.usage.total_tokens == 17
    carried: Any = [item.model_dump(exclude_none=True) for item in compacted.output]
    gpt.responses.create(model="tiny", input=[*carried, {"role": "user", "content": "C?"}])
    asked = service.gateway.requests[-1]
    assert "They said hello." in asked.system[0].text
    assert [texts(turn) for turn in asked.messages] == ["C?"]


class CountingGateway(ScriptedGateway):
    """Counts a word as a token, and a context of 20 of them."""

    async def count_tokens(self, request: Any) -> int:
        """Return the number of words."""
        return sum(len(turn.text.split()) for turn in request.messages)

    def resolve(self, name: str, modality: Any = "text") -> Any:
        """Return a model with a small context."""
        return msgspec.structs.replace(super().resolve(name, modality), context=20)


def test_truncation_leaves_out_the_oldest_turns() -> None:
    with ExitStack() as stack:
        service = Service(CountingGateway(), stack)
        turns: Any = [{"role": "user", "content": f"{i} " * 4} for i in range(6)]
        service.client().responses.create(model="tiny", input=turns, truncation="auto")
        kept = [texts(turn)[0] for turn in service.gateway.requests[-1].messages]
        assert kept == ["3", "4", "5"]
        service.client().responses.create(model="tiny", input=turns)
        assert len(service.gateway.requests[-1].messages) == 6


def test_chat_completions_are_kept_where_so_asked(service: Service, gpt: openai.OpenAI) -> None:
    hello: Any = [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
    ]
    made = [
        gpt.chat.completions.create(
            model="tiny", messages=hello, store=True, metadata={"n": str(i), "all": 'q"x,'}
        )
        for i in range(3)
    ]
    begin = msgspec.structs.replace(START, model="plain")
    service.gateway.scripts = [(begin, *text("Hello world"), stop())]
    with gpt.chat.completions.stream(
        model="plain", messages=hello, store=True, stream_options={"include_usage": True}
    ) as stream:
        streamed = stream.get_final_completion()
    gpt.chat.completions.create(model="tiny", messages=hello)
    listed = list(gpt.chat.completions.list(limit=2))
    assert [each.id for each in listed] == [each.id for each in (*made, streamed)]
    assert listed[0].choices == made[0].choices
    assert listed[3].choices[0].message.content == "Hello world"
    assert listed[3].usage == streamed.usage
    down = list(gpt.chat.completions.list(limit=3, order="desc"))
    assert down == listed[::-1]
    assert [each.id for each in gpt.chat.completions.list(model="plain")] == [streamed.id]
    found = gpt.chat.completions.list(metadata={"n": "1", "all": 'q"x,'})
    assert [each.id for each in found] == [made[1].id]
    messages = list(gpt.chat.completions.messages.list(made[0].id, limit=1))
    assert [(each.role, each.content) for each in messages] == [
        ("system", "Rules."),
        ("user", "Hi"),
    ]


def test_stored_chat_completions_are_changed_and_deleted(gpt: openai.OpenAI) -> None:
    hello: Any = [{"role": "user", "content": "Hi"}]
    made = gpt.chat.completions.create(
        model="tiny", messages=hello, store=True, n=2, metadata={"a": "b"}
    )
    assert len(gpt.chat.completions.retrieve(made.id).choices) == 2
    changed: Any = gpt.chat.completions.update(made.id, metadata={"c": "d"})
    assert changed.metadata == {"c": "d"}
    assert not gpt.chat.completions.list(metadata={"a": "b"}).data
    assert gpt.chat.completions.list(metadata={"c": "d"}).data
    assert gpt.chat.completions.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        gpt.chat.completions.retrieve(made.id)


def test_another_organisation_finds_nothing(service: Service, gpt: openai.OpenAI) -> None:
    told = gpt.responses.create(model="tiny", input="Hi")
    service.gateway.scripts = [(START, *text("Hel")[:2], asyncio.Event())]
    running = gpt.responses.create(model="tiny", input="Hi", background=True)
    conversation = gpt.conversations.create(items=[{"role": "user", "content": "Hi"}])
    item = gpt.conversations.items.list(conversation.id).data[0]
    hello: Any = [{"role": "user", "content": "Hi"}]
    stored = gpt.chat.completions.create(model="tiny", messages=hello, store=True)
    other = service.client(FOREIGN_KEY)
    refers: Any = [{"type": "item_reference", "id": told.output[0].id}]
    in_conversation: Any = {"conversation_id": conversation.id}
    attempts: list[Callable[[], Any]] = [
        lambda: other.responses.retrieve(told.id),
        lambda: other.responses.retrieve(running.id, stream=True),
        lambda: other.responses.cancel(running.id),
        lambda: other.responses.delete(told.id),
        lambda: other.responses.input_items.list(told.id),
        lambda: other.responses.create(model="tiny", input="?", previous_response_id=told.id),
        lambda: other.responses.create(model="tiny", input="?", conversation=conversation.id),
        lambda: other.responses.create(model="tiny", input=refers),
        lambda: other.responses.compact(model="tiny", previous_response_id=told.id),
        lambda: other.responses.input_tokens.count(model="tiny", previous_response_id=told.id),
        lambda: other.conversations.retrieve(conversation.id),
        lambda: other.conversations.update(conversation.id, metadata={}),
        lambda: other.conversations.delete(conversation.id),
        lambda: other.conversations.items.list(conversation.id),
        lambda: other.conversations.items.create(conversation.id, items=hello),
        lambda: other.conversations.items.retrieve(str(item.id), **in_conversation),
        lambda: other.conversations.items.delete(str(item.id), **in_conversation),
        lambda: other.chat.completions.retrieve(stored.id),
        lambda: other.chat.completions.update(stored.id, metadata={}),
        lambda: other.chat.completions.delete(stored.id),
        lambda: other.chat.completions.messages.list(stored.id),
    ]
    for attempt in attempts:
        with pytest.raises(openai.NotFoundError):
            attempt()
    assert not other.chat.completions.list().data
    assert gpt.responses.retrieve(running.id).status in ("queued", "in_progress")
    assert gpt.responses.retrieve(told.id) == told
    gpt.responses.delete(running.id)
