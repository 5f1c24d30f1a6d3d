"""New files of SQLite are copies of one that was migrated once, as PostgreSQL's databases are.

To migrate takes half a second, and most tests begin with a new file. Those that are marked
``migrates`` have theirs migrated.
"""

import asyncio
import functools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine

from consigne.store.db import Database

prepare = Database._prepare


@contextmanager
def copied() -> Iterator[None]:
    """Let every new file be a copy."""

    async def prepared(self: Database) -> None:
        if self.dialect == "sqlite" and not Path(self._where).stat().st_size:  # noqa: ASYNC240
            shutil.copyfile(await asyncio.to_thread(migrated), self._where)
        await prepare(self)

    Database._prepare = prepared  # type: ignore[method-assign]
    try:
        yield
    finally:
        Database._prepare = prepare  # type: ignore[method-assign]


@functools.cache
def migrated() -> Path:
    """Return a file with the newest schema, which is left alone."""
    from consigne.store import schema  # slow to import

    path = Path(tempfile.mkdtemp(prefix="migrated-")) / "consigne.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        schema.upgrade(connection, where=str(path))
    engine.dispose()
    return path
