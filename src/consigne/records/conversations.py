"""Conversations that applications keep: made, changed, filled, read page by page, deleted."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.records import repository
from consigne.records.values import Conversation, Json, Page, Paging, missing, no_such_cursor
from consigne.store.db import Database
from consigne.store.responses_tables import ApiConversationItemRow, ApiConversationRow


class ApiConversations:
    """Keeps conversations, each of them its workspace's alone. They do not expire."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self, caller: Caller, metadata: dict[str, str], items: Sequence[Json] = ()
    ) -> Conversation:
        """Begin a conversation with these items."""
        row = ApiConversationRow(
            id=new_id("conv"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            metadata_json=repository.encoded(metadata),
            created_at=sources.now(),
        )
        async with self._db.session() as session:
            session.add(row)
            await session.flush()
            await repository.append_to_conversation(session, caller, row.id, items)
        return _as_conversation(row)

    async def get(self, caller: Caller, conversation_id: str) -> Conversation:
        """Return a conversation.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.reading() as session:
            return _as_conversation(await _row(session, caller, conversation_id))

    async def update(
        self, caller: Caller, conversation_id: str, metadata: dict[str, str]
    ) -> Conversation:
        """Replace a conversation's metadata.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.session() as session:
            row = await _row(session, caller, conversation_id)
            row.metadata_json = repository.encoded(metadata)
            return _as_conversation(row)

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Delete a conversation with its items.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.session() as session:
            await session.delete(await _row(session, caller, conversation_id))

    async def add_items(
        self, caller: Caller, conversation_id: str, items: Sequence[Json]
    ) -> list[Json]:
        """Add items at the end and return them with their ids.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.session() as session:
            row = await _row(session, caller, conversation_id)
            return await repository.append_to_conversation(session, caller, row.id, items)

    async def items(self, caller: Caller, conversation_id: str, paging: Paging) -> Page:
        """Return a page of a conversation's items.

        Raises:
            NotFound: The caller has no such conversation.
            InvalidRequest: ``after`` names none of them.
        """
        table = ApiConversationItemRow
        up = paging.order == "asc"
        async with self._db.reading() as session:
            await _row(session, caller, conversation_id)
            wanted = (
                select(table.data)
                .where(table.conversation_id == conversation_id, repository.mine(table, caller))
                .order_by(table.position.asc() if up else table.position.desc())
                .limit(paging.limit + 1)
            )
            if paging.after is not None:
                row = await _item_row(session, caller, conversation_id, paging.after)
                if row is None:
                    raise no_such_cursor(paging.after)
                place = row.position
                wanted = wanted.where(table.position > place if up else table.position < place)
            found = [repository.decoded(data) for data in await session.scalars(wanted)]
        return Page(tuple(found[: paging.limit]), len(found) > paging.limit)

    async def item(self, caller: Caller, conversation_id: str, item_id: str) -> Json:
        """Return one item.

        Raises:
            NotFound: The caller has no such conversation, or it has no such item.
        """
        async with self._db.reading() as session:
            await _row(session, caller, conversation_id)
            row = await _item_row(session, caller, conversation_id, item_id)
            if row is None:
                raise missing("Item", item_id, "item_id")
            return repository.decoded(row.data)

    async def delete_item(self, caller: Caller, conversation_id: str, item_id: str) -> Conversation:
        """Delete one item and return the conversation.

        Raises:
            NotFound: The caller has no such conversation, or it has no such item.
        """
        async with self._db.session() as session:
            conversation = await _row(session, caller, conversation_id)
            row = await _item_row(session, caller, conversation_id, item_id)
            if row is None:
                raise missing("Item", item_id, "item_id")
            await session.delete(row)
            return _as_conversation(conversation)


async def _row(session: AsyncSession, caller: Caller, conversation_id: str) -> ApiConversationRow:
    return await repository.row_of(
        session, caller, ApiConversationRow, conversation_id, "conversation_id"
    )


async def _item_row(
    session: AsyncSession, caller: Caller, conversation_id: str, item_id: str
) -> ApiConversationItemRow | None:
    table = ApiConversationItemRow
    if "\x00" in item_id:
        return None
    return await session.scalar(
        select(table).where(
            table.conversation_id == conversation_id,
            table.item_id == item_id,
            repository.mine(table, caller),
        )
    )


def _as_conversation(row: ApiConversationRow) -> Conversation:
    metadata = msgspec.json.decode(row.metadata_json, type=dict[str, str])
    return Conversation(row.id, int(row.created_at.timestamp()), metadata)
