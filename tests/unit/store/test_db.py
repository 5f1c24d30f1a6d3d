"""What people rely on of the database: it opens or says why not, and keeps what it took."""

import asyncio
import sqlite3
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, select, text

from consigne.domain.errors import OperatorError
from consigne.store import schema
from consigne.store.db import SCHEMA, Database
from consigne.store.tables import OrganisationRow, Table
from support.postgresql import Cluster

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def db(tmp_path: Path):
    database = await Database.open(tmp_path / "consigne.db")
    yield database
    await database.close()


def organisation(number: int, created_at: datetime = NOON) -> OrganisationRow:
    return OrganisationRow(id=f"org_{number}", name=f"Organisation {number}", created_at=created_at)


async def count(db: Database) -> int:
    async with db.reading() as session:
        return len((await session.scalars(select(OrganisationRow))).all())


@pytest.mark.migrates
@pytest.mark.databases
async def test_migrations_make_exactly_the_tables_of_the_code(db: Database):
    def differences(connection: Connection) -> list[object]:
        def known(_item: object, name: str | None, *_: object) -> bool:
            # The searches' own, in raw SQL.
            return not (name or "").startswith(("message_words", "passage_words"))

        opts = {"compare_type": True, "include_object": known}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, Table.metadata))

    async with db.reading() as session:
        connection = await session.connection()
        assert await connection.run_sync(differences) == []


def test_the_schema_the_code_expects_is_the_newest_migration():
    assert ScriptDirectory.from_config(schema.config()).get_current_head() == SCHEMA


@pytest.mark.databases
async def test_what_is_committed_is_there_after_opening_again(tmp_path: Path):
    path = tmp_path / "consigne.db"
    first = await Database.open(path)
    async with first.session() as session:
        session.add(organisation(1))
    await first.close()
    second = await Database.open(path)
    assert await count(second) == 1
    await second.close()


@pytest.mark.databases
async def test_an_error_undoes_the_whole_transaction(db: Database):
    async def cut() -> None:
        async with db.session() as session:
            session.add(organisation(1))
            await session.flush()
            raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        await cut()
    assert await count(db) == 0


async def test_many_writers_at_once_all_succeed(db: Database):
    async def write(number: int) -> None:
        async with db.session() as session:
            found = len((await session.scalars(select(OrganisationRow))).all())
            session.add(organisation(number))
            await session.flush()
            assert len((await session.scalars(select(OrganisationRow))).all()) == found + 1

    await asyncio.gather(*(write(number) for number in range(24)))
    assert await count(db) == 24


@pytest.mark.databases
async def test_readers_do_not_wait_for_a_writer(db: Database):
    async with db.session() as session:
        session.add(organisation(1))
        await session.flush()
        assert await asyncio.wait_for(count(db), 60) == 0
    assert await count(db) == 1


@pytest.mark.migrates
async def test_two_processes_opening_a_new_database_do_not_collide(tmp_path: Path):
    opened = await asyncio.gather(*(Database.open(tmp_path / "consigne.db") for _ in range(3)))
    for database in opened:
        await database.close()


@pytest.mark.databases
async def test_times_come_back_as_the_same_instant_in_utc(db: Database):
    paris = NOON.astimezone(timezone(timedelta(hours=1)))
    async with db.session() as session:
        session.add(organisation(1, paris))
    async with db.reading() as session:
        stored = await session.scalar(select(OrganisationRow.created_at))
    assert stored == NOON
    assert stored.tzinfo is UTC


@pytest.mark.databases
async def test_a_time_without_zone_is_refused(db: Database):
    with pytest.raises(Exception, match="time zone"):
        async with db.session() as session:
            session.add(organisation(1, NOON.replace(tzinfo=None)))


async def test_servers_that_start_together_on_an_empty_postgresql_do_not_collide(
    cluster: Cluster,
):
    url = await cluster.new(empty=True)
    opened = await asyncio.gather(*(Database.open(url) for _ in range(3)))
    async with opened[0].session() as session:
        session.add(organisation(1))
    assert [await count(database) for database in opened] == [1, 1, 1]
    for database in opened:
        await database.close()


async def test_a_postgresql_of_a_newer_version_or_that_is_gone_is_said(cluster: Cluster):
    url = await cluster.new()
    database = await Database.open(url)
    async with database.session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(OperatorError, match=r"newer version of Consigne \(schema 9999\)"):
        await Database.open(url)
    with pytest.raises(OperatorError, match="Can't reach the database nowhere"):
        await Database.open("postgresql+asyncpg://postgres@/nowhere?host=/nowhere")


async def test_nobody_else_on_the_machine_can_read_the_file(db: Database, tmp_path: Path):
    assert stat.S_IMODE((tmp_path / "consigne.db").stat().st_mode) == 0o600


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path):
    path = tmp_path / "consigne.db"
    await (await Database.open(path)).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(OperatorError, match=r"newer version of Consigne \(schema 9999\)"):
        await Database.open(path)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path):
    path = tmp_path / "consigne.db"
    path.write_bytes(b"this is a letter, not a database. " * 100)
    with pytest.raises(OperatorError, match=r"consigne\.db\. The file is not a database"):
        await Database.open(path)


async def test_a_damaged_database_is_named(tmp_path: Path):
    path = tmp_path / "consigne.db"
    await (await Database.open(path)).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(OperatorError, match="The file is damaged"):
        await Database.open(path)


async def test_a_folder_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "data").write_text("")
    with pytest.raises(OperatorError, match="Can't open the database"):
        await Database.open(tmp_path / "data" / "consigne.db")


async def test_a_full_disk_is_said_in_one_line_and_loses_nothing(db: Database):
    async with db.session() as session:
        session.add(organisation(1))
        pages = await session.scalar(text("PRAGMA page_count"))

    async def fill() -> None:
        async with db.session() as session:
            await session.execute(text(f"PRAGMA max_page_count = {pages}"))
            session.add_all(
                OrganisationRow(id=f"org_big_{n}", name="x" * 5000, created_at=NOON)
                for n in range(20)
            )

    with pytest.raises(OperatorError, match="The disk is full"):
        await fill()
    assert await count(db) == 1
