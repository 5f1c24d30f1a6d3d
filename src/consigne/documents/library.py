"""Documents as their owners use them: given, read, opened, deleted; and the job that indexes them.

The row is there first (``reading``) and goes last (``deleted``), as with ``business.files``: no
content is ever without a row, and what a crash left is swept away.
"""

import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.files import at_most, clean_name, media_type_of
from consigne.documents.access import owned, readable
from consigne.documents.passages import cut
from consigne.documents.reading import Reader, Reading
from consigne.documents.retrieval import Embedder, as_passage
from consigne.documents.values import Document, Passage, Passages
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import is_id, new_id
from consigne.jobs.runtime import Jobs, Kind
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow, PassageRow
from consigne.store.objects import Content, Objects

JOB = "index document"
BATCH = 64
"""Passages that are embedded, and stored, at a time."""
ABANDONED_AFTER = timedelta(days=1)
STRETCH = 40
EXCERPT = 400
MAX_BYTES = 50 * 2**20
"""Largest file."""
MOST_ATTACHED = 20
"""Most files of one question."""


class Documents:
    """Keeps documents, each its owner's; whoever may use a project reads those in it."""

    def __init__(
        self,
        db: Database,
        objects: Objects,
        embedder: Embedder,
        jobs: Jobs,
        reader: Reader | None = None,
    ) -> None:
        self._db = db
        self._objects = objects
        self._embedder = embedder
        self._jobs = jobs
        self._reader = reader or Reader()
        jobs.register(JOB, Kind((("embed", self._embed),), self._give_up))

    async def add(
        self, caller: Caller, filename: str, media_type: str, chunks: AsyncIterator[bytes]
    ) -> Document:
        """Store a file, read it, and begin to index it.

        Raises:
            NotPermitted: The caller is no person.
            RequestTooLarge: The file is over the limit.
            UnreadableFile: It can't be read; the message says why. Nothing is kept.
        """
        if caller.user_id is None:
            raise NotPermitted("Documents belong to people; a key can't hold any.")
        name = clean_name(filename, media_type)
        row = _new_row(caller, name, media_type_of(name, media_type))
        async with self._db.session() as session:
            session.add(row)
        try:
            with tempfile.TemporaryDirectory(prefix="consigne-") as folder:
                path = Path(folder) / "content"
                kept = _kept(at_most(chunks, MAX_BYTES), path)
                size = await self._objects.put(_key(row, "content"), kept)
                reading = await self._reader.read(path, name, row.media_type)
            await self._store(row, size, reading)
        except BaseException:
            await self._remove(row.organisation_id, row.id)
            raise
        await self._begin(row.id, reading)
        return await self.get(caller, row.id)

    async def get(self, caller: Caller, document_id: str) -> Document:
        """Return what is known of a document.

        Raises:
            NotFound: The caller has none of this id.
        """
        async with self._db.reading() as session:
            return as_document(await _row(session, caller, document_id))

    async def newest(self, caller: Caller, *, limit: int, before: str = "") -> list[Document]:
        """Return one's documents, the newest first, from before the one of an id."""
        query = select(DocumentRow).where(owned(caller))
        if before:
            query = query.where(DocumentRow.id < before)
        async with self._db.reading() as session:
            rows = await session.scalars(query.order_by(DocumentRow.id.desc()).limit(limit))
            return [as_document(row) for row in rows]

    async def those(self, caller: Caller, ids: Sequence[str]) -> list[Document]:
        """Return these documents, in their order.

        Raises:
            NotFound: The caller does not have all of them.
        """
        if not ids:
            return []
        query = select(DocumentRow).where(DocumentRow.id.in_(ids), owned(caller))
        async with self._db.reading() as session:
            found = {row.id: as_document(row) for row in await session.scalars(query)}
        if missing := [known for known in ids if known not in found]:
            raise NotFound(f"There is no such document: {missing[0][:64]}", param="attachments")
        return [found[known] for known in ids]

    async def content(
        self, caller: Caller, document_id: str, which: str = "content"
    ) -> tuple[Document, str, Content]:
        """Open a document's content, or its ``picture`` or ``thumbnail``, with its media type.

        Raises:
            NotFound: The caller has none of this id, or it is no picture.
        """
        async with self._db.reading() as session:
            row = await _row(session, caller, document_id)
        if which != "content" and row.kind != "image":
            raise NotFound("This document is no picture.")
        media_type = row.media_type if which == "content" else row.picture_type
        return as_document(row), media_type, await self._objects.get(_key(row, which))

    async def picture(self, organisation_id: str, document_id: str) -> tuple[str, bytes] | None:
        """Return the picture that a model is shown; ``None`` if it was deleted."""
        query = select(DocumentRow).where(
            DocumentRow.id == document_id,
            DocumentRow.organisation_id == organisation_id,
            DocumentRow.state == "ready",
        )
        async with self._db.reading() as session:
            row = await session.scalar(query)
        if row is None:
            return None
        content = await self._objects.get(_key(row, "picture"))
        return row.picture_type, b"".join([chunk async for chunk in content.chunks])

    async def whole(self, organisation_id: str, document_id: str) -> list[Passage]:
        """Return all passages of a document that somebody attached; none if it was deleted."""
        query = (
            select(PassageRow, DocumentRow.filename)
            .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
            .where(
                PassageRow.document_id == document_id,
                PassageRow.organisation_id == organisation_id,
                DocumentRow.state == "ready",
            )
            .order_by(PassageRow.number)
        )
        async with self._db.reading() as session:
            return [as_passage(row, name) for row, name in await session.execute(query)]

    async def stretch(self, caller: Caller, document_id: str, around: int) -> Passages:
        """Return the passages around one.

        Raises:
            NotFound: The caller has none of this id.
            InvalidRequest: The number is negative.
        """
        if around < 0:
            raise InvalidRequest("around is the number of a passage, from 0.", param="around")
        first = max(0, around - STRETCH // 2)
        async with self._db.reading() as session:
            row = await _row(session, caller, document_id)
            rows = await session.scalars(
                select(PassageRow)
                .where(
                    PassageRow.document_id == row.id,
                    PassageRow.organisation_id == row.organisation_id,
                    PassageRow.number >= first,
                )
                .order_by(PassageRow.number)
                .limit(STRETCH)
            )
            found = tuple(as_passage(each, row.filename) for each in rows)
        later = bool(found) and found[-1].number + 1 < row.passages
        return Passages(as_document(row), found, first > 0, later)

    async def delete(self, caller: Caller, document_id: str) -> None:
        """Delete a document; answers that cite it keep the passages they cite.

        Raises:
            NotFound: The caller has none of this id.
        """
        async with self._db.reading() as session:
            row = await _row(session, caller, document_id, own=True)
        await self._remove(row.organisation_id, row.id)

    async def sweep(self) -> int:
        """Remove what a crash left, index what is not, and count what was removed."""
        abandoned = (DocumentRow.state == "reading") & (
            DocumentRow.created_at < sources.now() - ABANDONED_AFTER
        )
        query = select(DocumentRow.organisation_id, DocumentRow.id)
        async with self._db.reading() as session:
            over = query.where(or_(DocumentRow.state == "deleted", abandoned))
            left = (await session.execute(over)).all()
        for organisation_id, document_id in left:
            await self._remove(organisation_id, document_id)
        if model := self._embedder.default_model("embedding"):
            behind = (DocumentRow.embedding_model.is_distinct_from(model.id)) | (
                DocumentRow.indexed < DocumentRow.passages
            )
            async with self._db.reading() as session:
                waiting = query.where(
                    DocumentRow.state == "ready", DocumentRow.kind == "text", behind
                )
                for _, document_id in (await session.execute(waiting)).all():
                    await self._jobs.submit(JOB, f"{document_id}:{model.id}")
        return len(left)

    async def _begin(self, document_id: str, reading: Reading) -> None:
        model = self._embedder.default_model("embedding")
        if model is not None and reading.kind == "text":
            await self._jobs.submit(JOB, f"{document_id}:{model.id}")

    async def _store(self, row: DocumentRow, size: int, reading: Reading) -> None:
        for name, content in (("picture", reading.picture), ("thumbnail", reading.thumbnail)):
            if content:
                await self._objects.put(_key(row, name), _one(content))
        passages = list(cut(reading.parts))
        values: dict[str, Any] = {
            "state": "ready",
            "kind": reading.kind,
            "picture_type": reading.media_type,
            "size": size,
            "pages": reading.pages,
            "characters": sum(len(passage.text) for passage in passages),
            "passages": len(passages),
            "excerpt": "".join(passage.text for passage in passages[:2])[:EXCERPT].strip(),
            "cut": reading.cut,
        }
        async with self._db.session() as session:
            session.add_all(
                PassageRow(
                    organisation_id=row.organisation_id,
                    document_id=row.id,
                    number=number,
                    page=passage.page,
                    section=passage.section,
                    start=passage.start,
                    text=passage.text,
                )
                for number, passage in enumerate(passages)
            )
            await session.execute(update(DocumentRow).where(_is(row)).values(**values))

    async def _embed(self, subject: str) -> None:
        """Give the passages their vectors, from where an earlier try was cut."""
        document_id, _, model = subject.partition(":")
        async with self._db.session() as session:
            row = await session.scalar(
                select(DocumentRow).where(
                    DocumentRow.id == document_id, DocumentRow.organisation_id.is_not(None)
                )
            )
            if row is None or row.state != "ready":
                return
            if row.embedding_model != model:
                row.embedding_model, row.indexed = model, 0
                await session.execute(update(PassageRow).where(_of(row)).values(vector=None))
        while await self._embed_some(row, model):
            pass

    async def _embed_some(self, row: DocumentRow, model: str) -> bool:
        waiting = select(PassageRow.id, PassageRow.section, PassageRow.text).where(
            _of(row), PassageRow.vector.is_(None)
        )
        async with self._db.reading() as session:
            some = (await session.execute(waiting.order_by(PassageRow.number).limit(BATCH))).all()
        if not some:
            return False
        import numpy as np

        # A heading above the passage, or the file's name, says what the passage alone may not.
        texts = [f"{section or row.filename}\n{text}" for _, section, text in some]
        found = await self._embedder.embed(model, texts)
        async with self._db.session() as session:
            for (passage_id, _, _), vector in zip(some, found.vectors, strict=True):
                await session.execute(
                    update(PassageRow)
                    .where(PassageRow.id == passage_id, _of(row))
                    .values(vector=np.array(vector, np.float16).tobytes())
                )
            await session.execute(
                update(DocumentRow).where(_is(row)).values(indexed=DocumentRow.indexed + len(some))
            )
        return True

    async def _give_up(self, subject: str) -> None:
        """Leave the document as it is: it is found by its words."""

    async def _remove(self, organisation_id: str, document_id: str) -> None:
        here = (DocumentRow.id == document_id) & (DocumentRow.organisation_id == organisation_id)
        async with self._db.session() as session:
            await session.execute(update(DocumentRow).where(here).values(state="deleted"))
        for name in ("content", "picture", "thumbnail"):
            await self._objects.delete(f"documents/{organisation_id}/{document_id}/{name}")
        of_it = (PassageRow.document_id == document_id) & (
            PassageRow.organisation_id == organisation_id
        )
        async with self._db.session() as session:
            await session.execute(delete(PassageRow).where(of_it))
            await session.execute(delete(DocumentRow).where(here))


def _new_row(caller: Caller, name: str, media_type: str) -> DocumentRow:
    assert caller.user_id is not None
    return DocumentRow(
        id=new_id("doc"),
        organisation_id=caller.organisation_id,
        workspace_id=caller.workspace_id,
        user_id=caller.user_id,
        state="reading",
        kind="text",
        filename=name,
        media_type=media_type,
        picture_type="",
        size=0,
        characters=0,
        passages=0,
        indexed=0,
        excerpt="",
        cut=False,
        created_at=sources.now(),
    )


async def _row(
    session: AsyncSession, caller: Caller, document_id: str, *, own: bool = False
) -> DocumentRow:
    whose = owned(caller) if own else readable(caller)
    query = select(DocumentRow).where(DocumentRow.id == document_id, whose)
    row = await session.scalar(query) if is_id(document_id, "doc") else None
    if row is None:
        raise NotFound("There is no such document.")
    return row


def _is(row: DocumentRow) -> ColumnElement[bool]:
    return (DocumentRow.id == row.id) & (DocumentRow.organisation_id == row.organisation_id)


def _of(row: DocumentRow) -> ColumnElement[bool]:
    return (PassageRow.document_id == row.id) & (PassageRow.organisation_id == row.organisation_id)


def _key(row: DocumentRow, name: str) -> str:
    return f"documents/{row.organisation_id}/{row.id}/{name}"


def as_document(row: DocumentRow) -> Document:
    """Return a stored document."""
    kind: Any = row.kind
    return Document(
        id=row.id,
        kind=kind,
        filename=row.filename,
        media_type=row.media_type,
        size=row.size,
        pages=row.pages,
        characters=row.characters,
        passages=row.passages,
        indexed=row.indexed,
        excerpt=row.excerpt,
        cut=row.cut,
        created_at=row.created_at,
    )


async def _kept(chunks: AsyncIterator[bytes], path: Path) -> AsyncIterator[bytes]:
    """Pass chunks on and write them to a file too, for the reader."""
    with path.open("wb") as file:
        async for chunk in chunks:
            file.write(chunk)
            yield chunk


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
