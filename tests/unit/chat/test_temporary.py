"""A temporary chat is answered, leaves nothing behind, and is kept only when asked."""

import logging

import pytest
from sqlalchemy import func, select

from consigne.chat.conversations import Conversations
from consigne.chat.guiding import Guiding
from consigne.chat.personal import Personal
from consigne.chat.skills import Skills
from consigne.chat.temporary import Said, Temporary
from consigne.domain.errors import InvalidRequest
from consigne.store.tables import Table
from doubles.chat_gateway import paced
from support.chat import Chat, body, collected, said

SECRET = "A question about wombats"


@pytest.fixture
async def temporary(chat: Chat, tmp_path):
    guide = Guiding(Personal(chat.db), Skills(chat.db, tmp_path / "none"))
    made = Temporary(chat.db, chat.gateway, guide)
    yield made
    await made.close()


async def rows(chat: Chat) -> dict[str, int]:
    async with chat.db.reading() as session:
        return {
            name: await session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Table.metadata.tables.items()
        }


async def test_it_is_answered_and_nothing_is_stored(
    chat: Chat, temporary: Temporary, caplog: pytest.LogCaptureFixture
):
    await Personal(chat.db).remember(chat.caller, "Likes tea")
    before = await rows(chat)
    with caplog.at_level(logging.DEBUG):
        started = await temporary.answer(chat.caller, [Said("user", SECRET)])
        events = temporary.events(chat.caller, started.run.id)
        assert events is not None
        seen = await collected(events)
    assert said(seen) == "Hello world"
    assert body(seen[-1])["message"]["state"] == "complete"
    assert await rows(chat) == before
    assert "wombats" not in caplog.text
    assert chat.gateway.requests[-1].system == ()
    again = temporary.events(chat.caller, started.run.id, seen[-2].number)
    assert again is not None
    assert [event.kind for event in await collected(again)] == ["done"]


async def test_only_its_person_reads_and_stops_it(chat: Chat, temporary: Temporary, make_member):
    other = await make_member("ada@example.org")
    _, chat.gateway.script = paced("never")
    started = await temporary.answer(chat.caller, [Said("user", SECRET)])
    assert temporary.events(other, started.run.id) is None
    assert not temporary.stop(other, started.run.id)
    assert temporary.stop(chat.caller, started.run.id)
    events = temporary.events(chat.caller, started.run.id)
    assert events is not None
    assert body((await collected(events))[-1])["message"]["state"] == "stopped"


async def test_it_is_kept_whole_when_asked(chat: Chat, temporary: Temporary):
    spoken = [Said("user", SECRET), Said("assistant", "They dig.", "tiny"), Said("user", "And?")]
    kept = await temporary.keep(chat.caller, spoken)
    thread = await Conversations(chat.db).thread(chat.caller, kept.id)
    assert [(m.role, m.text) for m in thread.messages] == [(s.role, s.text) for s in spoken]
    assert (kept.title, thread.messages[1].model) == (SECRET, "tiny")


@pytest.mark.parametrize(
    "spoken",
    [
        [],
        [Said("assistant", "Hello")],
        [Said("user", " ")],
        [Said("user", "a"), Said("user", "b")],
        [Said("user", "a"), Said("assistant", "b")],
    ],
)
async def test_what_ends_with_no_question_is_refused(
    chat: Chat, temporary: Temporary, spoken: list[Said]
):
    with pytest.raises(InvalidRequest):
        await temporary.answer(chat.caller, spoken)
