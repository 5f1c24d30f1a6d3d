"""Kept answers survive a restart, are their own caller's, end in time, and stay few."""

import pytest

from consigne.business import answers as answers_module
from consigne.business.answers import KeptAnswer, KeptAnswers
from consigne.business.caller import Caller
from consigne.business.home import ensure_home
from consigne.settings import IdempotencySettings
from consigne.store.db import Database
from support.clock import Clock

ANSWER = KeptAnswer(b"f" * 32, 200, "application/json", b'{"a": 1}')


@pytest.fixture
async def caller(db: Database) -> Caller:
    async with db.session() as session:
        home = await ensure_home(session)
    return Caller(home.organisation_id, home.workspace_id, None, "key_1", "member", "app")


async def test_an_answer_is_found_again_by_another_process(db: Database, caller: Caller) -> None:
    await KeptAnswers(db, IdempotencySettings()).keep(caller, "order 7", ANSWER)
    assert await KeptAnswers(db, IdempotencySettings()).find(caller, "order 7") == ANSWER


async def test_an_answer_is_its_callers_alone(db: Database, caller: Caller) -> None:
    kept = KeptAnswers(db, IdempotencySettings())
    await kept.keep(caller, "order 7", ANSWER)
    other = Caller(caller.organisation_id, caller.workspace_id, None, "key_2", "member", "app")
    elsewhere = Caller("org_2", "ws_2", None, "key_1", "member", "app")
    assert await kept.find(other, "order 7") is None
    assert await kept.find(elsewhere, "order 7") is None


async def test_the_first_answer_stays(db: Database, caller: Caller) -> None:
    kept = KeptAnswers(db, IdempotencySettings())
    await kept.keep(caller, "order 7", ANSWER)
    await kept.keep(caller, "order 7", KeptAnswer(b"g" * 32, 200, "text/plain", b"later"))
    assert await kept.find(caller, "order 7") == ANSWER


async def test_an_answers_time_ends(db: Database, caller: Caller, clock: Clock) -> None:
    kept = KeptAnswers(db, IdempotencySettings(keep_hours=24))
    await kept.keep(caller, "order 7", ANSWER)
    clock.move(hours=23.9)
    assert await kept.find(caller, "order 7") == ANSWER
    clock.move(hours=0.2)
    assert await kept.find(caller, "order 7") is None
    later = KeptAnswer(b"g" * 32, 200, "text/plain", b"later")
    await kept.keep(caller, "order 7", later)
    assert await kept.find(caller, "order 7") == later


async def test_what_is_too_large_or_not_wanted_is_not_kept(db: Database, caller: Caller) -> None:
    for settings in (IdempotencySettings(max_answer_bytes=4), IdempotencySettings(keep_hours=0)):
        kept = KeptAnswers(db, settings)
        await kept.keep(caller, "order 7", ANSWER)
        assert await kept.find(caller, "order 7") is None


async def test_the_earliest_make_room(
    db: Database, caller: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "CHECK_EVERY", 4)
    kept = KeptAnswers(db, IdempotencySettings(max_answers_per_key=3))
    for number in range(8):
        await kept.keep(caller, f"order {number}", ANSWER)
        clock.move(seconds=1)
    found = [n for n in range(8) if await kept.find(caller, f"order {n}") is not None]
    assert found == [5, 6, 7]


async def test_a_database_that_cant_be_written_costs_the_reader_nothing(
    db: Database, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    from sqlalchemy import text

    async with db.session() as session:
        pages = await session.scalar(text("PRAGMA page_count"))
        await session.execute(text(f"PRAGMA max_page_count = {pages}"))
    kept = KeptAnswers(db, IdempotencySettings())
    large = KeptAnswer(b"f" * 32, 200, "text/plain", b"x" * 500_000)
    await kept.keep(caller, "order 7", large)
    assert "could not be kept" in caplog.text
