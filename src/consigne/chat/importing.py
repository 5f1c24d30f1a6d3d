"""Files of conversations are taken in by a job: it tells how far it is, and survives a restart.

A file is read whole before any of it is taken, so one that can't be read leaves nothing behind.
Its conversations then come a few at a time, each with the count of those that are in: what was cut
goes on after the last of them, and nobody else waits long to write.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat import imports
from consigne.chat.imports import LeftOut
from consigne.chat.transfers import add_conversation
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import is_id, new_id
from consigne.jobs.runtime import Jobs, Kind
from consigne.store.db import Database
from consigne.store.imports_tables import ImportRow
from consigne.store.objects import Objects

JOB = "import conversations"
BATCH_MESSAGES = 500
"""About how many messages are stored in one transaction."""
KEPT = timedelta(days=7)
"""How long the outcome is told."""
_GIVEN_UP = "The conversations could not be stored. Try again later."

_left_out = msgspec.json.Decoder(tuple[LeftOut, ...])


class Import(msgspec.Struct, frozen=True):
    """How far a file of conversations is taken in."""

    id: str
    filename: str
    state: Literal["running", "done", "failed"]
    conversations: int
    """How many are in."""
    total: int | None
    """How many there are; ``None`` until the file is read."""
    left_out: tuple[LeftOut, ...]
    error: str | None
    created_at: datetime


class Importing:
    """Takes files of conversations in."""

    def __init__(self, db: Database, objects: Objects, jobs: Jobs) -> None:
        self._db = db
        self._objects = objects
        self._jobs = jobs
        jobs.register(JOB, Kind((("take in", self._take_in), ("clear", self._clear)), self._fail))

    async def begin(self, caller: Caller, filename: str, chunks: AsyncIterator[bytes]) -> Import:
        """Keep a file and begin to take it in.

        Raises:
            NotPermitted: The caller is no person.
        """
        if caller.user_id is None:
            raise NotPermitted("Conversations belong to people; a key can't hold any.")
        row = ImportRow(
            id=new_id("imp"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=caller.user_id,
            filename=filename.replace("\x00", "")[:200],
            state="sending",
            done=0,
            created_at=sources.now(),
        )
        async with self._db.session() as session:
            session.add(row)
        try:
            await self._objects.put(_key(row), chunks)
        except BaseException:
            async with self._db.session() as session:
                await session.execute(_removal(row))
            raise
        async with self._db.session() as session:
            (await _known(session, row.id)).state = "running"
        await self._jobs.submit(JOB, row.id)
        return await self.get(caller, row.id)

    async def get(self, caller: Caller, import_id: str) -> Import:
        """Return how far an import is.

        Raises:
            NotFound: The caller has none of this id, or it ended long ago.
        """
        query = select(ImportRow).where(
            ImportRow.id == import_id,
            ImportRow.organisation_id == caller.organisation_id,
            ImportRow.user_id == caller.user_id,
            ImportRow.state != "sending",
        )
        async with self._db.reading() as session:
            row = await session.scalar(query) if is_id(import_id, "imp") else None
        if row is None:
            raise NotFound("There is no such import.")
        state: Any = row.state
        return Import(
            id=row.id,
            filename=row.filename,
            state=state,
            conversations=row.done,
            total=row.total,
            left_out=_left_out.decode(row.left_out or "[]"),
            error=row.error,
            created_at=row.created_at,
        )

    async def sweep(self) -> int:
        """Go on with what a restart cut, forget what ended long ago; count what was forgotten."""
        async with self._db.reading() as session:
            rows = list(await session.scalars(select(ImportRow)))
        old = [row for row in rows if row.created_at < sources.now() - KEPT]
        for row in rows:
            if row.state == "running" and row not in old:
                await self._jobs.submit(JOB, row.id)
        for row in old:
            await self._objects.delete(_key(row))
            async with self._db.session() as session:
                await session.execute(_removal(row))
        return len(old)

    async def _take_in(self, import_id: str) -> None:
        async with self._db.reading() as session:
            row = await session.scalar(select(ImportRow).where(_is(import_id)))
        if row is None or row.state != "running":
            return
        content = await self._objects.get(_key(row))
        body = b"".join([chunk async for chunk in content.chunks])
        try:
            found = await asyncio.to_thread(imports.read, body)
        except InvalidRequest as error:
            await self._end(import_id, "failed", error.message)
            return
        at = row.done
        while at < len(found.conversations):
            at = await self._take_some(import_id, found, at)
        await self._end(import_id, "done")

    async def _take_some(self, import_id: str, found: imports.Read, at: int) -> int:
        """Take conversations from one on, and return how many are in then."""
        async with self._db.session() as session:
            row = await _known(session, import_id)
            caller = Caller(row.organisation_id, row.workspace_id, row.user_id, None, "member", "")
            messages = 0
            while at < len(found.conversations) and messages < BATCH_MESSAGES:
                await add_conversation(session, caller, row.user_id, found.conversations[at])
                messages += 1 + len(found.conversations[at].messages)
                at += 1
            row.done, row.total = at, len(found.conversations)
            row.left_out = msgspec.json.encode(found.left_out).decode()
        return at

    async def _end(self, import_id: str, state: str, error: str | None = None) -> None:
        async with self._db.session() as session:
            row = await _known(session, import_id)
            row.state, row.error = state, error

    async def _clear(self, import_id: str) -> None:
        async with self._db.reading() as session:
            row = await session.scalar(select(ImportRow).where(_is(import_id)))
        if row is not None:
            await self._objects.delete(_key(row))

    async def _fail(self, import_id: str) -> None:
        await self._end(import_id, "failed", _GIVEN_UP)
        await self._clear(import_id)


async def _known(session: AsyncSession, import_id: str) -> ImportRow:
    return (await session.scalars(select(ImportRow).where(_is(import_id)))).one()


def _is(import_id: str) -> Any:
    """Return the condition for a job's row: its id is the job's, whoever's it is."""
    return (ImportRow.id == import_id) & ImportRow.organisation_id.is_not(None)


def _removal(row: ImportRow) -> Any:
    return delete(ImportRow).where(
        ImportRow.id == row.id, ImportRow.organisation_id == row.organisation_id
    )


def _key(row: ImportRow) -> str:
    return f"imports/{row.organisation_id}/{row.id}"
