"""A PostgreSQL of the tests' own, for those that are marked ``databases``.

It listens on a socket in a folder of its own and is gone with the tests. A database of a test is
made from one that was migrated once.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from consigne.store.db import Database

MISSING = "PostgreSQL is missing: install the package `postgresql`"
OPTIONS = (
    "listen_addresses=''",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=300",
)
"""What it keeps need outlive nothing."""
_MIGRATED = "migrated"
_open = Database.open


class Cluster:
    """A running PostgreSQL."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._made = 0
        self._has_template = False

    def url(self, name: str) -> str:
        """Return how a database is reached."""
        return f"postgresql+asyncpg://postgres@/{name}?host={self._socket}"

    async def new(self, *, empty: bool = False) -> str:
        """Make a database, with the newest schema unless it is to be empty; return its URL."""
        if not empty and not self._has_template:
            await self._create(_MIGRATED, "template0")
            await (await _open(self.url(_MIGRATED))).close()
            self._has_template = True
        self._made += 1
        name = f"test_{self._made}"
        await self._create(name, "template0" if empty else _MIGRATED)
        return self.url(name)

    async def _create(self, name: str, template: str) -> None:
        engine = create_async_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        await engine.dispose()


@contextmanager
def running() -> Iterator[Cluster]:
    """Start a PostgreSQL with the system's programs; skips where there are none.

    Where the tests run as root it runs as the user ``postgres``, for it refuses root.
    """
    programs = _programs()
    if programs is None:
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has 107 bytes
    user: list[str] = []
    if os.getuid() == 0:
        user = ["runuser", "-u", "postgres", "--"]
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)

    def call(program: str, *arguments: str) -> None:
        with (folder / "said").open("ab") as said:
            done = subprocess.run(
                [*user, str(programs / program), *arguments], stdout=said, stderr=said, cwd="/"
            )
        assert done.returncode == 0, (folder / "said").read_text() + _tail(folder / "log")

    control = ("-D", f"{folder}/data", "-w", "-l", f"{folder}/log")
    options = " ".join(f"-c {option}" for option in OPTIONS)
    try:
        made = ("--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust", "-U", "postgres")
        call("initdb", "-D", f"{folder}/data", *made)
        call("pg_ctl", *control, "-o", f"-k {folder} {options}", "start")
        try:
            yield Cluster(folder)
        finally:
            call("pg_ctl", *control, "-m", "immediate", "stop")
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)  # tens of thousands of files


@contextmanager
def in_place_of_files(cluster: Cluster) -> Iterator[None]:
    """Open a database of PostgreSQL wherever a file is asked for; one path is one database."""
    urls: dict[Path, str] = {}

    async def opened(target: Path | str) -> Database:
        if isinstance(target, Path):
            if target not in urls:
                urls[target] = await cluster.new()
            target = urls[target]
        return await _open(target)

    patch: Any = pytest.MonkeyPatch()
    patch.setattr(Database, "open", opened)
    try:
        yield
    finally:
        patch.undo()


def _programs() -> Path | None:
    """Return the folder of the newest version's programs."""
    if known := shutil.which("initdb"):
        return Path(known).resolve().parent
    found = [
        (int(each.parent.parent.name), each.parent)
        for each in Path("/usr/lib/postgresql").glob("*/bin/initdb")
    ]
    return max(found)[1] if found else None


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text()[-2000:]
    return ""
