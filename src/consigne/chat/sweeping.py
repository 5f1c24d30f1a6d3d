"""Deletes for good what was deleted and can be restored no longer."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.chat.values import Attachment
from consigne.domain import sources
from consigne.store.assist_tables import (
    AssistantRow,
    MemoryRow,
    PromptRow,
    ScheduleRow,
    SkillRow,
)
from consigne.store.chat_tables import FolderRow
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow
from consigne.store.projects_tables import ProjectDocumentRow, ProjectRow
from consigne.store.tables import ConversationRow, MessageRow

_attachments = msgspec.json.Decoder(tuple[Attachment, ...])
_names = msgspec.json.Decoder(tuple[str, ...])

KEPT = timedelta(days=1)
"""How long a deleted conversation, folder or project can be restored."""


class ChatSweep:
    """The upkeep of the chat."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def sweep(self) -> int:
        """Delete what was deleted and whose time is over; return how many things that were."""
        before = sources.now() - KEPT
        swept = 0
        while await self._sweep_conversation(before):
            swept += 1
        while await self._sweep_project(before):
            swept += 1
        async with self._db.session() as session:
            gone = list(
                await session.scalars(select(FolderRow).where(FolderRow.deleted_at < before))
            )
            for folder in gone:
                await session.execute(
                    update(ConversationRow)
                    .where(
                        ConversationRow.folder_id == folder.id,
                        ConversationRow.organisation_id == folder.organisation_id,
                    )
                    .values(folder_id=None)
                )
                await session.delete(folder)
            for table in (MemoryRow, PromptRow, AssistantRow, ScheduleRow, SkillRow):
                await session.execute(delete(table).where(table.deleted_at < before))
        return swept + len(gone)

    async def _sweep_conversation(self, before: datetime) -> bool:
        """Delete one, in a transaction of its own: nobody waits for long to write."""
        async with self._db.session() as session:
            row = await session.scalar(
                select(ConversationRow)
                .where(ConversationRow.deleted_at < before)
                .order_by(ConversationRow.deleted_at)
                .limit(1)
            )
            if row is None:
                return False
            of_it = (MessageRow.conversation_id == row.id) & (
                MessageRow.organisation_id == row.organisation_id
            )
            # Otherwise SQLite goes down the tree by recursion, and no deeper than 1,000 messages.
            await session.execute(update(MessageRow).where(of_it).values(parent_id=None))
            files = await _attached(session, of_it)
            await session.execute(delete(MessageRow).where(of_it))
            await session.delete(row)
            if files:
                await session.flush()
                await _give_up(session, row, files)
        return True

    async def _sweep_project(self, before: datetime) -> bool:
        """Delete one; its conversations stay, and files of its maker's that nothing else has go."""
        async with self._db.session() as session:
            row = await session.scalar(
                select(ProjectRow).where(ProjectRow.deleted_at < before).limit(1)
            )
            if row is None:
                return False
            in_it = (ProjectDocumentRow.project_id == row.id) & (
                ProjectDocumentRow.organisation_id == row.organisation_id
            )
            files = set(await session.scalars(select(ProjectDocumentRow.document_id).where(in_it)))
            await session.execute(
                update(ConversationRow)
                .where(
                    ConversationRow.project_id == row.id,
                    ConversationRow.organisation_id == row.organisation_id,
                )
                .values(project_id=None)
            )
            await session.execute(delete(ProjectDocumentRow).where(in_it))
            await session.delete(row)
            if files:
                await session.flush()
                await _give_up(session, row, files)
        return True


async def _attached(session: AsyncSession, which: ColumnElement[bool]) -> set[str]:
    """Return the ids of the documents that were sent with messages."""
    rows = await session.scalars(
        select(MessageRow.attachments).where(which, MessageRow.attachments.is_not(None))
    )
    return {file.id for row in rows for file in _attachments.decode(row or "[]")}


async def _give_up(
    session: AsyncSession, gone: ConversationRow | ProjectRow, files: set[str]
) -> None:
    """Mark as deleted what no other conversation or assistant of the person, and no project, has.

    The documents' own sweep then removes their content.
    """
    others = MessageRow.conversation_id.in_(
        select(ConversationRow.id).where(
            ConversationRow.organisation_id == gone.organisation_id,
            ConversationRow.user_id == gone.user_id,
        )
    ) & (MessageRow.organisation_id == gone.organisation_id)
    known = await session.scalars(
        select(AssistantRow.knowledge).where(
            AssistantRow.organisation_id == gone.organisation_id,
            AssistantRow.user_id == gone.user_id,
        )
    )
    kept = {name for row in known for name in _names.decode(row)}
    in_projects = select(ProjectDocumentRow.document_id).where(
        ProjectDocumentRow.document_id.in_(files),
        ProjectDocumentRow.organisation_id == gone.organisation_id,
    )
    kept |= set(await session.scalars(in_projects))
    await session.execute(
        update(DocumentRow)
        .where(
            DocumentRow.id.in_(files - kept - await _attached(session, others)),
            DocumentRow.organisation_id == gone.organisation_id,
            DocumentRow.user_id == gone.user_id,
        )
        .values(state="deleted")
    )
