"""Records for applications in tests: a real database, opened when it is first needed."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from consigne.domain import sources
from consigne.records.records import Records
from consigne.settings import RecordSettings
from consigne.store.db import Database
from consigne.store.tables import OrganisationRow, WorkspaceRow

_FILE = "consigne.db"


class LazyDatabase:
    """A database of its own that two organisations are customers of; nobody pays for it unused."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._db: Database | None = None
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def _opened(self) -> Database:
        async with self._opening:
            if self._db is None:
                self._db = await self._open()
            return self._db

    async def _open(self) -> Database:
        path = self._path
        if path is None:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder) / _FILE
        if not path.exists():
            path.write_bytes(_template() or await _make_template(path.with_name("made.db")))
        return await Database.open(path)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that may write."""
        async with (await self._opened()).session() as session:
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that only reads."""
        async with (await self._opened()).reading() as session:
            yield session

    async def close(self) -> None:
        """Close it, and remove it if it was temporary."""
        if self._db is not None:
            await self._db.close()
        await self._stack.aclose()


_made: list[bytes] = []


def _template() -> bytes:
    return _made[0] if _made else b""


async def _make_template(path: Path) -> bytes:
    db = await Database.open(path)
    async with db.session() as session:
        for number in (1, 2):
            org = f"org_{number}"
            session.add(OrganisationRow(id=org, name=org, created_at=sources.now()))
            await session.flush()
            session.add(
                WorkspaceRow(
                    id=f"wrk_{number}", organisation_id=org, name="", created_at=sources.now()
                )
            )
    await db.close()
    _made.append(path.read_bytes())  # noqa: ASYNC240 - once
    return _made[0]


def records_on(db: LazyDatabase) -> Records:
    """Return records that are kept in this database."""
    return Records(cast("Database", db), RecordSettings())
