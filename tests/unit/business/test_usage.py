"""Usage is written in the background: nothing is lost that could be kept, no request waits."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from consigne.business import usage as module
from consigne.business.caller import Caller
from consigne.business.usage import UsageLog
from consigne.business.usage_report import UsageReport, last_days
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, OperatorError
from consigne.domain.usage import Price, Usage
from consigne.gateway.metering import OK, Part, Use, within
from consigne.settings import PriceSettings, UsageSettings
from consigne.store.db import Database
from consigne.store.tables import ApiKeyRow, OrganisationRow, WorkspaceRow
from consigne.store.usage_tables import UsageRow

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def caller(organisation: str = "org_1", key: str | None = "key_1") -> Caller:
    return Caller(organisation, "ws_1", None, key, "member", "tests")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "consigne.db")
    async with database.session() as session:
        for number in (1, 2):
            row = OrganisationRow(id=f"org_{number}", name=f"Org {number}", created_at=NOON)
            session.add(row)
    yield database
    await database.close()


@pytest.fixture
async def log(db: Database) -> AsyncIterator[UsageLog]:
    made = UsageLog(db)
    yield made
    await made.close()


def use(log: UsageLog, number: int, whose: Caller | None = None, **changed: Any) -> None:
    """Let a request of 10 tokens in and 5 out be over."""
    settings = {"model": "tiny", "status": OK, "images": 0} | changed
    begun = log.begin("messages", f"req_{number}", whose or caller(), batch=changed.get("batch", 0))
    with within(begun):
        part = Part("text", settings["model"])
        part.price = changed.get("price")
        part.end(settings["status"], Usage(10, 4, 5), settings["images"])
    assert isinstance(begun, Use)


async def count(db: Database) -> int:
    async with db.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(UsageRow)) or 0)


async def test_records_are_written_together_a_moment_later(
    db: Database, log: UsageLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "FLUSH_S", 0)
    monkeypatch.setattr(module, "AT_ONCE", 10)
    for number in range(25):
        use(log, number)
    assert await count(db) == 0
    for _ in range(500):
        if log.meters.records_written == 25:
            break
        await count(db)  # lets the loop and the database's thread go on
    assert await count(db) == 25


async def test_writing_twice_at_once_writes_each_record_once(db: Database, log: UsageLog):
    for number in range(50):
        use(log, number)
    await asyncio.gather(log.flush(), log.flush(), log.flush())
    assert (await count(db), log.meters.records_lost) == (50, 0)


async def test_the_end_of_the_service_writes_what_waits(db: Database):
    log = UsageLog(db)
    use(log, 1)
    await log.close()
    assert await count(db) == 1


class Broken:
    """A database that can't be written until it is mended."""

    def __init__(self, db: Database) -> None:
        self.broken = True
        self._db = db

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        if self.broken:
            raise OperatorError("The disk is full.")
        async with self._db.session() as session:
            yield session


async def test_what_cannot_be_written_waits_and_is_told_once(
    db: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    broken: Any = Broken(db)
    log = UsageLog(broken)
    with caplog.at_level(logging.ERROR):
        for number in range(5):
            use(log, number)
            await log.flush()
    assert len(caplog.records) == 2  # it can't be written; one is lost
    assert log.meters.records_lost == 2
    broken.broken = False
    await log.close()
    assert (await count(db), log.meters.records_written) == (3, 3)


async def test_the_record_of_nobody_does_not_hold_up_the_others(db: Database, log: UsageLog):
    use(log, 1)
    use(log, 2, caller("org_that_is_gone"))
    use(log, 3)
    await log.flush()
    assert (await count(db), log.meters.records_lost) == (2, 1)


async def test_records_are_kept_for_their_time(db: Database):
    log = UsageLog(db, UsageSettings(keep_days=30))
    for number, days in enumerate((0, 29, 31, 400)):
        at = NOON - timedelta(days=days)
        with sources.use(sources.Sources(clock=lambda at=at: at)):
            use(log, number)
    await log.flush()
    with sources.use(sources.Sources(clock=lambda: NOON)):
        await log.sweep()
        assert await count(db) == 2
        await UsageLog(db, UsageSettings(keep_days=0)).sweep()
    assert await count(db) == 2


async def test_without_the_record_nothing_is_written_and_all_is_counted(db: Database):
    log = UsageLog(db, UsageSettings(enabled=False))
    use(log, 1)
    await log.close()
    assert await count(db) == 0
    assert [each.input for each in log.meters.series.values()] == [10]


PRICES = st.builds(
    PriceSettings,
    input=st.decimals(0, 1000, places=6).map(float),
    cached_input=st.none() | st.decimals(0, 1000, places=6).map(float),
    output=st.decimals(0, 1000, places=6).map(float),
    image=st.decimals(0, 10, places=6).map(float),
)


@given(PRICES, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans())
def test_a_cost_is_exact_and_rounded_once(
    price: PriceSettings, fresh: int, cached: int, output: int, batch: bool
):
    async def cost() -> Any:
        log = UsageLog(db=None)  # type: ignore[arg-type] - nothing is written
        with within(log.begin("messages", "req_1", caller(), batch=batch)):
            part = Part("text", "tiny")
            part.price = price.exact
            part.end(OK, Usage(fresh + cached, cached, output), 2)
        return log._waiting[0][-1]

    per_cached = price.input if price.cached_input is None else price.cached_input
    amounts = ((price.input, fresh), (per_cached, cached), (price.output, output))
    exact = sum((Fraction(str(each)) * n for each, n in amounts), Fraction(0))
    exact += Fraction(str(price.image)) * 2 * 10**6
    share = Fraction(1, 2) if batch else 1
    assert asyncio.run(cost()) == int(exact * share + Fraction(1, 2))


async def name_key(db: Database, key_id: str, name: str) -> None:
    async with db.session() as session:
        own = {"organisation_id": "org_1", "created_at": NOON}
        session.add(WorkspaceRow(id="ws_1", name="Everyone", **own))
        await session.flush()
        key = ApiKeyRow(id=key_id, workspace_id="ws_1", name=name, hint="1234", **own)
        key.secret_hash = b"1"
        session.add(key)


async def test_a_report_sums_one_organisations_requests(db: Database, log: UsageLog):
    price = Price(input=1_000_000, cached_input=1_000_000, output=2_000_000)
    await name_key(db, "key_1", "billing")
    days = ((1, 0, {}), (2, 0, {"price": price}), (3, 1, {"status": "cancelled", "model": "big"}))
    for number, ago, changed in days:
        at = NOON - timedelta(days=ago)
        with sources.use(sources.Sources(clock=lambda at=at: at)):
            use(log, number, **changed)
    with sources.use(sources.Sources(clock=lambda: NOON)):
        use(log, 4, caller(key=None), status="engine_failed")
        use(log, 5, caller("org_2"))
    await log.flush()
    report = UsageReport(db, UsageSettings(currency="EUR"))
    since, until = last_days(2, NOON), NOON + timedelta(hours=1)
    by_day = await report.read("org_1", "day", since, until)
    assert [(r.id, r.requests, r.input_tokens, r.cost) for r in by_day.rows] == [
        ("2026-11-27", 1, 10, None),
        ("2026-11-28", 3, 30, 20),
    ]
    total = by_day.total
    assert (total.requests, total.failed, total.cancelled) == (4, 1, 1)
    assert (total.input_tokens, total.cached_tokens, total.output_tokens) == (40, 16, 20)
    assert (total.cost, by_day.currency, by_day.more) == (20, "EUR", False)
    by_key = await report.read("org_1", "key", since, until)
    assert [(r.id, r.name, r.requests) for r in by_key.rows] == [
        ("key_1", "billing", 3),
        ("", "", 1),
    ]
    by_model = await report.read("org_1", "model", since, until)
    assert [(r.name, r.requests) for r in by_model.rows] == [("tiny", 3), ("big", 1)]
    today = await report.read("org_1", "endpoint", last_days(1, NOON), until)
    assert [(r.id, r.requests) for r in today.rows] == [("messages", 3)]
    with pytest.raises(InvalidRequest):
        await report.read("org_1", "day", NOON, NOON)


async def test_work_on_the_way_is_recorded_apart(db: Database, log: UsageLog):
    with within(log.begin("chat", "run_1", caller())):
        Part("text", "tiny").end(OK, Usage(10, 0, 5))
        Part("embedding", "mini").end(OK, Usage(7))
        Part("image", "brush").end(OK, Usage(3), 2)
    await log.flush()
    async with db.reading() as session:
        columns = UsageRow.endpoint, UsageRow.model, UsageRow.input_tokens, UsageRow.images
        found = (await session.execute(select(*columns).order_by(UsageRow.endpoint))).all()
    assert [tuple(row) for row in found] == [("chat", "tiny", 10, 2), ("retrieval", "mini", 7, 0)]
