"""What people rely on to keep order: pins, folders, the archive, and a bin with a second chance."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from consigne.chat.folders import Folders
from consigne.chat.places import Change
from consigne.chat.sweeping import KEPT, ChatSweep
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.store.tables import MessageRow
from support.chat import Chat
from support.clock import held_clock

pytestmark = pytest.mark.databases


async def made(chat: Chat, *titles: str) -> list[str]:
    ids = []
    for title in titles:
        conversation = await chat.new()
        await chat.conversations.change(chat.caller, conversation.id, Change(title=title))
        ids.append(conversation.id)
    return ids


async def listed(chat: Chat, place: str) -> list[str]:
    page = await chat.conversations.page(chat.caller, place=place)
    return [conversation.title for conversation in page.conversations]


async def change(chat: Chat, conversation_id: str, **fields):
    return await chat.conversations.change(chat.caller, conversation_id, Change(**fields))


async def test_each_conversation_stands_in_one_place(chat: Chat):
    folders = Folders(chat.db)
    folder = await folders.create(chat.caller, " Holiday\x00 plans ")
    assert folder.name == "Holiday plans"
    pinned, filed, archived, _recent = await made(chat, "pinned", "filed", "archived", "recent")
    assert (await change(chat, pinned, pinned=True)).pinned
    assert (await change(chat, filed, folder_id=folder.id)).folder_id == folder.id
    assert (await change(chat, archived, pinned=True)).pinned
    assert await listed(chat, "recent") == ["recent"]
    assert await listed(chat, "pinned") == ["archived", "pinned"]
    assert await listed(chat, folder.id) == ["filed"]
    await change(chat, archived, archived=True)
    assert await listed(chat, "pinned") == ["pinned"]
    assert await listed(chat, "archived") == ["archived"]
    assert await listed(chat, "") == ["recent", "filed", "pinned"]
    assert not (await change(chat, archived, pinned=True)).archived
    await change(chat, filed, folder_id="")
    assert await listed(chat, "recent") == ["recent", "filed"]
    with pytest.raises(InvalidRequest, match="place"):
        await listed(chat, "nowhere")


async def test_a_conversation_that_goes_on_leaves_the_archive(chat: Chat):
    conversation = await chat.new()
    await change(chat, conversation.id, archived=True)
    await chat.ask(conversation, "One more thing")
    assert await listed(chat, "archived") == []


async def test_a_deleted_folder_lets_its_conversations_go_and_takes_them_back(chat: Chat):
    folders = Folders(chat.db)
    folder = await folders.create(chat.caller, "Work")
    (one,) = await made(chat, "one")
    await change(chat, one, folder_id=folder.id)
    await folders.delete(chat.caller, folder.id)
    assert await folders.list(chat.caller) == ()
    assert await listed(chat, "recent") == ["one"]
    assert await listed(chat, folder.id) == []
    with pytest.raises(NotFound):
        await change(chat, one, folder_id=folder.id)
    with pytest.raises(NotFound):
        await folders.rename(chat.caller, folder.id, "Play")
    assert await folders.restore(chat.caller, folder.id) == folder
    assert await listed(chat, folder.id) == ["one"]
    assert (await folders.rename(chat.caller, folder.id, "Play")).name == "Play"


async def test_another_s_folder_can_t_be_used(chat: Chat, make_member):
    folder = await Folders(chat.db).create(await make_member("ada@example.org"), "Hers")
    (mine,) = await made(chat, "mine")
    with pytest.raises(NotFound, match="folder"):
        await change(chat, mine, folder_id=folder.id)


async def test_what_is_deleted_goes_for_good_after_a_day(chat: Chat):
    folders, sweep = Folders(chat.db), ChatSweep(chat.db)
    folder = await folders.create(chat.caller, "Work")
    kept = await chat.new()
    await chat.ask(kept, "Stay")
    await change(chat, kept.id, folder_id=folder.id)
    with held_clock() as clock:
        gone, answer = await chat.new(), None
        for number in range(3):
            answer = await chat.ask(gone, f"Go {number}", answer)
        await chat.conversations.delete(chat.caller, gone.id)
        await folders.delete(chat.caller, folder.id)
        clock.move(seconds=KEPT.total_seconds() - 1)
        assert await sweep.sweep() == 0
        await chat.conversations.restore(chat.caller, gone.id)
        await chat.conversations.delete(chat.caller, gone.id)
        clock.move(seconds=2)
        assert await sweep.sweep() == 1
        clock.move(seconds=timedelta(days=1).total_seconds())
        assert await sweep.sweep() == 1
    with pytest.raises(NotFound):
        await chat.conversations.restore(chat.caller, gone.id)
    with pytest.raises(NotFound):
        await folders.restore(chat.caller, folder.id)
    async with chat.db.reading() as session:
        assert await session.scalar(select(func.count(MessageRow.id))) == 2
    assert (await chat.thread(kept)).conversation.folder_id is None
