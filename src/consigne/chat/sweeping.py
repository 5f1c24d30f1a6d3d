"""Deletes for good what was deleted and can be restored no longer."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

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
from consigne.store.tables import ConversationRow, MessageRow

KEPT = timedelta(days=1)
"""How long a deleted conversation or folder can be restored."""


class ChatSweep:
    """The upkeep of the chat."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def sweep(self) -> int:
        """Delete the conversations and folders whose time is over; return how many there were."""
        before = sources.now() - KEPT
        swept = 0
        while await self._sweep_conversation(before):
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
            await session.execute(delete(MessageRow).where(of_it))
            await session.delete(row)
        return True
