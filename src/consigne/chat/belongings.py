"""Whose a thing is: its maker's alone, or also the workspace's to use."""

import unicodedata
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from consigne.business.caller import Caller
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import is_id


class Owned(Protocol):
    """A table's row that belongs to a person."""

    id: Any
    organisation_id: Any
    workspace_id: Any
    user_id: Any


class Deletable(Owned, Protocol):
    """One that can be restored for a while."""

    deleted_at: Any


Row = TypeVar("Row", bound=Deletable)


def mine(table: type[Any], caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's own."""
    return and_(table.organisation_id == caller.organisation_id, table.user_id == caller.user_id)


def usable(table: type[Any], caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's own, or shared in their workspace.

    Whoever calls with a key is no person and has only what is shared.
    """
    shared: InstrumentedAttribute[bool] = table.shared
    return and_(
        table.organisation_id == caller.organisation_id,
        table.deleted_at.is_(None),
        or_(
            table.user_id == caller.user_id,
            and_(shared.is_(True), table.workspace_id == caller.workspace_id),
        ),
    )


async def own_row(
    session: AsyncSession,
    table: type[Row],
    caller: Caller,
    row_id: str,
    prefix: str,
    what: str,
    *,
    deleted: bool = False,
) -> Row:
    """Return one of the caller's own rows; ``what`` names its kind for whoever is refused.

    Raises:
        NotFound: There is none of this id, it is another's, or it was deleted.
    """
    query = select(table).where(table.id == row_id, mine(table, caller))
    if not deleted:
        query = query.where(table.deleted_at.is_(None))
    row = await session.scalar(query) if is_id(row_id, prefix) else None
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row


def person(caller: Caller, things: str) -> str:
    """Return the caller's user id.

    Raises:
        NotPermitted: The caller is no person.
    """
    if caller.user_id is None:
        raise NotPermitted(f"{things} belong to people; a key can't hold any.")
    return caller.user_id


def one_line(text: str, param: str, most: int, *, required: bool = True) -> str:
    """Return a text on one line, without what can't be printed.

    Raises:
        InvalidRequest: It is empty, or longer than ``most`` characters.
    """
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return _bounded(plain, param, most, required=required)


def many_lines(text: str, param: str, most: int, *, required: bool = True) -> str:
    """Return a text with its lines, without other control characters.

    Raises:
        InvalidRequest: It is empty, or longer than ``most`` characters.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) != "Cc")
    return _bounded(
        kept.encode("utf-8", "replace").decode().strip(), param, most, required=required
    )


def _bounded(text: str, param: str, most: int, *, required: bool) -> str:
    if required and not text:
        raise InvalidRequest(f"{param} can't be empty.", param=param)
    if len(text) > most:
        raise InvalidRequest(
            f"{param} has {len(text):,} characters; {most:,} are the most.", param=param
        )
    return text
