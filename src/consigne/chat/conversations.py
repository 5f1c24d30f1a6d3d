"""A person's conversations: the list, one of them, its title, and deletion that can be undone."""

import base64
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import titles
from consigne.chat.repository import (
    RUNNING,
    as_conversation,
    as_message,
    conversation_row,
    newest_leaf,
    owned_by,
)
from consigne.chat.values import Conversation, Page, Thread
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.tables import ConversationRow, MessageRow

LARGEST_PAGE = 200
MESSAGES_AT_ONCE = 200
LONGEST_TITLE = 200


class Conversations:
    """Keeps conversations, each of them its author's alone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self, caller: Caller, *, cursor: str = "", limit: int = 50, query: str = ""
    ) -> Page:
        """Return the conversations that were written in last, or whose title holds ``query``.

        Raises:
            InvalidRequest: The cursor or the limit is none.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidRequest(f"limit is from 1 to {LARGEST_PAGE}.", param="limit")
        wanted = (
            select(ConversationRow, RUNNING)
            .where(owned_by(caller), ConversationRow.deleted_at.is_(None))
            .order_by(ConversationRow.updated_at.desc(), ConversationRow.id.desc())
            .limit(limit + 1)
        )
        if cursor:
            wanted = wanted.where(_after(cursor))
        if words := titles.folded(query.replace("\x00", "").strip()):
            wanted = wanted.where(ConversationRow.title_folded.contains(words, autoescape=True))
        async with self._db.reading() as session:
            rows = (await session.execute(wanted)).all()
        found = tuple(as_conversation(row, running=running) for row, running in rows[:limit])
        return Page(found, _cursor(found[-1]) if len(rows) > limit else None)

    async def create(self, caller: Caller, *, model: str = "") -> Conversation:
        """Begin an empty conversation; ``model`` is the id of one that exists.

        Raises:
            NotPermitted: The caller is no person: conversations belong to people.
        """
        if caller.user_id is None:
            raise NotPermitted("Conversations belong to people; a key can't hold any.")
        now = sources.now()
        row = ConversationRow(
            id=new_id("conv"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=caller.user_id,
            title="",
            title_by="rule",
            title_folded="",
            model=model,
            created_at=now,
            updated_at=now,
        )
        async with self._db.session() as session:
            session.add(row)
        return as_conversation(row, running=False)

    async def thread(self, caller: Caller, conversation_id: str, *, before: str = "") -> Thread:
        """Return a conversation with its latest 200 messages, or the latest before one of them.

        Raises:
            NotFound: The caller has no such conversation.
            InvalidRequest: ``before`` is no message's id.
        """
        wanted = (
            select(MessageRow)
            .where(
                MessageRow.conversation_id == conversation_id,
                MessageRow.organisation_id == caller.organisation_id,
            )
            .order_by(MessageRow.id.desc())
            .limit(MESSAGES_AT_ONCE + 1)
        )
        if before:
            if not is_id(before, "msg"):
                raise InvalidRequest("before is the id of a message.", param="before")
            wanted = wanted.where(MessageRow.id < before)
        async with self._db.reading() as session:
            conversation = await self._read(session, caller, conversation_id)
            rows = (await session.scalars(wanted)).all()
        kept = [as_message(row) for row in reversed(rows[:MESSAGES_AT_ONCE])]
        return Thread(conversation, tuple(kept), len(rows) > MESSAGES_AT_ONCE)

    async def change(
        self,
        caller: Caller,
        conversation_id: str,
        *,
        title: str | None = None,
        model: str | None = None,
        head_id: str | None = None,
    ) -> Conversation:
        """Rename a conversation, choose the model that answers next, or read another branch.

        ``head_id`` may name any message: the newest leaf below it becomes the head.

        Raises:
            NotFound: The caller has no such conversation, or it has no such message.
            InvalidRequest: The title is empty.
        """
        async with self._db.session() as session:
            row = await conversation_row(session, caller, conversation_id)
            if title is not None:
                _set_title(row, title)
            if model is not None:
                row.model = model
            if head_id is not None:
                row.head_id = await _leaf(session, row, head_id)
            await session.flush()
            return await self._read(session, caller, conversation_id)

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Delete a conversation; it can be restored.

        Raises:
            NotFound: The caller has no such conversation.
        """
        async with self._db.session() as session:
            row = await conversation_row(session, caller, conversation_id)
            row.deleted_at = sources.now()

    async def restore(self, caller: Caller, conversation_id: str) -> Conversation:
        """Undo a deletion.

        Raises:
            NotFound: The caller never had such a conversation.
        """
        async with self._db.session() as session:
            row = await conversation_row(session, caller, conversation_id, deleted=True)
            row.deleted_at = None
            await session.flush()
            return await self._read(session, caller, conversation_id)

    async def _read(
        self, session: AsyncSession, caller: Caller, conversation_id: str
    ) -> Conversation:
        row = await conversation_row(session, caller, conversation_id)
        running = await session.scalar(
            select(RUNNING).where(ConversationRow.id == row.id, owned_by(caller))
        )
        return as_conversation(row, running=bool(running))


def set_rule_title(row: ConversationRow, title: str) -> None:
    """Give a conversation that has no title yet the one that the rule found."""
    if not row.title and row.title_by == "rule":
        row.title, row.title_folded = title, titles.folded(title)


async def set_model_title(
    session: AsyncSession, organisation_id: str, conversation_id: str, title: str
) -> bool:
    """Give a conversation the model's title, unless its author named it; say if that was done."""
    done = await session.execute(
        update(ConversationRow)
        .where(
            ConversationRow.id == conversation_id,
            ConversationRow.organisation_id == organisation_id,
            ConversationRow.title_by == "rule",
        )
        .values(title=title, title_folded=titles.folded(title), title_by="model")
        .returning(ConversationRow.id)
    )
    return done.one_or_none() is not None


def _set_title(row: ConversationRow, title: str) -> None:
    title = " ".join("".join(c if c.isprintable() else " " for c in title).split())
    if not title:
        raise InvalidRequest("A title can't be empty.", param="title")
    row.title = title[:LONGEST_TITLE]
    row.title_folded = titles.folded(row.title)
    row.title_by = "user"


async def _leaf(session: AsyncSession, row: ConversationRow, message_id: str) -> str:
    known = await session.scalar(
        select(MessageRow.id).where(
            MessageRow.id == message_id,
            MessageRow.conversation_id == row.id,
            MessageRow.organisation_id == row.organisation_id,
        )
    )
    if known is None:
        raise NotFound("This conversation has no such message.", param="head_id")
    return await newest_leaf(session, row.organisation_id, message_id)


def _cursor(last: Conversation) -> str:
    plain = f"{last.updated_at.isoformat()} {last.id}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _after(cursor: str) -> ColumnElement[bool]:
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        when, _, last_id = plain.partition(" ")
        updated_at = datetime.fromisoformat(when).astimezone(UTC)
    except (ValueError, OverflowError):
        last_id = ""
    if not is_id(last_id, "conv"):
        raise InvalidRequest("The cursor is not one of ours.", param="cursor")
    return (ConversationRow.updated_at < updated_at) | (
        (ConversationRow.updated_at == updated_at) & (ConversationRow.id < last_id)
    )
