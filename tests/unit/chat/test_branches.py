"""What the page relies on to show a tree of any size: stretches of a branch, and its versions."""

import pytest

from consigne.chat import branches
from consigne.chat.branches import Stretch
from consigne.chat.places import Change
from consigne.chat.sweeping import ChatSweep
from consigne.chat.values import Thread
from consigne.domain.errors import InvalidRequest, NotFound
from support.chat import Chat
from support.clock import held_clock
from support.seeding import grow

pytestmark = pytest.mark.databases


async def grown(chat: Chat, count: int) -> tuple[str, list[str]]:
    return await grow(chat.db, chat.caller, count)


async def read(chat: Chat, conversation_id: str, **wanted: str) -> Thread:
    return await chat.conversations.thread(chat.caller, conversation_id, Stretch(**wanted))


async def test_stretches_together_are_the_whole_branch(chat: Chat, monkeypatch):
    monkeypatch.setattr(branches, "MESSAGES_AT_ONCE", 4)
    conversation, ids = await grown(chat, 10)
    thread = await read(chat, conversation)
    seen = [message.id for message in thread.messages]
    assert (seen, thread.earlier, thread.later) == (ids[6:], True, False)
    while thread.earlier:
        thread = await read(chat, conversation, before=seen[0])
        seen[:0] = [message.id for message in thread.messages]
    assert seen == ids
    seen = ids[:1]
    while (thread := await read(chat, conversation, after=seen[-1])).messages:
        seen += [message.id for message in thread.messages]
        assert thread.later == (seen[-1] != ids[-1])
    assert seen == ids


async def test_a_message_is_found_with_what_stands_around_it(chat: Chat, monkeypatch):
    monkeypatch.setattr(branches, "_HALF", 2)
    conversation, ids = await grown(chat, 10)
    for at, first, last in ((0, 0, 1), (5, 3, 6), (9, 7, 9)):
        thread = await read(chat, conversation, around=ids[at])
        assert [message.id for message in thread.messages] == ids[first : last + 1]
        assert (thread.earlier, thread.later) == (first > 0, last < 9)
        assert thread.leaf_id == ids[9]


async def test_versions_are_told_and_each_can_be_read(chat: Chat):
    conversation = await chat.new()
    first = await chat.send(conversation, "Red?")
    red = await chat.done(first.run.id)
    again = await chat.runs.answer_again(chat.caller, first.message.id)
    scarlet = await chat.done(again.run.id)
    more = await chat.send(conversation, "More", scarlet)
    crimson = await chat.done(more.run.id)
    edited = await chat.send(conversation, "Blue?")
    navy = await chat.done(edited.run.id)

    thread = await chat.thread(conversation)
    assert [message.id for message in thread.messages] == [edited.message.id, navy.id]
    assert thread.versions == {"": (first.message.id, edited.message.id)}
    through = await read(chat, conversation.id, around=first.message.id)
    assert [m.id for m in through.messages] == [
        first.message.id,
        scarlet.id,
        more.message.id,
        crimson.id,
    ]
    assert through.leaf_id == crimson.id
    assert through.versions[first.message.id] == (red.id, scarlet.id)
    assert (await chat.thread(conversation)).leaf_id == navy.id, "reading changes nothing"

    await chat.conversations.change(chat.caller, conversation.id, Change(head_id=red.id))
    assert (await chat.thread(conversation)).leaf_id == red.id
    # A message of the branch that is read leaves that branch as it is.
    await chat.conversations.change(chat.caller, conversation.id, Change(head_id=first.message.id))
    assert (await chat.thread(conversation)).leaf_id == red.id


async def test_wrong_places_are_refused(chat: Chat):
    conversation, ids = await grown(chat, 4)
    other, others = await grown(chat, 2)
    with pytest.raises(InvalidRequest):
        await read(chat, conversation, before=ids[0], after=ids[0])
    for wanted in ("before", "after", "around"):
        with pytest.raises(InvalidRequest):
            await read(chat, conversation, **{wanted: "msg_1"})
        with pytest.raises(NotFound):
            await read(chat, conversation, **{wanted: others[0]})
    assert (await read(chat, conversation, before=ids[0])).messages == ()
    empty = await chat.new()
    thread = await chat.thread(empty)
    assert (thread.messages, thread.leaf_id, thread.earlier) == ((), None, False)
    assert other


@pytest.mark.databases("sqlite")
async def test_ten_thousand_messages_are_read_and_deleted(chat: Chat):
    with held_clock() as clock:
        conversation, ids = await grown(chat, 10_000)
        assert [m.id for m in (await read(chat, conversation)).messages] == ids[-100:]
        thread = await read(chat, conversation, around=ids[17])
        assert thread.messages[17].id == ids[17]
        await chat.conversations.delete(chat.caller, conversation)
        clock.move(seconds=100_000)
        assert await ChatSweep(chat.db).sweep() == 1
