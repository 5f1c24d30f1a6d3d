"""What applications keep here, driven by OpenAI's own SDK over real HTTP."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec
import openai
import pytest

from consigne.domain.errors import Unsupported
from consigne.domain.messages import Message, TextBlock, ToolResultBlock, ToolUseBlock
from doubles.scripted import (
    FOREIGN_KEY,
    START,
    ScriptedGateway,
    stop,
    text,
    tool_use,
)
from support.sdks import Point, Service

TOOL: Any = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": None}


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
    with pytest.raises(openai.BadRequestError, match="Previous response with id") as refused:
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


class CountlessGateway(ScriptedGateway):
    """Has models of a provider that can't count tokens, with a context of 300."""

    async def count_tokens(self, request: Any) -> int:
        """Refuse."""
        raise Unsupported("It can't count.", param="model")

    def resolve(self, name: str, modality: Any = "text") -> Any:
        """Return a model with a small context."""
        return msgspec.structs.replace(super().resolve(name, modality), context=300)


def test_where_tokens_cannot_be_counted_the_length_of_the_prompt_does() -> None:
    with ExitStack() as stack:
        service = Service(CountlessGateway(), stack)
        turns: Any = [{"role": "user", "content": f"{i} " * 100} for i in range(6)]
        gpt = service.client()
        gpt.responses.create(model="tiny", input=turns, truncation="auto")
        assert 1 <= len(service.gateway.requests[-1].messages) < 6
        assert gpt.responses.compact(model="tiny", input="B?").object == "response.compaction"


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
    assert [message.id for message in messages] == [f"{made[0].id}-{n}" for n in range(2)]
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
        lambda: other.responses.create(model="tiny", input="?", conversation=conversation.id),
        lambda: other.responses.create(model="tiny", input=refers),
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
    going_on: Any = {"model": "tiny", "previous_response_id": told.id}
    for go_on in (
        other.responses.create,
        other.responses.compact,
        other.responses.input_tokens.count,
    ):
        with pytest.raises(openai.BadRequestError, match="not found"):
            go_on(**going_on)
    assert not other.chat.completions.list().data
    assert gpt.responses.retrieve(running.id).status in ("queued", "in_progress")
    assert gpt.responses.retrieve(told.id) == told
    gpt.responses.delete(running.id)
