"""Pictures: made by a model, marked, signed, stored, and given out by addresses that expire.

A picture's file is signed last and never changed afterwards: what is stored is what is sent.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, cast

import msgspec
from sqlalchemy import ColumnElement, delete, select, update

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.errors import (
    InvalidRequest,
    NotFound,
    NotPermitted,
    RequestTooLarge,
    UpstreamFailed,
)
from consigne.domain.ids import is_id, new_id
from consigne.domain.images import (
    ImageEvent,
    ImageMade,
    ImagePartial,
    ImageProgress,
    ImageRequest,
    ImagesStart,
    ImagesStop,
    PictureFormat,
)
from consigne.domain.models import Model
from consigne.provenance import credentials, pictures, signing, verifying
from consigne.provenance.credentials import Credentials
from consigne.provenance.verifying import Finding
from consigne.settings import Settings
from consigne.store.db import Database
from consigne.store.objects import Objects
from consigne.store.pictures_tables import PictureRow

ABANDONED_AFTER: Final = timedelta(days=1)
VERIFIED_AT_ONCE: Final = 2
"""Pictures that are looked at at a time: anybody may ask, and each may take 400 MB meanwhile."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a picture."""

    id: str
    model: str
    prompt: str
    negative_prompt: str
    seed: int | None
    steps: int
    guidance: float
    width: int
    height: int
    format: PictureFormat
    size: int
    """In bytes."""
    source_id: str | None
    confidence: float | None
    created_at: datetime


class PictureReady(msgspec.Struct, frozen=True):
    """A picture is whole, marked, signed and stored."""

    index: int
    picture: Picture
    data: bytes
    revised_prompt: str = ""


MakingEvent = ImagesStart | ImageProgress | ImagePartial | PictureReady | ImagesStop


class Output(msgspec.Struct, frozen=True):
    """The form that pictures are wanted in."""

    format: PictureFormat = "png"
    compression: int | None = None
    """Quality of WebP and JPEG, 0 to 100."""


class Draws(Protocol):
    """What makes pictures (the gateway, as the caller may use it)."""

    def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make pictures, event by event."""
        ...


class Marker:
    """Marks and signs pictures, and finds out where one is from."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.provenance
        self._folder = settings.provenance_dir
        self._credentials: Credentials | None = None

    def credentials(self) -> Credentials:
        """Return what is signed with: the operator's own, or what was made here.

        Raises:
            OperatorError: It can't be read or made.
        """
        if self._credentials is None:
            own = self._settings
            if own.certificate:
                found = credentials.load(Path(own.certificate), Path(own.private_key))
            else:
                found = credentials.ensure(self._folder, own.organisation)
            self._credentials = found
        return self._credentials

    def mark(
        self, data: bytes, output: Output, origin: signing.Origin, *, marked: bool = False
    ) -> bytes:
        """Return a picture as its final file. Slow: not for the event loop.

        Where it is ``marked`` its pixels carry the mark already.
        """
        from consigne.provenance import watermark

        picture = pictures.read(data)
        if self._settings.watermark and not marked:
            picture = watermark.embed(picture)
        encoded = pictures.encode(picture, output.format, output.compression)
        return signing.sign(encoded, output.format, origin, self.credentials())

    def verify(self, data: bytes) -> Finding:
        """Find out where a picture is from. Slow: not for the event loop.

        Raises:
            InvalidRequest: It is no picture.
        """
        return verifying.verify(data, self.credentials().root)


class Pictures:
    """Makes, lists, returns and deletes pictures; each belongs to a person or a key."""

    def __init__(self, db: Database, objects: Objects, settings: Settings) -> None:
        self.marker = Marker(settings)
        self._db = db
        self._objects = objects
        self._verifying = asyncio.Semaphore(VERIFIED_AT_ONCE)
        self._url_life = timedelta(minutes=settings.provenance.url_minutes)

    async def make(
        self,
        caller: Caller,
        gateway: Draws,
        request: ImageRequest,
        output: Output,
        source_id: str | None = None,
        picture_id: str | None = None,
    ) -> AsyncIterator[MakingEvent]:
        """Make pictures; each is stored before it is told of.

        ``picture_id`` is that of the first one, where it must be known before.

        Closing the iterator cancels the work; what is whole by then stays stored.

        Raises:
            ConsigneError: As ``engines.base.ImageEngine.draw``.
        """
        start: ImagesStart | None = None
        async with aclosing(gateway.draw(request)) as events:  # type: ignore[type-var]
            async for event in events:
                match event:
                    case ImageMade():
                        assert start is not None
                        row = _row(caller, request, start, event, output, source_id)
                        if picture_id is not None and event.index == 0:
                            row.id = picture_id
                        yield await self._finish(row, event, output)
                    case ImagesStart():
                        start = event
                        yield event
                    case _:
                        yield event

    async def get(self, caller: Caller, picture_id: str) -> Picture:
        """Return what is known of a picture.

        Raises:
            NotFound: The caller has none of this id.
        """
        return _as_picture(await self._row(caller, picture_id))

    async def content(
        self, caller: Caller, picture_id: str, form: PictureFormat | None = None
    ) -> bytes:
        """Return a picture's file, as it is or in another form, which is signed anew.

        Raises:
            NotFound: The caller has none of this id.
        """
        row = await self._row(caller, picture_id)
        data = await self._read(row)
        if form in (None, row.format):
            return data
        origin = _origin(row)
        return await asyncio.to_thread(self.marker.mark, data, Output(form), origin, marked=True)

    async def list(self, caller: Caller, *, limit: int, before: str = "") -> Sequence[Picture]:
        """Return the caller's pictures, the newest first, from before the one of an id."""
        query = select(PictureRow).where(owned(caller), PictureRow.state == "ready")
        if before:
            query = query.where(PictureRow.id < before)
        async with self._db.reading() as session:
            rows = await session.scalars(query.order_by(PictureRow.id.desc()).limit(limit))
            return [_as_picture(row) for row in rows]

    async def delete(self, caller: Caller, picture_id: str) -> None:
        """Delete a picture and its file.

        Raises:
            NotFound: The caller has none of this id.
        """
        row = await self._row(caller, picture_id)
        await self._remove(row.organisation_id, row.id)

    async def signed_path(self, caller: Caller, picture_id: str) -> str:
        """Return the path of a picture's file, which works for a while without a key.

        Raises:
            NotFound: The caller has none of this id.
        """
        row = await self._row(caller, picture_id)
        expires = int((sources.now() + self._url_life).timestamp())
        signature = _signature(row.url_key, row.id, expires)
        return f"/images/{row.id}.{row.format}?expires={expires}&signature={signature}"

    async def by_signed_path(
        self, picture_id: str, expires: int, signature: str
    ) -> tuple[Picture, bytes]:
        """Return what a signed path stands for; the signature stands for its organisation.

        Raises:
            NotFound: There is no such picture.
            NotPermitted: The signature is wrong, or its time is over.
        """
        query = select(PictureRow).where(PictureRow.id == picture_id, PictureRow.state == "ready")
        async with self._db.reading() as session:
            row = await session.scalar(query) if is_id(picture_id, "img") else None
        if row is None:
            raise NotFound("There is no such picture.")
        wanted = _signature(row.url_key, row.id, expires)
        if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
            raise NotPermitted("This address was not made here.")
        if expires < sources.now().timestamp():
            raise NotPermitted("The time of this address is over; ask for a new one.")
        return _as_picture(row), await self._read(row)

    async def made_from(self, caller: Caller, data: bytes) -> str | None:
        """Return the id of the caller's picture whose file this is, if it is one."""
        digest = hashlib.sha256(data).digest()
        query = (
            select(PictureRow.id)
            .where(owned(caller), PictureRow.sha256 == digest, PictureRow.state == "ready")
            .limit(1)
        )
        async with self._db.reading() as session:
            found: str | None = await session.scalar(query)
        return found

    async def verify(self, data: bytes) -> Finding:
        """Find out where a picture is from.

        Raises:
            InvalidRequest: It is no picture.
        """
        async with self._verifying:
            return await asyncio.to_thread(self.marker.verify, data)

    async def sweep(self) -> int:
        """Remove what a crash left half-written or half-deleted; count it."""
        over = (PictureRow.state == "deleted") | (
            (PictureRow.state == "writing")
            & (PictureRow.created_at < sources.now() - ABANDONED_AFTER)
        )
        async with self._db.reading() as session:
            found = await session.execute(
                select(PictureRow.organisation_id, PictureRow.id).where(over)
            )
            leftovers = [(organisation_id, picture_id) for organisation_id, picture_id in found]
        for organisation_id, picture_id in leftovers:
            await self._remove(organisation_id, picture_id)
        return len(leftovers)

    async def _finish(self, row: PictureRow, made: ImageMade, output: Output) -> PictureReady:
        try:
            data = await asyncio.to_thread(self.marker.mark, made.data, output, _origin(row))
        except (InvalidRequest, RequestTooLarge) as error:
            raise UpstreamFailed(f"The picture can't be marked: {error}") from error
        row.size, row.sha256 = len(data), hashlib.sha256(data).digest()
        picture = _as_picture(row)
        key = object_key(row.organisation_id, row.id)
        async with self._db.session() as session:
            session.add(row)
        await self._objects.put(key, _once(data))
        where = PictureRow.id == picture.id, PictureRow.organisation_id == row.organisation_id
        async with self._db.session() as session:
            await session.execute(update(PictureRow).where(*where).values(state="ready"))
        return PictureReady(made.index, picture, data, made.revised_prompt)

    async def _row(self, caller: Caller, picture_id: str) -> PictureRow:
        query = select(PictureRow).where(
            PictureRow.id == picture_id, owned(caller), PictureRow.state == "ready"
        )
        async with self._db.reading() as session:
            row = await session.scalar(query) if is_id(picture_id, "img") else None
        if row is None:
            raise NotFound(f"There is no picture {picture_id[:100]}.", param="id")
        return row

    async def _read(self, row: PictureRow) -> bytes:
        content = await self._objects.get(object_key(row.organisation_id, row.id))
        return b"".join([chunk async for chunk in content.chunks])

    async def _remove(self, organisation_id: str, picture_id: str) -> None:
        here = PictureRow.id == picture_id, PictureRow.organisation_id == organisation_id
        async with self._db.session() as session:
            await session.execute(update(PictureRow).where(*here).values(state="deleted"))
        await self._objects.delete(object_key(organisation_id, picture_id))
        async with self._db.session() as session:
            await session.execute(delete(PictureRow).where(*here))


def redraws(model: Model, known: Picture) -> bool:
    """Say whether a model changes one of its pictures best by drawing other words from its seed."""
    return model.image is not None and model.image.redraws and known.model == model.id


def seed_for(known: Picture, prompt: str) -> int | None:
    """Return the seed to redraw from: the same words again are another picture like it."""
    return known.seed if prompt != known.prompt else None


def _row(
    caller: Caller,
    request: ImageRequest,
    start: ImagesStart,
    made: ImageMade,
    output: Output,
    source_id: str | None,
) -> PictureRow:
    source = request.source
    return PictureRow(
        id=new_id("img"),
        organisation_id=caller.organisation_id,
        workspace_id=caller.workspace_id,
        owner_id=owner_of(caller),
        state="writing",
        model=start.model,
        prompt=made.revised_prompt or request.prompt,
        negative_prompt=request.negative_prompt,
        seed=made.seed,
        steps=start.steps,
        guidance=start.guidance,
        width=made.width,
        height=made.height,
        format=output.format,
        size=0,
        sha256=b"",
        source_id=source_id,
        source_sha256=hashlib.sha256(source).digest() if source is not None else None,
        strength=request.strength,
        confidence=start.confidence,
        url_key=sources.random_bytes(32),
        created_at=sources.now(),
    )


def _origin(row: PictureRow) -> signing.Origin:
    edited = row.source_sha256 is not None
    return signing.Origin(row.id, row.model, row.created_at, edited=edited)


def owner_of(caller: Caller) -> str:
    """Return whom a caller's pictures belong to: the person, or the key."""
    return caller.user_id or caller.key_id or ""


def owned(caller: Caller) -> ColumnElement[bool]:
    """Return what says that a row is a picture of the caller's."""
    return (PictureRow.organisation_id == caller.organisation_id) & (
        PictureRow.owner_id == owner_of(caller)
    )


def object_key(organisation_id: str, picture_id: str) -> str:
    """Return where a picture's file is in the object store."""
    return f"images/{organisation_id}/{picture_id}"


def _signature(key: bytes, picture_id: str, expires: int) -> str:
    return hmac.new(key, f"{picture_id}:{expires}".encode(), hashlib.sha256).hexdigest()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _as_picture(row: PictureRow) -> Picture:
    return Picture(
        id=row.id,
        model=row.model,
        prompt=row.prompt,
        negative_prompt=row.negative_prompt,
        seed=row.seed,
        steps=row.steps,
        guidance=row.guidance,
        width=row.width,
        height=row.height,
        format=cast("PictureFormat", row.format),
        size=row.size,
        source_id=row.source_id,
        confidence=row.confidence,
        created_at=row.created_at,
    )
