"""The first answers to requests that carry an ``Idempotency-Key``, kept for their repetition."""

import logging
from datetime import timedelta

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.errors import OperatorError, Overloaded
from consigne.domain.ids import new_id
from consigne.settings import IdempotencySettings
from consigne.store.db import Database
from consigne.store.edge_tables import KeptAnswerRow

log = logging.getLogger(__name__)

CHECK_EVERY = 64
"""Answers kept between two looks at how many there are of one owner."""


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer, and which request it answers."""

    fingerprint: bytes
    status: int
    content_type: str
    body: bytes


class KeptAnswers:
    """Keeps answers in the database; each is its own caller's alone."""

    def __init__(self, db: Database, settings: IdempotencySettings) -> None:
        self._db = db
        self._settings = settings
        self._kept = 0

    @property
    def max_bytes(self) -> int:
        """The largest answer that is kept; 0 where none is."""
        return self._settings.max_answer_bytes if self._settings.keep_hours > 0 else 0

    async def find(self, caller: Caller, name: str) -> KeptAnswer | None:
        """Return the answer kept under a name, unless its time is over."""
        async with self._db.reading() as session:
            row = await _find(session, caller, name)
        if row is None or row.expires_at <= sources.now():
            return None
        return KeptAnswer(row.fingerprint, row.status, row.content_type, row.body)

    async def keep(self, caller: Caller, name: str, answer: KeptAnswer) -> None:
        """Keep an answer; what is over its time goes at the same occasion.

        A database that can't be written loses the answer for repetitions, not for its reader.
        """
        if not 0 < self.max_bytes >= len(answer.body):
            return
        try:
            async with self._db.session() as session:
                await self._write(session, caller, name, answer)
        except IntegrityError:
            log.info("another process has kept an answer of this name first")
        except (OperatorError, Overloaded) as error:
            log.warning("an answer could not be kept for its repetition: %s", error.message)

    async def _write(
        self, session: AsyncSession, caller: Caller, name: str, answer: KeptAnswer
    ) -> None:
        now = sources.now()
        await session.execute(delete(KeptAnswerRow).where(KeptAnswerRow.expires_at <= now))
        if await _find(session, caller, name) is not None:
            return
        session.add(
            KeptAnswerRow(
                id=new_id("ans"),
                organisation_id=caller.organisation_id,
                owner_id=_owner(caller),
                name=name,
                fingerprint=answer.fingerprint,
                status=answer.status,
                content_type=answer.content_type,
                body=answer.body,
                created_at=now,
                expires_at=now + timedelta(hours=self._settings.keep_hours),
            )
        )
        await session.flush()
        self._kept += 1
        if self._kept % CHECK_EVERY == 0:
            await self._make_room(session, caller)

    async def _make_room(self, session: AsyncSession, caller: Caller) -> None:
        surplus = (
            select(KeptAnswerRow.id)
            .where(
                KeptAnswerRow.organisation_id == caller.organisation_id,
                KeptAnswerRow.owner_id == _owner(caller),
            )
            .order_by(KeptAnswerRow.created_at.desc(), KeptAnswerRow.id.desc())
            .offset(self._settings.max_answers_per_key)
        )
        ids = list(await session.scalars(surplus))
        for first in range(0, len(ids), 500):
            some = ids[first : first + 500]
            await session.execute(delete(KeptAnswerRow).where(KeptAnswerRow.id.in_(some)))


async def _find(session: AsyncSession, caller: Caller, name: str) -> KeptAnswerRow | None:
    return await session.scalar(
        select(KeptAnswerRow).where(
            KeptAnswerRow.organisation_id == caller.organisation_id,
            KeptAnswerRow.owner_id == _owner(caller),
            KeptAnswerRow.name == name,
        )
    )


def _owner(caller: Caller) -> str:
    return caller.key_id or caller.user_id or ""
