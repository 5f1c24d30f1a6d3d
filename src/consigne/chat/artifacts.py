"""Artifacts: pages, drawings, code and documents that stand beside a conversation, in versions."""

from datetime import datetime
from typing import Literal, get_args

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.repository import conversation_row, owned_by
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.tables import ConversationRow
from consigne.store.tools_tables import ArtifactRow, ArtifactVersionRow

ArtifactKind = Literal["html", "svg", "code", "document"]
KINDS: tuple[ArtifactKind, ...] = get_args(ArtifactKind)

LONGEST = 500_000
"""Most characters of a version."""
LONGEST_TITLE = 200


class Artifact(msgspec.Struct, frozen=True):
    """One version of an artifact, and how many there are."""

    id: str
    conversation_id: str
    title: str
    kind: str
    language: str
    """Of code; empty otherwise."""
    number: int
    versions: int
    content: str
    created_at: datetime
    """Of this version."""


class Artifacts:
    """Keeps artifacts; each belongs to whoever owns its conversation."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self,
        caller: Caller,
        conversation_id: str,
        *,
        title: str,
        kind: ArtifactKind,
        content: str,
        language: str = "",
    ) -> Artifact:
        """Make an artifact in a conversation.

        Raises:
            NotFound: The caller has no such conversation.
            InvalidRequest: It is too long.
        """
        _check(content)
        now = sources.now()
        async with self._db.session() as session:
            await conversation_row(session, caller, conversation_id)
            row = ArtifactRow(
                id=new_id("art"),
                organisation_id=caller.organisation_id,
                conversation_id=conversation_id,
                title=" ".join(title.replace("\x00", "").split())[:LONGEST_TITLE],
                kind=kind,
                language=language.replace("\x00", "")[:40],
                created_at=now,
            )
            session.add(row)
            await session.flush()
            version = _version(row, 1, content)
            session.add(version)
        return _artifact(row, version, 1)

    async def change(
        self, caller: Caller, artifact_id: str, content: str, *, conversation_id: str = ""
    ) -> Artifact:
        """Add a version to an artifact, of one conversation if that is named.

        Raises:
            NotFound: The caller has no such artifact.
            InvalidRequest: It is too long.
        """
        _check(content)
        async with self._db.session() as session:
            row = await _row(session, caller, artifact_id)
            if conversation_id and row.conversation_id != conversation_id:
                raise NotFound("This conversation has no such artifact.")
            number = await _count(session, row) + 1
            version = _version(row, number, content)
            session.add(version)
        return _artifact(row, version, number)

    async def read(self, caller: Caller, artifact_id: str, number: int | None = None) -> Artifact:
        """Return a version of an artifact, the latest if none is named.

        Raises:
            NotFound: The caller has no such artifact, or it has no such version.
        """
        async with self._db.reading() as session:
            row = await _row(session, caller, artifact_id)
            count = await _count(session, row)
            version = await session.scalar(
                select(ArtifactVersionRow).where(
                    ArtifactVersionRow.artifact_id == row.id,
                    ArtifactVersionRow.organisation_id == row.organisation_id,
                    ArtifactVersionRow.number == (number or count),
                )
            )
        if version is None:
            raise NotFound("This artifact has no such version.")
        return _artifact(row, version, count)


async def _row(session: AsyncSession, caller: Caller, artifact_id: str) -> ArtifactRow:
    row = None
    if is_id(artifact_id, "art"):
        row = await session.scalar(
            select(ArtifactRow)
            .join(ConversationRow, ConversationRow.id == ArtifactRow.conversation_id)
            .where(
                ArtifactRow.id == artifact_id,
                ArtifactRow.organisation_id == caller.organisation_id,
                owned_by(caller),
                ConversationRow.deleted_at.is_(None),
            )
        )
    if row is None:
        raise NotFound("There is no such artifact.")
    return row


async def _count(session: AsyncSession, row: ArtifactRow) -> int:
    found = await session.scalar(
        select(func.max(ArtifactVersionRow.number)).where(
            ArtifactVersionRow.artifact_id == row.id,
            ArtifactVersionRow.organisation_id == row.organisation_id,
        )
    )
    return found or 0


def _check(content: str) -> None:
    if len(content) > LONGEST:
        raise InvalidRequest(f"An artifact has at most {LONGEST:,} characters.", param="content")


def _version(row: ArtifactRow, number: int, content: str) -> ArtifactVersionRow:
    return ArtifactVersionRow(
        artifact_id=row.id,
        number=number,
        organisation_id=row.organisation_id,
        content=content.encode("utf-8", "replace").decode().replace("\x00", ""),
        created_at=sources.now(),
    )


def _artifact(row: ArtifactRow, version: ArtifactVersionRow, count: int) -> Artifact:
    return Artifact(
        id=row.id,
        conversation_id=row.conversation_id,
        title=row.title,
        kind=row.kind,
        language=row.language,
        number=version.number,
        versions=count,
        content=version.content,
        created_at=version.created_at,
    )
