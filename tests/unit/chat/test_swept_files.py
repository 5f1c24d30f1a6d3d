"""Files that were sent only in a deleted conversation go with it, once it can't come back."""

import pytest
from sqlalchemy import select

from consigne.chat.assistants import Assistants, NewAssistant
from consigne.chat.projects import NewProject, Projects
from consigne.chat.sweeping import ChatSweep
from consigne.chat.values import Attachment, Conversation
from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.store.documents_tables import DocumentRow
from support.chat import Chat
from support.clock import held_clock

pytestmark = pytest.mark.databases


async def add(chat: Chat, document_id: str) -> None:
    async with chat.db.session() as session:
        session.add(
            DocumentRow(
                id=document_id,
                organisation_id=chat.caller.organisation_id,
                workspace_id=chat.caller.workspace_id,
                user_id=chat.caller.user_id,
                state="ready",
                kind="text",
                filename=f"{document_id}.txt",
                media_type="text/plain",
                picture_type="",
                size=1,
                characters=1,
                passages=0,
                indexed=0,
                excerpt="",
                cut=False,
                created_at=sources.now(),
            )
        )


async def asked(chat: Chat, *files: str) -> Conversation:
    sent = tuple(Attachment(file, "text", f"{file}.txt", "text/plain", 1) for file in files)
    conversation = await chat.new()
    await chat.done((await chat.send(conversation, "Read these", attachments=sent)).run.id)
    return conversation


async def deleted(chat: Chat) -> set[str]:
    async with chat.db.reading() as session:
        gone = select(DocumentRow.id).where(DocumentRow.state == "deleted")
        return set(await session.scalars(gone))


async def test_only_files_that_nothing_else_has_go_with_a_conversation(chat: Chat):
    with held_clock() as clock:
        for name in ("alone", "shared", "known", "unsent"):
            await add(chat, name)
        await Assistants(chat.db).create(chat.caller, NewAssistant("A", knowledge=("known",)))
        first = await asked(chat, "alone", "shared", "known")
        second = await asked(chat, "shared")
        await chat.conversations.delete(chat.caller, first.id)
        await ChatSweep(chat.db).sweep()
        assert await deleted(chat) == set()  # it can still be restored
        clock.move(seconds=100_000)
        assert await ChatSweep(chat.db).sweep() == 1
        assert await deleted(chat) == {"alone"}
        await chat.conversations.delete(chat.caller, second.id)
        clock.move(seconds=100_000)
        assert await ChatSweep(chat.db).sweep() == 1
        assert await deleted(chat) == {"alone", "shared"}


async def test_only_files_that_nothing_else_has_go_with_a_project(chat: Chat):
    projects = Projects(chat.db)
    with held_clock() as clock:
        alone, sent_too, both = [new_id("doc") for _ in range(3)]
        for name in (alone, sent_too, both):
            await add(chat, name)
        first, second = [
            (await projects.create(chat.caller, NewProject(name))).project.id for name in "AB"
        ]
        for name in (alone, sent_too, both):
            await projects.add_file(chat.caller, first, name)
        await projects.add_file(chat.caller, second, both)
        sent = await asked(chat, sent_too)
        inside = await chat.conversations.create(chat.caller, project_id=first)
        await projects.delete(chat.caller, first)
        assert await ChatSweep(chat.db).sweep() == 0
        clock.move(seconds=100_000)
        assert await ChatSweep(chat.db).sweep() == 1
        assert await deleted(chat) == {alone}
        assert (await chat.thread(inside)).conversation.project_id is None
        await chat.conversations.delete(chat.caller, sent.id)
        clock.move(seconds=100_000)
        await ChatSweep(chat.db).sweep()
        assert await deleted(chat) == {alone, sent_too}
