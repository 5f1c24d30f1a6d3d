"""What a person lets every model know: instructions of their own, and facts to remember."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.belongings import many_lines, mine, one_line, own_row, person
from consigne.domain import sources
from consigne.domain.errors import Conflict
from consigne.domain.ids import new_id
from consigne.store.assist_tables import MemoryRow, PersonalInstructionsRow
from consigne.store.db import Database

LONGEST_INSTRUCTIONS = 1500
"""Most characters of each of the two instructions."""
LONGEST_FACT = 300
MOST_FACTS = 100

Source = Literal["person", "model"]


class Instructions(msgspec.Struct, frozen=True):
    """A person's own instructions."""

    about: str = ""
    """What a model should know of them."""
    style: str = ""
    """How they like answers."""
    enabled: bool = True
    memory_enabled: bool = True


class Fact(msgspec.Struct, frozen=True):
    """A fact that is remembered."""

    id: str
    text: str
    source: Source
    created_at: datetime


class Known(msgspec.Struct, frozen=True):
    """All that a person lets models know; facts newest first."""

    instructions: Instructions
    facts: tuple[Fact, ...]


class Personal:
    """Keeps instructions and facts, each of them its person's alone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def known(self, caller: Caller) -> Known:
        """Return all that the caller lets models know, whether it is switched on or not."""
        async with self._db.reading() as session:
            row = await session.scalar(
                select(PersonalInstructionsRow).where(mine(PersonalInstructionsRow, caller))
            )
            facts = await session.scalars(
                select(MemoryRow)
                .where(mine(MemoryRow, caller), MemoryRow.deleted_at.is_(None))
                .order_by(MemoryRow.id.desc())
            )
            return Known(_instructions(row), tuple(_fact(fact) for fact in facts))

    async def instruct(self, caller: Caller, wanted: Instructions) -> Instructions:
        """Keep the caller's instructions in place of those before.

        Raises:
            InvalidRequest: One is too long.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Instructions")
        about = many_lines(wanted.about, "about", LONGEST_INSTRUCTIONS, required=False)
        style = many_lines(wanted.style, "style", LONGEST_INSTRUCTIONS, required=False)
        async with self._db.session() as session:
            row = await session.scalar(
                select(PersonalInstructionsRow).where(mine(PersonalInstructionsRow, caller))
            )
            if row is None:
                row = PersonalInstructionsRow(
                    organisation_id=caller.organisation_id,
                    workspace_id=caller.workspace_id,
                    user_id=user_id,
                )
                session.add(row)
            row.about, row.style, row.enabled = about, style, wanted.enabled
            row.memory_enabled, row.updated_at = wanted.memory_enabled, sources.now()
            return _instructions(row)

    async def remember(self, caller: Caller, text: str, source: Source = "person") -> Fact:
        """Remember a fact; one that is known already is not kept twice.

        Raises:
            InvalidRequest: It is empty or too long.
            Conflict: There are too many already, or the caller's memory is switched off and it
                is a model that asks.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Memories")
        text = one_line(text, "text", LONGEST_FACT)
        async with self._db.session() as session:
            if source == "model" and not await _may_remember(session, caller):
                raise Conflict("This person's memory is switched off.")
            known = select(MemoryRow).where(mine(MemoryRow, caller), MemoryRow.deleted_at.is_(None))
            if row := await session.scalar(known.where(MemoryRow.text == text).limit(1)):
                return _fact(row)
            await _check_room(session, caller)
            row = MemoryRow(
                id=new_id("mem"),
                organisation_id=caller.organisation_id,
                workspace_id=caller.workspace_id,
                user_id=user_id,
                text=text,
                source=source,
                created_at=sources.now(),
            )
            session.add(row)
        return _fact(row)

    async def reword(self, caller: Caller, fact_id: str, text: str) -> Fact:
        """Change a fact.

        Raises:
            NotFound: The caller has no such fact.
            InvalidRequest: It is empty or too long.
        """
        text = one_line(text, "text", LONGEST_FACT)
        async with self._db.session() as session:
            row = await own_row(session, MemoryRow, caller, fact_id, "mem", "fact")
            row.text, row.source = text, "person"
        return _fact(row)

    async def forget(self, caller: Caller, fact_id: str) -> None:
        """Delete a fact; it can be restored for a day.

        Raises:
            NotFound: The caller has no such fact.
        """
        async with self._db.session() as session:
            row = await own_row(session, MemoryRow, caller, fact_id, "mem", "fact")
            row.deleted_at = sources.now()

    async def restore(self, caller: Caller, fact_id: str) -> Fact:
        """Undo a deletion.

        Raises:
            NotFound: The caller never had such a fact, or it is gone for good.
            Conflict: There are too many by now.
        """
        async with self._db.session() as session:
            row = await own_row(session, MemoryRow, caller, fact_id, "mem", "fact", deleted=True)
            if row.deleted_at is not None:
                await _check_room(session, caller)
            row.deleted_at = None
        return _fact(row)


def system_parts(known: Known) -> list[str]:
    """Return a person's own instructions as models read them, unless they are switched off."""
    said, parts = known.instructions, []
    if said.enabled and said.about:
        parts.append(f"What the person you talk with says of themselves:\n{said.about}")
    if said.enabled and said.style:
        parts.append(f"How they would like you to answer:\n{said.style}")
    return parts


def facts_of(known: Known) -> list[str]:
    """Return the facts as models read them, newest first."""
    return [f"They asked you to remember: {fact.text}" for fact in known.facts]


async def _may_remember(session: AsyncSession, caller: Caller) -> bool:
    enabled = await session.scalar(
        select(PersonalInstructionsRow.memory_enabled).where(mine(PersonalInstructionsRow, caller))
    )
    return enabled is not False


async def _check_room(session: AsyncSession, caller: Caller) -> None:
    have: Any = select(func.count()).where(mine(MemoryRow, caller), MemoryRow.deleted_at.is_(None))
    if (await session.scalar(have) or 0) >= MOST_FACTS:
        raise Conflict(f"{MOST_FACTS} facts can be remembered. Delete one first.")


def _instructions(row: PersonalInstructionsRow | None) -> Instructions:
    if row is None:
        return Instructions()
    return Instructions(row.about, row.style, row.enabled, row.memory_enabled)


def _fact(row: MemoryRow) -> Fact:
    source: Source = "model" if row.source == "model" else "person"
    return Fact(row.id, row.text, source, row.created_at)
