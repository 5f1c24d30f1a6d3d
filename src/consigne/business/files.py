"""Files: what a customer's applications store here, and what is made for them.

A row describes a file, the object store holds its content. The row is there first (``writing``) and
goes last (``deleted``), so that no content is ever without a row; what a crash left is swept away.
"""

import mimetypes
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.errors import FileExpired, InvalidRequest, NotFound, RequestTooLarge
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.files_tables import FileRow
from consigne.store.objects import Content, Objects

ABANDONED_AFTER = timedelta(days=1)
"""After so long a file that is still being written is no more than a crash's remains."""
EXPIRED_KNOWN_FOR = timedelta(days=1)
"""How long an expired file is told from one that never was."""
MAX_NAME = 255
DEFAULT_TYPE = "application/octet-stream"

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')


class File(msgspec.Struct, frozen=True):
    """What is known of a file."""

    id: str
    filename: str
    media_type: str
    size: int
    """In bytes."""
    purpose: str
    """In the OpenAI dialect's words."""
    downloadable: bool
    """Whether the Anthropic dialect gives the content back."""
    created_at: datetime
    expires_at: datetime | None


class Kind(msgspec.Struct, frozen=True):
    """What a file is for and how long it is kept."""

    purpose: str
    downloadable: bool = False
    keep_s: int | None = None
    """Seconds until it expires; ``None`` keeps it until it is deleted."""


class Draft(msgspec.Struct, frozen=True):
    """A file whose content is stored, but that nobody sees yet."""

    id: str
    organisation_id: str
    size: int


class Paging(msgspec.Struct, frozen=True):
    """Which part of a list is wanted; files sort by their ids, and so by their age."""

    limit: int
    newest_first: bool = True
    after: str = ""
    """Return what follows this file."""
    before: str = ""
    """Return what comes right before this file."""
    purpose: str = ""


class Files:
    """Stores, lists, returns and deletes files, each workspace's apart."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self.objects = objects

    async def receive(
        self,
        caller: Caller,
        filename: str,
        media_type: str,
        chunks: AsyncIterator[bytes],
        most: int,
    ) -> Draft:
        """Store the content of a new file, which ``publish`` then shows or ``discard`` drops.

        Raises:
            RequestTooLarge: It has more than ``most`` bytes.
            OperatorError: The object store can't be written.
        """
        kept = clean_name(filename, media_type)
        file_id = new_id("file")
        async with self._db.session() as session:
            session.add(
                FileRow(
                    id=file_id,
                    organisation_id=caller.organisation_id,
                    workspace_id=caller.workspace_id,
                    state="writing",
                    filename=kept,
                    media_type=media_type_of(kept, media_type),
                    size=0,
                    purpose="",
                    downloadable=False,
                    created_at=sources.now(),
                )
            )
        try:
            key = _key(caller.organisation_id, file_id)
            size = await self.objects.put(key, at_most(chunks, most))
        except BaseException:
            await self.discard(Draft(file_id, caller.organisation_id, 0))
            raise
        return Draft(file_id, caller.organisation_id, size)

    async def publish(self, session: AsyncSession, draft: Draft, kind: Kind) -> File:
        """Show a file to its workspace, as part of the caller's transaction."""
        row = await session.scalar(
            select(FileRow).where(
                FileRow.id == draft.id, FileRow.organisation_id == draft.organisation_id
            )
        )
        assert row is not None
        row.state, row.size = "ready", draft.size
        row.purpose, row.downloadable = kind.purpose, kind.downloadable
        row.created_at = sources.now()
        row.expires_at = row.created_at + timedelta(seconds=kind.keep_s) if kind.keep_s else None
        await session.flush()
        return _as_file(row)

    async def show(self, draft: Draft, kind: Kind) -> File:
        """Show a file to its workspace, in a transaction of its own."""
        async with self._db.session() as session:
            return await self.publish(session, draft, kind)

    async def discard(self, draft: Draft) -> None:
        """Drop a file that was not published."""
        await self._remove(draft.organisation_id, [draft.id])

    async def get(self, caller: Caller, file_id: str) -> File:
        """Return what is known of a file.

        Raises:
            NotFound: There is none of this id in the workspace (``FileExpired``: no longer).
        """
        async with self._db.reading() as session:
            return _as_file(await file_row(session, caller, file_id))

    async def content(
        self, caller: Caller, file_id: str, part: tuple[int, int] | None = None
    ) -> Content:
        """Open a file's content: all, or from one byte to another, exclusive.

        Raises:
            NotFound: There is none of this id in the workspace (``FileExpired``: no longer).
        """
        file = await self.get(caller, file_id)
        return await self.objects.get(_key(caller.organisation_id, file.id), part)

    async def copy(self, caller: Caller, file_id: str, key: str) -> None:
        """Copy a file's content to another key of the object store.

        Raises:
            NotFound: There is none of this id in the workspace (``FileExpired``: no longer).
        """
        await self.get(caller, file_id)
        await self.objects.copy(_key(caller.organisation_id, file_id), key)

    async def list(self, caller: Caller, wanted: Paging) -> tuple[Sequence[File], bool]:
        """Return a page of the workspace's files and whether there are more beyond it."""
        newest_first = wanted.newest_first
        query = select(FileRow).where(_visible(caller))
        if wanted.purpose:
            query = query.where(FileRow.purpose == wanted.purpose)
        if wanted.after:
            beyond = FileRow.id < wanted.after if newest_first else FileRow.id > wanted.after
            query = query.where(beyond)
        backward = bool(wanted.before) and not wanted.after
        if backward:
            beyond = FileRow.id > wanted.before if newest_first else FileRow.id < wanted.before
            query = query.where(beyond)
        descending = newest_first != backward
        order = FileRow.id.desc() if descending else FileRow.id.asc()
        async with self._db.reading() as session:
            rows = list(await session.scalars(query.order_by(order).limit(wanted.limit + 1)))
        found = [_as_file(row) for row in rows[: wanted.limit]]
        return (found[::-1] if backward else found), len(rows) > wanted.limit

    async def those(self, caller: Caller, file_ids: Sequence[str]) -> Sequence[File]:
        """Return the files of these ids that the workspace has, the newest first."""
        query = select(FileRow).where(_visible(caller), FileRow.id.in_(file_ids))
        async with self._db.reading() as session:
            rows = await session.scalars(query.order_by(FileRow.id.desc()))
            return [_as_file(row) for row in rows]

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Delete a file and its content.

        Raises:
            NotFound: There is none of this id in the workspace (``FileExpired``: no longer).
        """
        async with self._db.session() as session:
            row = await file_row(session, caller, file_id)
            row.state = "deleted"
        await self._remove(caller.organisation_id, [file_id])

    async def sweep(self) -> int:
        """Remove what expired, and what a crash left half-written or half-deleted; count it."""
        now = sources.now()
        over = or_(
            FileRow.state == "deleted",
            (FileRow.state == "writing") & (FileRow.created_at < now - ABANDONED_AFTER),
            (FileRow.state == "ready") & (FileRow.expires_at < now - EXPIRED_KNOWN_FOR),
        )
        async with self._db.reading() as session:
            found = await session.execute(select(FileRow.organisation_id, FileRow.id).where(over))
            leftovers = [(organisation_id, file_id) for organisation_id, file_id in found]
        for organisation_id, file_id in leftovers:
            await self._remove(organisation_id, [file_id])
        return len(leftovers)

    async def _remove(self, organisation_id: str, file_ids: Sequence[str]) -> None:
        here = FileRow.id.in_(file_ids), FileRow.organisation_id == organisation_id
        async with self._db.session() as session:
            await session.execute(update(FileRow).where(*here).values(state="deleted"))
        for file_id in file_ids:
            await self.objects.delete(_key(organisation_id, file_id))
        async with self._db.session() as session:
            await session.execute(delete(FileRow).where(*here))


async def file_row(session: AsyncSession, caller: Caller, file_id: str) -> FileRow:
    """Return one file of the caller's workspace.

    Raises:
        NotFound: There is none of this id.
        FileExpired: There was one.
    """
    query = select(FileRow).where(FileRow.id == file_id, _owned(caller), FileRow.state == "ready")
    row = await session.scalar(query) if is_id(file_id, "file") else None
    if row is None:
        raise NotFound(f"No such File object: {file_id[:100]}", param="id")
    if row.expires_at is not None and row.expires_at <= sources.now():
        raise FileExpired(f"The file {file_id} expired; its content is gone.", param="id")
    return row


def check_cursor(file_id: str, param: str) -> str:
    """Return the id of a file from which a list is to go on; the file may be gone since.

    Raises:
        InvalidRequest: This is not a file's id.
    """
    if file_id and not is_id(file_id, "file"):
        raise InvalidRequest(f"'{file_id[:100]}' is not the id of a file.", param=param)
    return file_id


def clean_name(filename: str, media_type: str) -> str:
    """Return the name to keep: the path's last component, without what file systems refuse."""
    name = _UNSAFE.sub("_", filename.replace("\\", "/").rpartition("/")[2]).strip()
    if not name:
        return "unnamed" + (mimetypes.guess_extension(media_type) or "")
    stem, dot, suffix = name.rpartition(".")
    if len(name) > MAX_NAME and dot and len(suffix) < 20:
        return stem[: MAX_NAME - len(suffix) - 1] + dot + suffix
    return name[:MAX_NAME]


def media_type_of(filename: str, given: str) -> str:
    """Return the media type given, or the one that the name tells where that says nothing."""
    kind = given.partition(";")[0].strip().lower()[:100]
    if kind and kind != DEFAULT_TYPE and kind.isascii() and kind.isprintable():
        return kind
    if filename.lower().endswith(".jsonl"):
        return "application/jsonl"
    return mimetypes.guess_type(filename)[0] or DEFAULT_TYPE


async def at_most(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """Pass chunks on.

    Raises:
        RequestTooLarge: They are more than ``most`` bytes.
    """
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise RequestTooLarge(f"The file is over the limit of {most:,} bytes.", param="file")
        yield chunk


def _owned(caller: Caller) -> ColumnElement[bool]:
    return (FileRow.organisation_id == caller.organisation_id) & (
        FileRow.workspace_id == caller.workspace_id
    )


def _visible(caller: Caller) -> ColumnElement[bool]:
    lasting = or_(FileRow.expires_at.is_(None), FileRow.expires_at > sources.now())
    return _owned(caller) & (FileRow.state == "ready") & lasting


def _key(organisation_id: str, file_id: str) -> str:
    return f"files/{organisation_id}/{file_id}"


def _as_file(row: FileRow) -> File:
    return File(
        id=row.id,
        filename=row.filename,
        media_type=row.media_type,
        size=row.size,
        purpose=row.purpose,
        downloadable=row.downloadable,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
