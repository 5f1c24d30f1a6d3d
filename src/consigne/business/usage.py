"""The record of what each request used: kept in memory for a moment, written many at once.

A request's end costs a tuple in a list. A second later at most, what has come is written in one
transaction; the end of the process writes the rest, and a crash loses that second, never an answer.
What can't be written waits and is tried again, up to ``MOST_WAITING``.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Dialect, delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.domain import sources
from consigne.gateway.metering import Endpoint, Use, Whose
from consigne.settings import UsageSettings
from consigne.store.db import Database
from consigne.store.tables import OrganisationRow
from consigne.store.usage_tables import UsageRow
from consigne.telemetry.meters import Meters

log = logging.getLogger(__name__)

FLUSH_S = 0.9
"""How long a record waits at most before it is written."""
MOST_WAITING = 50_000
"""Records beyond which further ones are dropped, while the database can't be written."""
AT_ONCE = 2_000
"""Most records in one transaction, and most that one deletes: nobody waits long to write."""
LONGEST_NAME = 256
DAY_MS = 86_400_000

Record = tuple[Any, ...]
"""The columns of ``UsageRow``, in their order."""


class UsageLog:
    """Writes what requests used."""

    def __init__(
        self, db: Database, settings: UsageSettings | None = None, meters: Meters | None = None
    ) -> None:
        self.meters = meters or Meters()
        self._db = db
        self._settings = settings or UsageSettings()
        self._batch_permille = round(self._settings.batch_share * 1000)
        self._waiting: list[Record] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._complained = False

    def begin(
        self, endpoint: Endpoint, use_id: str, whose: Whose | None = None, *, batch: bool = False
    ) -> Use:
        """Begin to count what a request uses; it is recorded when it is over."""
        return Use(self._tell, use_id, endpoint, whose, batch=batch)

    def _tell(self, use: Use) -> None:
        _measure(self.meters, use)
        whose = use.whose
        if not use.begun or whose is None or not self._settings.enabled:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lose(1, "too many wait to be written")
            return
        cost = use.cost
        if cost is not None:
            share = self._batch_permille if use.batch else 1000
            cost = (cost * share + 500_000_000) // 1_000_000_000
        self._waiting.append(
            (
                use.id,
                whose.organisation_id,
                whose.key_id,
                whose.user_id,
                use.endpoint,
                use.batch,
                use.asked[:LONGEST_NAME],
                use.model,
                use.target,
                int(use.at * 1000),
                use.status,
                use.streamed,
                use.input,
                use.cached,
                use.written,
                use.output,
                use.reasoning,
                use.images,
                round(use.first * 1000) if use.first else None,
                round(use.seconds * 1000),
                cost,
            )
        )
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._due)

    def _due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write_all())
        else:
            self._timer = loop.call_later(FLUSH_S, self._due)

    async def flush(self) -> None:
        """Write all that waits."""
        await self._write_all()

    async def close(self) -> None:
        """Write all that waits, and stop."""
        await self.flush()
        if self._timer is not None:
            self._timer.cancel()
        if left := len(self._waiting):
            self._waiting = []
            self._lose(left, "the service stops")

    async def sweep(self) -> None:
        """Delete the records whose time is over."""
        if not self._settings.keep_days:
            return
        now = int(sources.now().timestamp() * 1000)
        before = now - self._settings.keep_days * DAY_MS
        async with self._db.reading() as session:
            organisations = list(await session.scalars(select(OrganisationRow.id)))
        for organisation_id in organisations:
            old = (
                select(UsageRow.id)
                .where(UsageRow.organisation_id == organisation_id, UsageRow.at < before)
                .limit(AT_ONCE)
            )
            gone = AT_ONCE
            while gone >= AT_ONCE:
                async with self._db.session() as session:
                    ids = list(await session.scalars(old))
                    await session.execute(
                        delete(UsageRow).where(
                            UsageRow.organisation_id == organisation_id, UsageRow.id.in_(ids)
                        )
                    )
                gone = len(ids)

    async def _write_all(self) -> None:
        """Write what waits; on a failure it waits on."""
        async with self._turn:  # or two would write the same
            try:
                while self._waiting:
                    some = self._waiting[:AT_ONCE]
                    await self._write(some)
                    del self._waiting[: len(some)]
                    self._complained = False
            except Exception:
                if not self._complained:  # once, not every second
                    self._complained = True
                    log.exception("usage can't be written; it is tried again")
                if self._timer is None and self._waiting:
                    self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._due)

    async def _write(self, records: Sequence[Record]) -> None:
        try:
            async with self._db.session() as session:
                await _insert(session, records)
        except IntegrityError:
            await self._write_singly(records)
        else:
            self.meters.records_written += len(records)

    async def _write_singly(self, records: Sequence[Record]) -> None:
        """Write those that can be: not an organisation's that is gone, nor one that is there."""
        written = 0
        async with self._db.session() as session:
            for record in records:
                try:
                    async with session.begin_nested():
                        await _insert(session, (record,))
                except IntegrityError:
                    continue
                written += 1
        self.meters.records_written += written
        self._lose(len(records) - written, "they are of nobody, or there already")

    def _lose(self, count: int, why: str) -> None:
        if not self.meters.records_lost or why != "too many wait to be written":
            log.error("%s records of usage are lost: %s", count, why)
        self.meters.records_lost += count


async def _insert(session: AsyncSession, records: Sequence[Record]) -> None:
    """Insert the tuples as they are: a dictionary for each would double what a row costs."""
    connection = await session.connection()
    await connection.exec_driver_sql(_statement(connection.dialect), list(records))


@cache
def _statement(dialect: Dialect) -> str:
    return str(insert(UsageRow).compile(dialect=dialect))


def _measure(meters: Meters, use: Use) -> None:
    series = meters.of((use.endpoint, use.model, use.target, use.status))
    series.requests += 1
    series.batch += use.batch
    series.input += use.input
    series.cached += use.cached
    series.output += use.output
    series.images += use.images
    series.duration.add(use.seconds)
    if use.first:
        series.first.add(use.first)
        if use.output > 1:
            series.per_token.add((use.seconds - use.first) / (use.output - 1))
            if use.parts == 1:  # else it holds the time that tools took
                meters.wrote(use.model, use.output - 1, use.seconds - use.first)
