"""Uploads: a file that comes in parts and is put together at the end."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.files import File, Files, Kind, at_most, clean_name, media_type_of
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.files_tables import UploadPartRow, UploadRow

OPEN_FOR = timedelta(hours=1)
"""How long parts may be added, as the OpenAI API has it."""
PART_BYTES = 64 * 2**20
"""Largest part, as the OpenAI API has it."""


class Upload(msgspec.Struct, frozen=True):
    """What is known of an upload."""

    id: str
    state: str
    """``pending``, ``completed``, ``cancelled`` or ``expired``."""
    filename: str
    size: int
    """Of the whole file, as announced, in bytes."""
    purpose: str
    created_at: datetime
    expires_at: datetime
    file: File | None = None


class Part(msgspec.Struct, frozen=True):
    """One piece of an upload."""

    id: str
    upload_id: str
    size: int
    created_at: datetime


class NewUpload(msgspec.Struct, frozen=True):
    """What is announced of a file to come."""

    filename: str
    media_type: str
    size: int
    purpose: str
    keep_s: int | None = None


class Uploads:
    """Takes files in parts, each workspace's apart."""

    def __init__(self, db: Database, files: Files) -> None:
        self._db = db
        self._files = files

    async def create(self, caller: Caller, new: NewUpload) -> Upload:
        """Begin an upload."""
        now = sources.now()
        row = UploadRow(
            id=new_id("upload"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            state="pending",
            filename=clean_name(new.filename, new.media_type),
            media_type=media_type_of(new.filename, new.media_type),
            size=new.size,
            purpose=new.purpose,
            keep_s=new.keep_s,
            created_at=now,
            expires_at=now + OPEN_FOR,
        )
        async with self._db.session() as session:
            session.add(row)
        return _as_upload(row)

    async def add_part(self, caller: Caller, upload_id: str, chunks: AsyncIterator[bytes]) -> Part:
        """Store one part.

        Raises:
            NotFound: There is no such upload in the workspace.
            InvalidRequest: It does not take parts any more.
            RequestTooLarge: The part is over ``PART_BYTES``.
        """
        async with self._db.reading() as session:
            _require_open(await _row(session, caller, upload_id))
        part_id = new_id("part")
        key = _key(caller.organisation_id, upload_id, part_id)
        size = await self._files.objects.put(key, at_most(chunks, PART_BYTES))
        part = UploadPartRow(
            id=part_id,
            organisation_id=caller.organisation_id,
            upload_id=upload_id,
            size=size,
            created_at=sources.now(),
        )
        try:
            async with self._db.session() as session:
                _require_open(await _row(session, caller, upload_id))
                session.add(part)
        except BaseException:
            await self._files.objects.delete(key)
            raise
        return Part(part_id, upload_id, size, part.created_at)

    async def complete(
        self, caller: Caller, upload_id: str, part_ids: Sequence[str], md5: str = ""
    ) -> Upload:
        """Put the parts together to a file, in the order given.

        Raises:
            NotFound: There is no such upload in the workspace.
            InvalidRequest: It is not open; a part is not its own or named twice; the sizes don't
                add up to what was announced; the checksum is another.
        """
        async with self._db.reading() as session:
            row = await _row(session, caller, upload_id)
            _require_open(row)
            await _check_parts(session, row, part_ids)
        digest = hashlib.md5(usedforsecurity=False)
        chunks = self._joined(caller.organisation_id, upload_id, part_ids, digest)
        draft = await self._files.receive(caller, row.filename, row.media_type, chunks, row.size)
        try:
            _check_digest(digest.hexdigest(), md5)
            async with self._db.session() as session:
                row = await _row(session, caller, upload_id)
                _require_open(row)
                file = await self._files.publish(
                    session, draft, Kind(row.purpose, keep_s=row.keep_s)
                )
                row.state, row.file_id = "completed", file.id
        except BaseException:
            await self._files.discard(draft)
            raise
        await self._drop_parts(caller.organisation_id, upload_id)
        return _as_upload(row, file)

    async def cancel(self, caller: Caller, upload_id: str) -> Upload:
        """Give an upload up and drop its parts.

        Raises:
            NotFound: There is no such upload in the workspace.
            InvalidRequest: It is completed, cancelled or expired.
        """
        async with self._db.session() as session:
            row = await _row(session, caller, upload_id)
            _require_open(row)
            row.state = "cancelled"
        await self._drop_parts(caller.organisation_id, upload_id)
        return _as_upload(row)

    async def sweep(self) -> int:
        """Drop the parts of uploads that were left open too long, and count those uploads."""
        over = UploadRow.expires_at < sources.now() - OPEN_FOR
        async with self._db.reading() as session:
            query = (
                select(UploadRow.organisation_id, UploadRow.id)
                .join(UploadPartRow, UploadPartRow.upload_id == UploadRow.id)
                .where(over)
                .distinct()
            )
            left = [(organisation, upload) for organisation, upload in await session.execute(query)]
        for organisation_id, upload_id in left:
            await self._drop_parts(organisation_id, upload_id)
        return len(left)

    async def _joined(
        self, organisation_id: str, upload_id: str, part_ids: Sequence[str], digest: "hashlib._Hash"
    ) -> AsyncIterator[bytes]:
        for part_id in part_ids:
            found = await self._files.objects.get(_key(organisation_id, upload_id, part_id))
            async for chunk in found.chunks:
                await asyncio.to_thread(digest.update, chunk)
                yield chunk

    async def _drop_parts(self, organisation_id: str, upload_id: str) -> None:
        here = (
            UploadPartRow.upload_id == upload_id,
            UploadPartRow.organisation_id == organisation_id,
        )
        async with self._db.reading() as session:
            part_ids = list(await session.scalars(select(UploadPartRow.id).where(*here)))
        for part_id in part_ids:
            await self._files.objects.delete(_key(organisation_id, upload_id, part_id))
        async with self._db.session() as session:
            await session.execute(delete(UploadPartRow).where(*here))


async def _row(session: AsyncSession, caller: Caller, upload_id: str) -> UploadRow:
    query = select(UploadRow).where(
        UploadRow.id == upload_id,
        UploadRow.organisation_id == caller.organisation_id,
        UploadRow.workspace_id == caller.workspace_id,
    )
    row = await session.scalar(query) if is_id(upload_id, "upload") else None
    if row is None:
        raise NotFound(f"No such Upload object: {upload_id[:100]}", param="upload_id")
    return row


def _require_open(row: UploadRow) -> None:
    if (state := _state(row)) != "pending":
        raise InvalidRequest(f"The upload {row.id} is {state}.", param="upload_id")


async def _check_parts(session: AsyncSession, row: UploadRow, part_ids: Sequence[str]) -> None:
    query = select(UploadPartRow.id, UploadPartRow.size).where(
        UploadPartRow.upload_id == row.id,
        UploadPartRow.organisation_id == row.organisation_id,
    )
    sizes = {part.id: part.size for part in await session.execute(query)}
    for i, part_id in enumerate(part_ids):
        if part_id not in sizes:
            raise InvalidRequest(
                f"The upload has no part '{part_id[:100]}'.", param=f"part_ids.{i}"
            )
    if len(set(part_ids)) < len(part_ids):
        raise InvalidRequest("A part is named twice.", param="part_ids")
    found = sum(sizes[part_id] for part_id in part_ids)
    if found != row.size:
        raise InvalidRequest(
            f"The parts have {found:,} bytes together; {row.size:,} were announced.",
            param="part_ids",
        )


def _check_digest(found: str, wanted: str) -> None:
    if wanted and found != wanted.lower():
        raise InvalidRequest("The parts have another MD5 checksum.", param="md5")


def _state(row: UploadRow) -> str:
    over = row.state == "pending" and row.expires_at <= sources.now()
    return "expired" if over else row.state


def _key(organisation_id: str, upload_id: str, part_id: str) -> str:
    return f"uploads/{organisation_id}/{upload_id}/{part_id}"


def _as_upload(row: UploadRow, file: File | None = None) -> Upload:
    return Upload(
        id=row.id,
        state=_state(row),
        filename=row.filename,
        size=row.size,
        purpose=row.purpose,
        created_at=row.created_at,
        expires_at=row.expires_at,
        file=file,
    )
