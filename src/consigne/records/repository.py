"""The queries of what is kept; each filters on the caller's organisation and workspace."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound, NothingToGoOnFrom
from consigne.domain.ids import new_id
from consigne.records.values import RUNNING, Draft, Json, StoredResponse, missing
from consigne.store.responses_tables import (
    ApiConversationItemRow,
    ApiConversationRow,
    ResponseItemRow,
    ResponseRow,
    StoredCompletionRow,
)

FOREVER = timedelta(days=365 * 1000)

Kept = TypeVar("Kept", ResponseRow, ApiConversationRow, StoredCompletionRow)

_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}
_NAMES: dict[type[Any], str] = {
    ResponseRow: "Response",
    ApiConversationRow: "Conversation",
    StoredCompletionRow: "Chat completion",
}


def mine(
    table: type[
        ResponseRow
        | ResponseItemRow
        | ApiConversationRow
        | ApiConversationItemRow
        | StoredCompletionRow
    ],
    caller: Caller,
) -> ColumnElement[bool]:
    """Return the condition that a row is the caller's."""
    return (table.organisation_id == caller.organisation_id) & (
        table.workspace_id == caller.workspace_id
    )


def encoded(value: Any) -> str:
    """Return a value as JSON text."""
    return msgspec.json.encode(value).decode()


def decoded(data: str) -> Json:
    """Return the object that JSON text holds."""
    found: Json = msgspec.json.decode(data)
    return found


def expiry(keep_days: int) -> datetime:
    """Return when what is stored now expires."""
    return sources.now() + (timedelta(days=keep_days) if keep_days else FOREVER)


async def row_of(
    session: AsyncSession, caller: Caller, table: type[Kept], wanted: str, param: str = "id"
) -> Kept:
    """Return the caller's row of this id.

    Raises:
        NotFound: The caller has none.
    """
    if not (wanted.isascii() and wanted.isprintable()):
        raise missing(_NAMES[table], ascii(wanted), param)
    row = await session.scalar(select(table).where(table.id == wanted, mine(table, caller)))
    if row is None:
        raise missing(_NAMES[table], wanted, param)
    return row


def as_response(row: ResponseRow) -> StoredResponse:
    """Return what a row holds."""
    return StoredResponse(
        row.id, decoded(row.body), row.status, row.background, row.conversation_id
    )


async def add_response(
    session: AsyncSession, caller: Caller, body: Json, draft: Draft, expires_at: datetime
) -> None:
    """Add a response with the items it was asked with and those it has answered so far."""
    session.add(
        ResponseRow(
            id=body["id"],
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            previous_id=draft.previous_id,
            conversation_id=draft.conversation_id,
            status=body["status"],
            background=draft.background,
            body=encoded(body),
            created_at=sources.now(),
            expires_at=expires_at,
        )
    )
    await session.flush()  # before what refers to it
    sides = [("input", item) for item in draft.input]
    add_items(session, caller, body["id"], sides, first=0)


def add_items(
    session: AsyncSession,
    caller: Caller,
    response_id: str,
    sides: Iterable[tuple[str, Json]],
    *,
    first: int,
) -> None:
    """Add items to a response."""
    session.add_all(
        ResponseItemRow(
            response_id=response_id,
            position=position,
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            side=side,
            item_id=item["id"],
            data=encoded(item),
        )
        for position, (side, item) in enumerate(sides, first)
    )


async def chain(session: AsyncSession, caller: Caller, response_id: str) -> list[str]:
    """Return the ids of a response and those before it, the earliest first.

    Raises:
        NothingToGoOnFrom: The caller has no such response.
        InvalidRequest: It is not finished, belongs to a conversation, or one before it is gone.
    """
    param = "previous_response_id"
    try:
        last = await row_of(session, caller, ResponseRow, response_id, param)
    except NotFound:
        message = f"Previous response with id '{response_id}' not found."
        raise NothingToGoOnFrom(message, param=param) from None
    if last.status in RUNNING:
        raise InvalidRequest(f"The response '{response_id}' is still being written.", param=param)
    if last.conversation_id is not None:
        raise InvalidRequest(
            f"The response '{response_id}' is part of a conversation; go on with it by "
            f"'conversation': '{last.conversation_id}'.",
            param=param,
        )
    links = (
        select(ResponseRow.id, ResponseRow.previous_id, literal(0).label("depth"))
        .where(ResponseRow.id == response_id, mine(ResponseRow, caller))
        .cte("links", recursive=True)
    )
    links = links.union_all(
        select(ResponseRow.id, ResponseRow.previous_id, links.c.depth + 1).where(
            ResponseRow.id == links.c.previous_id, mine(ResponseRow, caller)
        )
    )
    found = (await session.execute(select(links).order_by(links.c.depth.desc()))).all()
    if (gone := found[0].previous_id) is not None:
        raise InvalidRequest(
            f"The response '{response_id}' goes on from '{gone}', which was deleted or has "
            "expired; send the conversation as 'input'.",
            param=param,
        )
    return [row.id for row in found]


async def items_of(
    session: AsyncSession, caller: Caller, response_ids: Sequence[str], side: str = ""
) -> list[Json]:
    """Return the items of responses, in their order; ``side`` narrows those of the last one."""
    rows = await session.scalars(
        select(ResponseItemRow)
        .where(ResponseItemRow.response_id.in_(response_ids), mine(ResponseItemRow, caller))
        .order_by(ResponseItemRow.position)
    )
    by_response: dict[str, list[Json]] = {each: [] for each in response_ids}
    for row in rows:
        if not side or row.side == side or row.response_id != response_ids[-1]:
            by_response[row.response_id].append(decoded(row.data))
    return [item for items in by_response.values() for item in items]


async def renew(
    session: AsyncSession, caller: Caller, response_ids: Sequence[str], expires_at: datetime
) -> None:
    """Let responses live on, for another one goes on from them.

    To the day: a row is written anew as a whole, and a chain may be long.
    """
    await session.execute(
        update(ResponseRow)
        .where(
            ResponseRow.id.in_(response_ids),
            ResponseRow.expires_at < expires_at - timedelta(days=1),
            mine(ResponseRow, caller),
        )
        .values(expires_at=expires_at)
    )


async def append_to_conversation(
    session: AsyncSession, caller: Caller, conversation_id: str, items: Sequence[Json]
) -> list[Json]:
    """Add items at a conversation's end and return them; an id that is taken becomes a new one."""
    table = ApiConversationItemRow
    here = (table.conversation_id == conversation_id) & mine(table, caller)
    last = await session.scalar(select(func.max(table.position)).where(here))
    ids = [item["id"] for item in items]
    taken = set(await session.scalars(select(table.item_id).where(here, table.item_id.in_(ids))))
    added: list[Json] = []
    for position, given in enumerate(items, 0 if last is None else last + 1):
        fresh = given["id"] not in taken
        item = given if fresh else given | {"id": new_id(_PREFIXES.get(given["type"], "item"))}
        taken.add(item["id"])
        added.append(item)
        session.add(
            table(
                conversation_id=conversation_id,
                position=position,
                organisation_id=caller.organisation_id,
                workspace_id=caller.workspace_id,
                item_id=item["id"],
                data=encoded(item),
            )
        )
    return added


async def find_items(
    session: AsyncSession, caller: Caller, wanted: Sequence[str]
) -> dict[str, Json]:
    """Return the caller's items of these ids, from responses and conversations."""
    found: dict[str, Json] = {}
    for table in (ApiConversationItemRow, ResponseItemRow):
        rows = await session.scalars(
            select(table.data).where(table.item_id.in_(wanted), mine(table, caller))
        )
        for data in rows:
            item = decoded(data)
            found[item["id"]] = item
    return found


async def sweep(session: AsyncSession) -> None:
    """Delete what has expired."""
    now = sources.now()
    await session.execute(
        delete(ResponseRow).where(ResponseRow.expires_at < now, ResponseRow.status.not_in(RUNNING))
    )
    await session.execute(delete(StoredCompletionRow).where(StoredCompletionRow.expires_at < now))
