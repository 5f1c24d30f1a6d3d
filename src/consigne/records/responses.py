"""Responses that are kept: stored, found again, gone on from, deleted."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.records import repository
from consigne.records.values import (
    Draft,
    Json,
    Page,
    Paging,
    StoredResponse,
    cut,
    missing,
)
from consigne.store.db import Database
from consigne.store.responses_tables import (
    ApiConversationItemRow,
    ApiConversationRow,
    ResponseRow,
)

log = logging.getLogger(__name__)

LONGEST_CONVERSATION = 10_000
"""Most items of a conversation that a response is given; the latest."""


class Responses:
    """Keeps responses, each of them its workspace's alone."""

    def __init__(self, db: Database, keep_days: int) -> None:
        self._db = db
        self._keep_days = keep_days
        self._saving: set[asyncio.Task[None]] = set()

    async def save(self, caller: Caller, body: Json, draft: Draft) -> None:
        """Keep a response that has ended, and add its items to its conversation.

        A conversation that was deleted meanwhile is passed over.
        """
        if not draft.store and draft.conversation_id is None:
            return
        expires_at = repository.expiry(self._keep_days)
        async with self._db.session() as session:
            if draft.store:
                await repository.add_response(session, caller, body, draft, expires_at)
                outputs = [("output", item) for item in body["output"]]
                first = len(draft.input)
                repository.add_items(session, caller, body["id"], outputs, first=first)
                await self.renew(session, caller, draft, expires_at)
            if draft.conversation_id is not None:
                await self.converse(session, caller, body, draft)

    def save_soon(self, caller: Caller, body: Json, draft: Draft) -> None:
        """Keep a response whose reader went away, in a task of its own."""
        task = asyncio.create_task(self._save_quietly(caller, body, draft))
        self._saving.add(task)
        task.add_done_callback(self._saving.discard)

    async def _save_quietly(self, caller: Caller, body: Json, draft: Draft) -> None:
        try:
            await self.save(caller, body, draft)
        except Exception:
            log.exception("%s: the response can't be saved", body["id"])

    async def renew(
        self, session: AsyncSession, caller: Caller, draft: Draft, expires_at: datetime
    ) -> None:
        """Let the responses that one goes on from live as long as it does."""
        if draft.previous_id is not None:
            links = await self._links(session, caller, draft.previous_id)
            await repository.renew(session, caller, links, expires_at)

    @staticmethod
    async def converse(session: AsyncSession, caller: Caller, body: Json, draft: Draft) -> None:
        """Add what was asked and answered to the response's conversation, if it ended well."""
        if draft.conversation_id is None or body["status"] not in ("completed", "incomplete"):
            return
        there = await session.scalar(
            select(ApiConversationRow.id).where(
                ApiConversationRow.id == draft.conversation_id,
                repository.mine(ApiConversationRow, caller),
            )
        )
        if there is not None:
            items = [*draft.input, *body["output"]]
            await repository.append_to_conversation(session, caller, there, items)

    async def get(self, caller: Caller, response_id: str) -> StoredResponse:
        """Return a response.

        Raises:
            NotFound: The caller has no such response.
        """
        async with self._db.reading() as session:
            row = await repository.row_of(session, caller, ResponseRow, response_id)
            return repository.as_response(row)

    async def delete(self, caller: Caller, response_id: str) -> None:
        """Delete a response with its items and events.

        Raises:
            NotFound: The caller has no such response.
        """
        async with self._db.session() as session:
            row = await repository.row_of(session, caller, ResponseRow, response_id)
            await session.delete(row)

    async def history(self, caller: Caller, response_id: str) -> list[Json]:
        """Return all items of a response and of those it goes on from, in their order.

        Raises:
            ConsigneError: See ``repository.chain``.
        """
        async with self._db.reading() as session:
            links = await repository.chain(session, caller, response_id)
            return await repository.items_of(session, caller, links)

    async def conversation(self, caller: Caller, conversation_id: str) -> list[Json]:
        """Return the items of a conversation that a response is to go on from.

        Raises:
            NotFound: The caller has no such conversation.
        """
        table = ApiConversationItemRow
        async with self._db.reading() as session:
            await repository.row_of(
                session, caller, ApiConversationRow, conversation_id, "conversation"
            )
            rows = await session.scalars(
                select(table.data)
                .where(table.conversation_id == conversation_id, repository.mine(table, caller))
                .order_by(table.position.desc())
                .limit(LONGEST_CONVERSATION)
            )
            return [repository.decoded(data) for data in reversed(rows.all())]

    async def input_items(self, caller: Caller, response_id: str, paging: Paging) -> Page:
        """Return a page of the items that a response was generated from.

        Raises:
            NotFound: The caller has no such response.
            InvalidRequest: ``after`` names none of them.
        """
        async with self._db.reading() as session:
            row = await repository.row_of(session, caller, ResponseRow, response_id)
            links = [response_id]
            if row.previous_id is not None:
                links = [*await self._links(session, caller, row.previous_id), response_id]
            items = await repository.items_of(session, caller, links, "input")
        return cut(items, paging)

    @staticmethod
    async def _links(session: AsyncSession, caller: Caller, previous_id: str) -> list[str]:
        try:
            return await repository.chain(session, caller, previous_id)
        except (NotFound, InvalidRequest):
            return []

    async def find_items(self, caller: Caller, ids: Sequence[str]) -> dict[str, Json]:
        """Return the items of these ids.

        Raises:
            NotFound: The caller has no item of one of them.
        """
        async with self._db.reading() as session:
            found = await repository.find_items(session, caller, ids)
        for each in ids:
            if each not in found:
                raise missing("Item", each, "input")
        return found

    async def close(self) -> None:
        """Return when all is saved."""
        if self._saving:
            await asyncio.wait(self._saving)
