"""The database: one file of SQLite by default, PostgreSQL by the same code."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, exc, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from consigne.domain.errors import ConsigneError, OperatorError, Overloaded

SCHEMA = "0015"
"""The newest migration; a test holds it to be so."""

BUSY_TIMEOUT_MS = 10_000


class Database:
    """Opens transactions. On SQLite they write one at a time, in order, and read beside that."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._where = engine.url.database or "the database"
        embedded = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        # Waiting here is fair and instant; SQLite's own busy handler sleeps and polls.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if embedded else nullcontext()

    @classmethod
    async def open(cls, target: Path | str) -> "Database":
        """Open a database: a file's path, or a URL such as ``postgresql://user@host/name``.

        The schema is brought up to date first, if it is behind.

        Raises:
            OperatorError: It can't be opened or written, is damaged, or was written by a newer
                version of Consigne.
        """
        url = _sqlite_url(target) if isinstance(target, Path) else _server_url(target)
        database = cls(_create_engine(url))
        try:
            await database._prepare()
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    async def version_at(cls, url: str) -> str | None:
        """Return the schema's version in a database of a server; nothing is changed there.

        Raises:
            OperatorError: It can't be reached.
        """
        database = cls(_create_engine(_server_url(url)))
        try:
            async with database.reading() as session:
                await session.execute(text("SELECT 1"))
            return await database._version()
        finally:
            await database.close()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open one transaction that may write; it commits at the end, or rolls back on an error.

        Raises:
            OperatorError: The disk is full, the file can't be written or is damaged.
            Overloaded: Another process holds the database for too long.
        """
        async with self._turn, self._transaction(self._writer) as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open one transaction that only reads; it waits for no writer.

        Raises:
            OperatorError: The file can't be read or is damaged.
        """
        async with self._transaction(self._engine) as session:
            yield session

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        with _explained(self._where):
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                yield session

    async def _prepare(self) -> None:
        if await self._version() == SCHEMA:
            return
        from consigne.store import schema

        async with self.session() as session:
            connection = await session.connection()
            await connection.run_sync(schema.upgrade, where=self._where)

    async def _version(self) -> str | None:
        try:
            async with self.reading() as session:
                found = await session.scalar(text("SELECT version_num FROM alembic_version"))
                return None if found is None else str(found)
        except (exc.OperationalError, exc.ProgrammingError):
            # No such table yet. What is wrong beyond that shows when the schema is made.
            return None


def _sqlite_url(path: Path) -> URL:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here so that nobody else on the machine can read it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise OperatorError(f"Can't open the database {path}: {error.strerror}.") from None
    return URL.create("sqlite+aiosqlite", database=str(path))


def _server_url(address: str) -> URL:
    """Return the URL for the driver, which calls libpq's ``sslmode`` just ``ssl``."""
    try:
        url = make_url(address)
    except exc.ArgumentError:
        raise OperatorError("The database's URL can't be understood.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+asyncpg")
    if mode := url.query.get("sslmode"):
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
    return url


def _create_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        try:
            return create_async_engine(url, pool_pre_ping=True)
        except ImportError:
            raise OperatorError(
                "PostgreSQL needs a library that is not installed: pip install 'consigne[postgres]'"
            ) from None
    engine = create_async_engine(url, pool_size=4, max_overflow=16)
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so, see _on_begin
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "journal_size_limit = 67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


_REASONS = {
    "SQLITE_FULL": "The disk is full",
    "SQLITE_READONLY": "It is read-only",
    "SQLITE_CANTOPEN": "It can't be opened",
    "SQLITE_PERM": "There is no permission to use it",
    "SQLITE_IOERR": "The disk does not read or write",
    "SQLITE_CORRUPT": "The file is damaged; restore it from a backup",
    "SQLITE_NOTADB": "The file is not a database; move it away, or restore it from a backup",
}


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except (exc.DBAPIError, sqlite3.Error, OSError) as error:
        if explained := _explain(error, where):
            raise explained from error
        raise


def _explain(error: Exception, where: str) -> ConsigneError | None:
    """Return what the operator should read, if the trouble is the operator's to mend."""
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(origin, sqlite3.Error):
        name = getattr(origin, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return Overloaded("The database is busy. Try again.")
        reason = next((why for code, why in _REASONS.items() if name.startswith(code)), None)
        return OperatorError(f"Can't use the database {where}. {reason}.") if reason else None
    if isinstance(origin, OSError) or getattr(error, "connection_invalidated", False):
        return OperatorError(f"Can't reach the database {where}: {origin}.")
    return None
