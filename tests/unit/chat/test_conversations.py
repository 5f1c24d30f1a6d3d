"""What people rely on of their list: it is in order, found by its words, and theirs alone."""

import pytest

from consigne.business.caller import Caller
from consigne.chat.branches import Stretch
from consigne.chat.places import Change
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from support.chat import Chat
from support.clock import held_clock

pytestmark = pytest.mark.databases


async def listed(chat: Chat, **options) -> list[str]:
    found = await chat.conversations.page(chat.caller, **options)
    return [conversation.title for conversation in found.conversations]


async def titled(chat: Chat, *titles: str):
    made = []
    for title in titles:
        conversation = await chat.new()
        made.append(
            await chat.conversations.change(chat.caller, conversation.id, Change(title=title))
        )
    return made


async def test_pages_together_are_the_whole_list_the_latest_first(chat: Chat):
    with held_clock() as clock:
        for number in range(7):
            await titled(chat, f"{number}")
            clock.move(seconds=number % 2)  # some share their instant
    seen, cursor = [], ""
    while True:
        page = await chat.conversations.page(chat.caller, cursor=cursor, limit=2)
        seen += [conversation.title for conversation in page.conversations]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == 7
    assert seen == await listed(chat)
    assert seen[0] == "6"


async def test_a_conversation_that_goes_on_moves_to_the_top(chat: Chat):
    first, _second = await titled(chat, "first", "second")
    assert await listed(chat) == ["second", "first"]
    await chat.ask(first, "Hello")
    assert await listed(chat) == ["first", "second"]


async def test_search_finds_titles_without_regard_to_case_and_accents(chat: Chat):
    await titled(chat, "Les Élèves de l’école", "100 % of it", "Straße")
    assert await listed(chat, query=" ECOLE ") == ["Les Élèves de l’école"]
    assert await listed(chat, query="100 %") == ["100 % of it"]
    assert await listed(chat, query="strasse") == ["Straße"]
    assert await listed(chat, query="_") == []
    assert await listed(chat, query="nothing\x00") == []


async def test_a_deleted_conversation_can_be_brought_back_whole(chat: Chat):
    (conversation,) = await titled(chat, "kept")
    answer = await chat.ask(conversation, "Hello")
    before = await chat.thread(conversation)
    await chat.conversations.delete(chat.caller, conversation.id)
    assert await listed(chat) == []
    for attempt in (
        chat.thread(conversation),
        chat.send(conversation, "Hi"),
        chat.conversations.delete(chat.caller, conversation.id),
        chat.runs.go_on(chat.caller, answer.id),
        chat.runs.events(chat.caller, answer.run_id),
    ):
        with pytest.raises(NotFound):
            await attempt
    restored = await chat.conversations.restore(chat.caller, conversation.id)
    assert restored == before.conversation
    assert await chat.thread(conversation) == before


async def test_wrong_questions_are_refused(chat: Chat):
    (conversation,) = await titled(chat, "one")
    for options in ({"limit": 0}, {"limit": 201}, {"cursor": "wrong"}, {"cursor": "AAAA"}):
        with pytest.raises(InvalidRequest):
            await chat.conversations.page(chat.caller, **options)
    for title in ("", " \n", "\x00\x07"):
        with pytest.raises(InvalidRequest, match="empty"):
            await chat.conversations.change(chat.caller, conversation.id, Change(title=title))
    with pytest.raises(NotFound, match="no such message"):
        await chat.conversations.change(chat.caller, conversation.id, Change(head_id="msg_1"))
    with pytest.raises(InvalidRequest, match="before"):
        await chat.conversations.thread(chat.caller, conversation.id, Stretch(before="msg_1"))


async def test_a_key_holds_no_conversations(chat: Chat):
    key = Caller(chat.caller.organisation_id, "ws_1", None, "key_1", "member", "app")
    with pytest.raises(NotPermitted):
        await chat.conversations.create(key)
    assert (await chat.conversations.page(key)).conversations == ()
