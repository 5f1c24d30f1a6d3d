"""The batches' queries. Those of the API filter on the caller's organisation and workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.batches.lines import Result
from consigne.batches.values import (
    ID_PREFIXES,
    OPEN,
    WINDOW,
    Batch,
    Counts,
    Dialect,
    NewBatch,
    Problem,
    State,
    Tokens,
)
from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.errors import NotFound
from consigne.domain.ids import is_id, new_id
from consigne.store.batches_tables import BatchResultRow, BatchRow

_caller = msgspec.json.Decoder(Caller)
_problems = msgspec.json.Decoder(tuple[Problem, ...])
_texts = msgspec.json.Decoder(dict[str, str])
CLEARED_AT_ONCE = 2000


async def add(session: AsyncSession, caller: Caller, new: NewBatch) -> Batch:
    """Note a batch whose requests are still being stored."""
    now = sources.now()
    row = BatchRow(
        id=new_id(ID_PREFIXES[new.dialect]),
        organisation_id=caller.organisation_id,
        workspace_id=caller.workspace_id,
        caller=msgspec.json.encode(caller).decode(),
        dialect=new.dialect,
        endpoint=new.endpoint,
        headers=msgspec.json.encode(new.headers).decode(),
        state="receiving",
        input_file_id=new.input_file_id,
        keep_output_s=new.keep_output_s,
        total=new.total,
        **dict.fromkeys(("succeeded", "errored", "canceled", "expired"), 0),
        **dict.fromkeys(("input_tokens", "cached_tokens"), 0),
        **dict.fromkeys(("output_tokens", "reasoning_tokens"), 0),
        problems="[]",
        notes=None if new.notes is None else msgspec.json.encode(new.notes).decode(),
        created_at=now,
        expires_at=now + WINDOW,
    )
    session.add(row)
    await session.flush()
    return as_batch(row)


async def find(session: AsyncSession, caller: Caller, dialect: Dialect, batch_id: str) -> Batch:
    """Return one batch of the caller's workspace.

    Raises:
        NotFound: There is none of this id.
    """
    query = select(BatchRow).where(
        BatchRow.id == batch_id,
        BatchRow.organisation_id == caller.organisation_id,
        BatchRow.workspace_id == caller.workspace_id,
        BatchRow.dialect == dialect,
        BatchRow.state != "receiving",
    )
    row = await session.scalar(query) if is_id(batch_id, ID_PREFIXES[dialect]) else None
    if row is None:
        raise NotFound(f"No batch found with id '{batch_id[:100]}'.", param="batch_id")
    return as_batch(row)


async def page(
    session: AsyncSession, caller: Caller, dialect: Dialect, limit: int, after: str, before: str
) -> tuple[Sequence[Batch], bool]:
    """Return some batches of the workspace, newest first, and whether there are more beyond them.

    Those older than ``after``, or else the next newer than ``before``, or else the newest.
    """
    query = select(BatchRow).where(
        BatchRow.organisation_id == caller.organisation_id,
        BatchRow.workspace_id == caller.workspace_id,
        BatchRow.dialect == dialect,
        BatchRow.state != "receiving",
    )
    backward = bool(before) and not after
    if after:
        query = query.where(BatchRow.id < after)
    elif backward:
        query = query.where(BatchRow.id > before)
    order = BatchRow.id.asc() if backward else BatchRow.id.desc()
    rows = list(await session.scalars(query.order_by(order).limit(limit + 1)))
    found = [as_batch(row) for row in rows[:limit]]
    return (found[::-1] if backward else found), len(rows) > limit


async def load(session: AsyncSession, batch_id: str) -> Batch | None:
    """Return a batch to work on, whoever's it is; ``None`` if it was deleted."""
    row = await session.scalar(select(BatchRow).where(BatchRow.id == batch_id))
    return None if row is None else as_batch(row)


async def change(
    session: AsyncSession, batch: Batch, *, only_from: Sequence[State] = OPEN, **values: Any
) -> bool:
    """Change a batch, if it is in one of these states; say whether it was."""
    done = await session.execute(
        update(BatchRow)
        .where(
            BatchRow.id == batch.id,
            BatchRow.organisation_id == batch.organisation_id,
            BatchRow.state.in_(only_from),
        )
        .values(**values)
        .returning(BatchRow.id)
    )
    return done.scalar() is not None


async def remove(session: AsyncSession, batch: Batch) -> None:
    """Forget a batch."""
    await session.execute(
        delete(BatchRow).where(
            BatchRow.id == batch.id, BatchRow.organisation_id == batch.organisation_id
        )
    )


async def unfinished(session: AsyncSession) -> Sequence[str]:
    """Return the ids of all batches that have not ended, the earliest first."""
    query = select(BatchRow.id).where(BatchRow.state.in_(OPEN)).order_by(BatchRow.created_at)
    return list(await session.scalars(query))


async def stale(session: AsyncSession, received: datetime, archived: datetime) -> Sequence[Batch]:
    """Return what can go: batches never received since one time, results older than another."""
    abandoned = (BatchRow.state == "receiving") & (BatchRow.created_at < received)
    old = (
        (BatchRow.dialect == "anthropic")
        & BatchRow.ended_at.is_not(None)
        & BatchRow.archived_at.is_(None)
        & (BatchRow.created_at < archived)
    )
    return [as_batch(row) for row in await session.scalars(select(BatchRow).where(abandoned | old))]


async def finished(session: AsyncSession, batch: Batch) -> set[int]:
    """Return the numbers of the requests that have a result."""
    query = select(BatchResultRow.number).where(
        BatchResultRow.batch_id == batch.id,
        BatchResultRow.organisation_id == batch.organisation_id,
    )
    return set(await session.scalars(query))


async def add_results(
    session: AsyncSession, batch: Batch, results: Sequence[tuple[int, Result]]
) -> None:
    """Note what came of some requests, each by its number, and count it."""
    rows = [
        {
            "batch_id": batch.id,
            "number": number,
            "organisation_id": batch.organisation_id,
            "succeeded": result.succeeded,
            "line": result.line,
        }
        for number, result in results
    ]
    await session.execute(insert(BatchResultRow), rows)
    succeeded = sum(result.succeeded for _, result in results)
    tokens = [result.tokens for _, result in results]
    await session.execute(
        update(BatchRow)
        .where(BatchRow.id == batch.id, BatchRow.organisation_id == batch.organisation_id)
        .values(
            succeeded=BatchRow.succeeded + succeeded,
            errored=BatchRow.errored + len(results) - succeeded,
            input_tokens=BatchRow.input_tokens + sum(each.input for each in tokens),
            cached_tokens=BatchRow.cached_tokens + sum(each.cached for each in tokens),
            output_tokens=BatchRow.output_tokens + sum(each.output for each in tokens),
            reasoning_tokens=BatchRow.reasoning_tokens + sum(each.reasoning for each in tokens),
        )
    )


async def results(
    session: AsyncSession, batch: Batch, first: int, limit: int
) -> Sequence[tuple[int, bool, str]]:
    """Return number, success and line of the next results from a number on."""
    query = (
        select(BatchResultRow.number, BatchResultRow.succeeded, BatchResultRow.line)
        .where(
            BatchResultRow.batch_id == batch.id,
            BatchResultRow.organisation_id == batch.organisation_id,
            BatchResultRow.number >= first,
        )
        .order_by(BatchResultRow.number)
        .limit(limit)
    )
    return [(number, ok, line) for number, ok, line in await session.execute(query)]


async def clear_results(session: AsyncSession, batch: Batch) -> bool:
    """Drop some results that are in a file by now; say whether there may be more."""
    some = (
        select(BatchResultRow.number)
        .where(
            BatchResultRow.batch_id == batch.id,
            BatchResultRow.organisation_id == batch.organisation_id,
        )
        .order_by(BatchResultRow.number)
        .limit(CLEARED_AT_ONCE)
    )
    gone = await session.execute(
        delete(BatchResultRow)
        .where(
            BatchResultRow.batch_id == batch.id,
            BatchResultRow.organisation_id == batch.organisation_id,
            BatchResultRow.number.in_(some),
        )
        .returning(BatchResultRow.number)
    )
    return len(gone.scalars().all()) == CLEARED_AT_ONCE


def as_batch(row: BatchRow) -> Batch:
    """Return what a row says."""
    counts = Counts(row.total, row.succeeded, row.errored, row.canceled, row.expired)
    tokens = Tokens(row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens)
    return Batch(
        id=row.id,
        organisation_id=row.organisation_id,
        caller=_caller.decode(row.caller),
        dialect="anthropic" if row.dialect == "anthropic" else "openai",
        endpoint=row.endpoint,
        headers=_texts.decode(row.headers),
        state=msgspec.convert(row.state, State),
        counts=counts,
        tokens=tokens,
        problems=_problems.decode(row.problems),
        notes=None if row.notes is None else _texts.decode(row.notes),
        model=row.model,
        input_file_id=row.input_file_id,
        output_file_id=row.output_file_id,
        error_file_id=row.error_file_id,
        keep_output_s=row.keep_output_s,
        created_at=row.created_at,
        expires_at=row.expires_at,
        started_at=row.started_at,
        cancelled_at=row.cancelled_at,
        finishing_at=row.finishing_at,
        ended_at=row.ended_at,
        archived_at=row.archived_at,
    )
