"""What was used, summed by the database: by day, model, key, person or kind of call."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Integer, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.usage import DAY_MS
from consigne.domain.errors import InvalidRequest
from consigne.gateway.metering import CANCELLED, OK
from consigne.settings import UsageSettings
from consigne.store.db import Database
from consigne.store.tables import ApiKeyRow, UserRow
from consigne.store.usage_tables import UsageRow

By = Literal["day", "model", "key", "user", "endpoint"]
BYS: tuple[By, ...] = get_args(By)
MOST_DAYS = 400
MOST_ROWS = 1_000
_EPOCH = date(1970, 1, 1)


class Sum(msgspec.Struct, frozen=True):
    """What the requests of one day, model, key, person or kind used."""

    id: str
    """The day (``2026-11-28``, in UTC), or the id of the model, key, person or kind; empty for
    requests without a key, or of nobody in particular."""
    name: str
    """For people; the same as ``id`` where it has no name."""
    requests: int = 0
    failed: int = 0
    cancelled: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    cost: int | None = None
    """In micro-units of the currency, of those requests that have a price."""


_FIELDS = tuple(enumerate(Sum.__struct_fields__[2:], start=1))


class Report(msgspec.Struct, frozen=True):
    """The sums of some days."""

    by: By
    since: datetime
    until: datetime
    currency: str
    total: Sum
    rows: tuple[Sum, ...]
    """The days in order; else those with the most requests first."""
    more: bool
    """Whether there are more than ``rows`` tells; ``total`` holds all."""


class UsageReport:
    """Reads the record of usage."""

    def __init__(self, db: Database, settings: UsageSettings | None = None) -> None:
        self._db = db
        self._settings = settings or UsageSettings()

    async def read(self, organisation_id: str, by: By, since: datetime, until: datetime) -> Report:
        """Return what an organisation used from a time on, before another.

        Raises:
            InvalidRequest: The times are not in order, or too far apart.
        """
        if not timedelta() < until - since <= timedelta(days=MOST_DAYS + 1):
            raise InvalidRequest(f"Usage is told of up to {MOST_DAYS} days, and forward in time.")
        within = (
            UsageRow.organisation_id == organisation_id,
            UsageRow.at >= _millis(since),
            UsageRow.at < _millis(until),
        )
        column = _column(by)
        grouped = select(column, *_sums()).where(*within).group_by(column)
        order = column if by == "day" else func.count().desc()
        async with self._db.reading() as session:
            whole = (await session.execute(select(literal(""), *_sums()).where(*within))).one()
            query = grouped.order_by(order, column).limit(MOST_ROWS + 1)
            found = (await session.execute(query)).all()
            names = await _names(session, organisation_id, by, [row[0] for row in found])
        rows = tuple(_sum(_id(by, row[0]), names.get(row[0], ""), row) for row in found[:MOST_ROWS])
        return Report(
            by=by,
            since=since,
            until=until,
            currency=self._settings.currency,
            total=_sum("", "", whole),
            rows=rows,
            more=len(found) > MOST_ROWS,
        )


def last_days(days: int, now: datetime) -> datetime:
    """Return when the last so many days began, today's included, in UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


def _column(by: By) -> ColumnElement[Any]:
    match by:
        case "day":
            return cast((UsageRow.at - UsageRow.at % DAY_MS) / DAY_MS, Integer)
        case "model":
            return UsageRow.__table__.c.model
        case "key":
            return func.coalesce(UsageRow.key_id, "")
        case "user":
            return func.coalesce(UsageRow.user_id, "")
        case "endpoint":
            return UsageRow.__table__.c.endpoint


def _sums() -> tuple[ColumnElement[Any], ...]:
    failed = UsageRow.status.not_in((OK, CANCELLED))
    counts = (
        func.count(),
        func.sum(cast(failed, Integer)),
        func.sum(cast(UsageRow.status == CANCELLED, Integer)),
    )
    columns = (
        UsageRow.input_tokens,
        UsageRow.cached_tokens,
        UsageRow.cache_creation_tokens,
        UsageRow.output_tokens,
        UsageRow.reasoning_tokens,
        UsageRow.images,
    )
    return (*counts, *(func.sum(column) for column in columns), func.sum(UsageRow.cost))


def _sum(sum_id: str, name: str, row: Sequence[Any]) -> Sum:
    # PostgreSQL sums to decimals.
    numbers = {field: int(row[at]) for at, field in _FIELDS if row[at] is not None}
    return Sum(sum_id, name or sum_id, **numbers)


def _id(by: By, value: Any) -> str:
    return (_EPOCH + timedelta(days=int(value))).isoformat() if by == "day" else str(value)


async def _names(
    session: AsyncSession, organisation_id: str, by: By, ids: Sequence[Any]
) -> dict[Any, str]:
    if by == "key":
        query = select(ApiKeyRow.id, ApiKeyRow.name).where(
            ApiKeyRow.organisation_id == organisation_id, ApiKeyRow.id.in_(ids)
        )
    elif by == "user":
        query = select(UserRow.id, UserRow.name).where(UserRow.id.in_(ids))
    else:
        return {}
    return {row[0]: row[1] for row in await session.execute(query)}


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
