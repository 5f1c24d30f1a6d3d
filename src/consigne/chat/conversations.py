"""A person's conversations: the list, one of them, its title, and deletion that can be undone."""

import base64
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import branches, places, titles
from consigne.chat.branches import Stretch
from consigne.chat.places import Change
from consigne.chat.project_access import project_row
from consigne.chat.repository import (
    RUNNING,
    as_conversation,
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
LONGEST_TITLE = 200


class Conversations:
    """Keeps conversations, each of them its author's alone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self,
        caller: Caller,
        *,
        cursor: str = "",
        limit: int = 50,
        query: str = "",
        place: str = "",
    ) -> Page:
        """Return the conversations that were written in last, or whose title holds ``query``.

        ``place`` is ``recent`` (neither pinned nor in a folder or project), ``pinned``,
        ``archived``, a folder's or a project's id, or empty for all that are not archived.

        Raises:
            InvalidRequest: The cursor, the limit or the place is none.
        """
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidRequest(f"limit is from 1 to {LARGEST_PAGE}.", param="limit")
        wanted = (
            select(ConversationRow, RUNNING)
            .where(
                owned_by(caller), ConversationRow.deleted_at.is_(None), places.within(caller, place)
            )
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

    async def create(
        self, caller: Caller, *, model: str = "", project_id: str | None = None
    ) -> Conversation:
        """Begin an empty conversation; ``model`` is the id of one that exists.

        Raises:
            NotPermitted: The caller is no person: conversations belong to people.
            NotFound: The caller may use no such project.
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
            project_id=project_id,
        )
        async with self._db.session() as session:
            if project_id is not None:
                await project_row(session, caller, project_id)
            session.add(row)
        return as_conversation(row, running=False)

    async def thread(
        self, caller: Caller, conversation_id: str, wanted: Stretch | None = None
    ) -> Thread:
        """Return a conversation with a stretch of its branch: the last 100 messages, or others.

        Raises:
            NotFound: The caller has no such conversation, or it has no such message there.
            InvalidRequest: What is named is no message's id.
        """
        async with self._db.reading() as session:
            row, running = await _with_running(session, caller, conversation_id)
            found = await branches.read(session, row, wanted or Stretch())
            versions = await branches.versions(session, row, found.messages)
            beside = await branches.beside(session, row, found)
        return Thread(
            conversation=as_conversation(row, running=running),
            leaf_id=found.leaf_id,
            messages=found.messages,
            versions=versions,
            earlier=found.earlier,
            later=found.later,
            beside=beside,
        )

    async def change(
        self,
        caller: Caller,
        conversation_id: str,
        change: Change,
    ) -> Conversation:
        """Rename a conversation, choose its model, put it elsewhere, or read another branch.

        Raises:
            NotFound: The caller has no such conversation, folder or project, or it has no such
                message.
            InvalidRequest: The title is empty.
        """
        async with self._db.session() as session:
            row = await conversation_row(session, caller, conversation_id)
            if change.title is not None:
                _set_title(row, change.title)
            if change.model is not None:
                row.model = change.model
            if change.head_id is not None:
                row.head_id = await _leaf(session, row, change.head_id)
                row.beside_id = None
            await places.put(session, caller, row, change)
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
        row, running = await _with_running(session, caller, conversation_id)
        return as_conversation(row, running=running)


async def _with_running(
    session: AsyncSession, caller: Caller, conversation_id: str
) -> tuple[ConversationRow, bool]:
    values = {
        "conversation": conversation_id,
        "organisation": caller.organisation_id,
        "user": caller.user_id,
    }
    row = (await session.execute(_ONE, values)).one_or_none()
    if row is None:
        raise NotFound("There is no such conversation.")
    return row[0], bool(row[1])


_ONE = select(ConversationRow, RUNNING).where(
    ConversationRow.id == bindparam("conversation"),
    ConversationRow.organisation_id == bindparam("organisation"),
    ConversationRow.user_id == bindparam("user"),
    ConversationRow.deleted_at.is_(None),
)
"""One of a person's conversations; composed once, for every page asks it."""


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
    if row.head_id is not None and await branches.on_branch(session, row, message_id):
        return row.head_id
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
