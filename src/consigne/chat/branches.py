"""Stretches of a conversation's branches: what a page shows of a tree of ten thousand messages."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Integer, Select, bindparam, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from consigne.chat.repository import as_message, newest_leaf
from consigne.chat.values import StoredMessage
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.ids import is_id
from consigne.store.tables import ConversationRow, MessageRow

MESSAGES_AT_ONCE = 100
"""The longest stretch."""
_HALF = MESSAGES_AT_ONCE // 2


class Stretch(msgspec.Struct, frozen=True):
    """Which part of a branch is wanted; at most one of these is given, else it is the end."""

    before: str = ""
    """The messages before this one."""
    after: str = ""
    """The messages after this one."""
    around: str = ""
    """This message in the middle, on the newest branch through it if the head's has it not."""


class Read(msgspec.Struct, frozen=True):
    """A stretch that was read."""

    leaf_id: str | None
    messages: tuple[StoredMessage, ...]
    earlier: bool
    later: bool


async def read(session: AsyncSession, row: ConversationRow, wanted: Stretch) -> Read:
    """Return a stretch of a conversation's branch.

    Raises:
        NotFound: The message that is named is not there, or not on the branch.
        InvalidRequest: It is no message's id, or there are several.
    """
    named = [name for name in (wanted.before, wanted.after, wanted.around) if name]
    if len(named) > 1:
        raise InvalidRequest("Give one of before, after and around.", param="before")
    for name in named:
        _check_id(name)
    if wanted.around:
        return await _around(session, row, wanted.around)
    if wanted.before:
        found, more = await _way(session, row, wanted.before, limit=MESSAGES_AT_ONCE + 1)
        if not found:
            raise NotFound("This conversation has no such message.")
        return Read(row.head_id, found[:-1], earlier=more, later=True)
    if wanted.after:
        limit = MESSAGES_AT_ONCE + 1
        found, more = await _way(session, row, row.head_id, until=wanted.after, limit=limit)
        if not found:
            raise NotFound("The branch that is read has no such message.", param="after")
        return Read(row.head_id, found[1:], earlier=True, later=more)
    found, more = await _way(session, row, row.head_id, limit=MESSAGES_AT_ONCE)
    return Read(row.head_id, found, earlier=more, later=False)


async def versions(
    session: AsyncSession, row: ConversationRow, messages: Sequence[StoredMessage]
) -> dict[str, tuple[str, ...]]:
    """Return the siblings of messages that have some, by their parent (``""``: the roots)."""
    if not messages:
        return {}
    parents = {message.parent_id for message in messages}
    query = _BESIDE_ROOTS if None in parents else _BESIDE
    rows = await session.execute(query, _of(row) | {"parents": list(parents - {None})})
    found: defaultdict[str, list[str]] = defaultdict(list)
    # Sorted here: asked for by id, SQLite would walk the whole conversation in that order.
    for parent, message in sorted(rows, key=lambda each: each[1]):
        found[parent or ""].append(message)
    return {parent: tuple(ids) for parent, ids in found.items() if len(ids) > 1}


async def beside(session: AsyncSession, row: ConversationRow, found: Read) -> StoredMessage | None:
    """Return the answer that stands beside the end of a stretch, if one does."""
    if row.beside_id is None or found.later or found.leaf_id != row.head_id:
        return None
    message = await session.scalar(
        select(MessageRow).where(
            MessageRow.id == row.beside_id,
            MessageRow.conversation_id == row.id,
            MessageRow.organisation_id == row.organisation_id,
        )
    )
    return None if message is None else as_message(message)


async def on_branch(session: AsyncSession, row: ConversationRow, message_id: str) -> bool:
    """Say whether a message is on the branch that is read."""
    found, _ = await _way(session, row, row.head_id, until=message_id, limit=1)
    return bool(found)


async def _around(session: AsyncSession, row: ConversationRow, message_id: str) -> Read:
    leaf = row.head_id
    found, later = await _way(session, row, leaf, until=message_id, limit=_HALF)
    if not found:
        await _parent(session, row, message_id)  # it is there at all
        leaf = await newest_leaf(session, row.organisation_id, message_id)
        found, later = await _way(session, row, leaf, until=message_id, limit=_HALF)
    before, earlier = await _way(session, row, found[0].parent_id, limit=_HALF)
    return Read(leaf, (*before, *found), earlier, later)


async def _way(
    session: AsyncSession,
    row: ConversationRow,
    leaf: str | None,
    *,
    limit: int,
    until: str = "",
) -> tuple[tuple[StoredMessage, ...], bool]:
    """Return messages on the way to a leaf, root first, and whether the limit cut more off.

    The last ``limit`` before the leaf; with ``until``, the first from that message on, and none
    if it is not on the way. The walk reads one message's key after another: 10,000 take 20 ms.
    """
    if leaf is None:
        return (), False
    values = _of(row) | {"leaf": leaf, "until": until, "height": limit, "most": limit + 1}
    rows = await session.execute(_WAY_FROM if until else _WAY_TO, values)
    found = tuple(as_message(message) for message in rows)
    if not until:
        return found[-limit:], len(found) > limit
    if not found or found[0].id != until:
        return (), False
    return found[:limit], len(found) > limit


def _of(row: ConversationRow) -> dict[str, Any]:
    return {"conversation": row.id, "organisation": row.organisation_id}


def _way_query(*, bounded: bool) -> Select[Any]:
    """Return what ``_way`` asks, ``bounded`` in height; composed once, for that takes longer."""
    here = MessageRow.organisation_id == bindparam("organisation")
    above = (
        select(MessageRow.id, MessageRow.parent_id, literal(0).label("height"))
        .where(
            MessageRow.id == bindparam("leaf"),
            MessageRow.conversation_id == bindparam("conversation"),
            here,
        )
        .cte("above", recursive=True)
    )
    parent = aliased(MessageRow)
    step = select(parent.id, parent.parent_id, above.c.height + 1).where(
        parent.id == above.c.parent_id, parent.organisation_id == bindparam("organisation")
    )
    if bounded:
        step = step.where(above.c.height < bindparam("height", type_=Integer))
    else:
        step = step.where(above.c.id != bindparam("until"))
    above = above.union_all(step)
    most = bindparam("most", type_=Integer)
    ids = select(above).order_by(above.c.height.desc()).limit(most).subquery()
    # Columns, not objects: nothing is changed here, and a page has a hundred of them.
    return (
        select(*MessageRow.__table__.columns)
        .join(ids, ids.c.id == MessageRow.id)
        .where(here)
        .order_by(ids.c.height.desc())
    )


def _beside_query(parent: ColumnElement[bool]) -> Select[str | None, str]:
    return select(MessageRow.parent_id, MessageRow.id).where(
        MessageRow.conversation_id == bindparam("conversation"),
        MessageRow.organisation_id == bindparam("organisation"),
        parent,
    )


_WAY_TO = _way_query(bounded=True)
_WAY_FROM = _way_query(bounded=False)
_BESIDE = _beside_query(MessageRow.parent_id.in_(bindparam("parents", expanding=True)))
# Two queries in one: of an ``OR`` SQLite makes a walk through the whole conversation.
_BESIDE_ROOTS = _BESIDE.union_all(_beside_query(MessageRow.parent_id.is_(None)))


async def _parent(session: AsyncSession, row: ConversationRow, message_id: str) -> str | None:
    found = await session.execute(
        select(MessageRow.parent_id).where(
            MessageRow.id == message_id,
            MessageRow.conversation_id == row.id,
            MessageRow.organisation_id == row.organisation_id,
        )
    )
    parent = found.one_or_none()
    if parent is None:
        raise NotFound("This conversation has no such message.")
    return parent[0]


def _check_id(name: str) -> None:
    if not is_id(name, "msg"):
        raise InvalidRequest("before, after and around are the id of a message.", param="before")
