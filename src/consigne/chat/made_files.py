"""Files that tools make in conversations; each belongs to whoever owns its conversation.

The row is there before the content and goes after it, as with ``business.files``. When a
conversation is deleted for good its files lose their place, and the next sweep removes them.
"""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from sqlalchemy import delete, select, update

from consigne.business.caller import Caller
from consigne.business.files import clean_name, media_type_of
from consigne.chat.repository import conversation_row, owned_by
from consigne.domain import sources
from consigne.domain.errors import NotFound, RequestTooLarge
from consigne.domain.ids import is_id, new_id
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
)
from consigne.store.db import Database
from consigne.store.objects import Content, Objects
from consigne.store.tables import ConversationRow
from consigne.store.tools_tables import MadeFileRow

LARGEST: Final = 10_000_000
"""Most bytes of a file."""
LARGEST_SEEN: Final = 3_000_000
"""Most bytes of a picture that a model is shown."""
ABANDONED_AFTER: Final = timedelta(days=1)
_ADDRESS: Final = re.compile(r"/api/made-files/(made_\w+)$")

Part = TextBlock | ImageBlock | DocumentBlock
"""Of what a tool answers."""


class MadeFile(msgspec.Struct, frozen=True):
    """What is known of a file."""

    id: str
    filename: str
    media_type: str
    size: int
    """In bytes."""

    @property
    def address(self) -> str:
        """Where its owner's page finds it."""
        return f"/api/made-files/{self.id}"


class MadeFiles:
    """Keeps what tools make."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    async def keep(
        self, caller: Caller, conversation_id: str, filename: str, media_type: str, body: bytes
    ) -> MadeFile:
        """Store a file with a conversation.

        Raises:
            NotFound: The caller has no such conversation.
            RequestTooLarge: It has more than ``LARGEST`` bytes.
        """
        if len(body) > LARGEST:
            raise RequestTooLarge(f"{filename} is over the limit of {LARGEST:,} bytes.")
        name = clean_name(filename, media_type)
        row = MadeFileRow(
            id=new_id("made"),
            organisation_id=caller.organisation_id,
            conversation_id=conversation_id,
            state="writing",
            filename=name,
            media_type=media_type_of(name, media_type),
            size=len(body),
            created_at=sources.now(),
        )
        async with self._db.session() as session:
            await conversation_row(session, caller, conversation_id)
            session.add(row)
        await self._objects.put(_key(row.organisation_id, row.id), _once(body))
        here = MadeFileRow.id == row.id, MadeFileRow.organisation_id == row.organisation_id
        async with self._db.session() as session:
            await session.execute(update(MadeFileRow).where(*here).values(state="ready"))
        return _as_file(row)

    async def content(self, caller: Caller, file_id: str) -> tuple[MadeFile, Content]:
        """Open a file.

        Raises:
            NotFound: The caller has none of this id.
        """
        query = (
            select(MadeFileRow)
            .join(ConversationRow, ConversationRow.id == MadeFileRow.conversation_id)
            .where(
                MadeFileRow.id == file_id,
                MadeFileRow.organisation_id == caller.organisation_id,
                MadeFileRow.state == "ready",
                owned_by(caller),
                ConversationRow.deleted_at.is_(None),
            )
        )
        async with self._db.reading() as session:
            row = await session.scalar(query) if is_id(file_id, "made") else None
        if row is None:
            raise NotFound("There is no such file.")
        return _as_file(row), await self._objects.get(_key(row.organisation_id, row.id))

    async def seen(
        self, organisation_id: str, content: Sequence[ContentBlock]
    ) -> tuple[ContentBlock, ...]:
        """Return content in which pictures among these files are there themselves.

        Those that are gone, or too large to be shown to a model, stay addresses.
        """
        return tuple([await self._seen(organisation_id, block) for block in content])

    async def sweep(self) -> int:
        """Remove what has no conversation any more and what a crash left; count it."""
        over = MadeFileRow.conversation_id.is_(None) | (
            (MadeFileRow.state == "writing")
            & (MadeFileRow.created_at < sources.now() - ABANDONED_AFTER)
        )
        async with self._db.reading() as session:
            found = select(MadeFileRow.organisation_id, MadeFileRow.id).where(over)
            left = (await session.execute(found)).all()
        for organisation_id, file_id in left:
            await self._objects.delete(_key(organisation_id, file_id))
            here = MadeFileRow.id == file_id, MadeFileRow.organisation_id == organisation_id
            async with self._db.session() as session:
                await session.execute(delete(MadeFileRow).where(*here))
        return len(left)

    async def _seen(self, organisation_id: str, block: ContentBlock) -> ContentBlock:
        if not isinstance(block, ToolResultBlock):
            return block
        parts = [await self._picture(organisation_id, part) for part in block.content]
        return msgspec.structs.replace(block, content=tuple(parts))

    async def _picture(self, organisation_id: str, block: Part) -> Part:
        if not isinstance(block, ImageBlock) or not (found := _ADDRESS.match(block.url or "")):
            return block
        try:
            content = await self._objects.get(_key(organisation_id, found[1]))
        except NotFound:
            return block
        if content.size > LARGEST_SEEN:
            return block
        data = b"".join([chunk async for chunk in content.chunks])
        return ImageBlock(block.media_type, data)


def _key(organisation_id: str, file_id: str) -> str:
    return f"made/{organisation_id}/{file_id}"


def _as_file(row: MadeFileRow) -> MadeFile:
    return MadeFile(row.id, row.filename, row.media_type, row.size)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
