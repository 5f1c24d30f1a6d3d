"""Assistants: instructions, a model and settings under a name, used in the chat or as a model."""

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, get_args

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.sharing import Shared
from consigne.chat.belongings import many_lines, mine, one_line, own_row, person, usable
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, ModelNotFound, NotFound
from consigne.domain.ids import is_id, new_id
from consigne.store.assist_tables import AssistantRow
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow

PREFIX = "asst"
LONGEST_NAME = 60
LONGEST_DESCRIPTION = 300
LONGEST_INSTRUCTIONS = 8000
MOST_STARTERS = 4
LONGEST_STARTER = 200
MOST_NAMES = 50
MOST_ASSISTANTS = 200
FRESH_S = 1.0
"""For so long the assistants of a workspace are served to the API from memory."""

Colour = Literal["teal", "blue", "violet", "rose", "amber", "green", "grey"]
COLOURS: tuple[Colour, ...] = get_args(Colour)


class Settings(msgspec.Struct, frozen=True):
    """How an assistant's answers are made, unless whoever asks says otherwise."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class Assistant(msgspec.Struct, frozen=True):
    """Instructions, a model and settings under a name."""

    id: str
    name: str
    description: str
    instructions: str
    model: str
    """Empty for the service's default."""
    settings: Settings
    tools: tuple[str, ...]
    """Names of the tools that it may use; empty for all that are on."""
    knowledge: tuple[str, ...]
    """Ids of documents of its maker's that its answers stand on, whoever asks."""
    starters: tuple[str, ...]
    letter: str
    colour: str
    shared: bool
    mine: bool
    updated_at: datetime
    created_at: datetime


class NewAssistant(msgspec.Struct, frozen=True):
    """What an assistant is to be."""

    name: str
    description: str = ""
    instructions: str = ""
    model: str = ""
    settings: Settings = Settings()
    tools: Sequence[str] = ()
    knowledge: Sequence[str] = ()
    starters: Sequence[str] = ()
    letter: str = ""
    colour: str = "teal"
    shared: bool = False


class Assistants:
    """Keeps assistants: each its maker's, those that are shared also the workspace's."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._served: dict[tuple[str, str], tuple[float, tuple[Assistant, ...]]] = {}
        self._reading: Shared[tuple[str, str], tuple[Assistant, ...]] = Shared()
        self._changes = 0

    async def list(self, caller: Caller) -> tuple[Assistant, ...]:
        """Return the caller's assistants and those shared with them, by name."""
        async with self._db.reading() as session:
            rows = await session.scalars(select(AssistantRow).where(usable(AssistantRow, caller)))
            found = [_assistant(row, caller) for row in rows]
        return tuple(sorted(found, key=lambda found: (found.name.casefold(), found.id)))

    async def named(self, caller: Caller, name: str) -> Assistant:
        """Return an assistant that the caller may use.

        Raises:
            ModelNotFound: There is none of this name for the caller.
        """
        async with self._db.reading() as session:
            return await usable_assistant(session, caller, name)

    async def served(self, caller: Caller) -> tuple[Assistant, ...]:
        """Return those that an application may call: what is shared in its workspace.

        It is read anew after a second, and at once after a change here.
        """
        where = caller.organisation_id, caller.workspace_id
        now = time.monotonic()
        kept = self._served.get(where)
        if kept is not None and now - kept[0] <= FRESH_S:
            return kept[1]
        nobody = msgspec.structs.replace(caller, user_id=None)
        return await self._reading.ask(where, partial(self._read_served, nobody))

    async def _read_served(self, nobody: Caller) -> tuple[Assistant, ...]:
        began, changes = time.monotonic(), self._changes
        found = await self.list(nobody)
        if changes == self._changes:
            self._served[nobody.organisation_id, nobody.workspace_id] = began, found
        return found

    def _changed(self) -> None:
        self._changes += 1
        self._served.clear()
        self._reading.forget()

    async def create(self, caller: Caller, new: NewAssistant) -> Assistant:
        """Make an assistant; the model it names exists.

        Raises:
            InvalidRequest: Something of it is empty, too long or out of range.
            NotFound: The caller has no such document.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        now = sources.now()
        row = AssistantRow(
            id=new_id(PREFIX),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=person(caller, "Assistants"),
            created_at=now,
        )
        _write(row, new)
        async with self._db.session() as session:
            await _check_knowledge(session, caller, new.knowledge)
            have = select(func.count()).where(
                mine(AssistantRow, caller), AssistantRow.deleted_at.is_(None)
            )
            if (await session.scalar(have) or 0) >= MOST_ASSISTANTS:
                raise Conflict(f"There can be {MOST_ASSISTANTS} assistants. Delete one first.")
            session.add(row)
        self._changed()
        return _assistant(row, caller)

    async def change(self, caller: Caller, assistant_id: str, new: NewAssistant) -> Assistant:
        """Make one of the caller's own assistants another.

        Raises:
            NotFound: The caller has made no such assistant, or has no such document.
            InvalidRequest: See ``create``.
        """
        async with self._db.session() as session:
            row = await own_row(session, AssistantRow, caller, assistant_id, PREFIX, "assistant")
            await _check_knowledge(session, caller, new.knowledge)
            _write(row, new)
        self._changed()
        return _assistant(row, caller)

    async def delete(self, caller: Caller, assistant_id: str) -> None:
        """Delete an assistant; it can be restored for a day.

        Raises:
            NotFound: The caller has made no such assistant.
        """
        async with self._db.session() as session:
            row = await own_row(session, AssistantRow, caller, assistant_id, PREFIX, "assistant")
            row.deleted_at = sources.now()
        self._changed()

    async def restore(self, caller: Caller, assistant_id: str) -> Assistant:
        """Undo a deletion.

        Raises:
            NotFound: The caller never made such an assistant, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await own_row(
                session, AssistantRow, caller, assistant_id, PREFIX, "assistant", deleted=True
            )
            row.deleted_at = None
        self._changed()
        return _assistant(row, caller)


def is_assistant(name: str) -> bool:
    """Say whether a model's name is that of an assistant."""
    return is_id(name, PREFIX)


async def usable_assistant(session: AsyncSession, caller: Caller, name: str) -> Assistant:
    """Return an assistant that the caller may use.

    Raises:
        ModelNotFound: There is none of this name for the caller.
    """
    row = await session.scalar(
        select(AssistantRow).where(AssistantRow.id == name, usable(AssistantRow, caller))
    )
    if row is None:
        raise ModelNotFound(
            "This assistant is not here any more, or is not shared with you. Choose another.",
            param="model",
        )
    return _assistant(row, caller)


def _write(row: AssistantRow, new: NewAssistant) -> None:
    _check(new)
    row.name = one_line(new.name, "name", LONGEST_NAME)
    row.description = one_line(new.description, "description", LONGEST_DESCRIPTION, required=False)
    row.instructions = many_lines(
        new.instructions, "instructions", LONGEST_INSTRUCTIONS, required=False
    )
    row.model = new.model
    row.settings = _json(new.settings)
    row.tools, row.knowledge = _json(_names(new.tools)), _json(_names(new.knowledge))
    row.starters = _json(
        [one_line(said, "starters", LONGEST_STARTER) for said in new.starters if said.strip()]
    )
    row.letter = (new.letter.strip() or row.name)[:1].upper()
    row.colour, row.shared, row.updated_at = new.colour, new.shared, sources.now()


def _check(new: NewAssistant) -> None:
    if new.colour not in COLOURS:
        raise InvalidRequest(f"colour is one of {', '.join(COLOURS)}.", param="colour")
    if len(new.starters) > MOST_STARTERS:
        raise InvalidRequest(f"There are {MOST_STARTERS} starters at most.", param="starters")
    ranges = (("temperature", 0, 2), ("top_p", 0, 1), ("max_tokens", 1, 1_000_000))
    for name, least, most in ranges:
        value = getattr(new.settings, name)
        if value is not None and not least <= value <= most:
            raise InvalidRequest(f"{name} is from {least} to {most}.", param=f"settings.{name}")


async def _check_knowledge(session: AsyncSession, caller: Caller, ids: Sequence[str]) -> None:
    """Check that documents are texts of the caller's own: what is shared is theirs to share."""
    own = mine(DocumentRow, caller) & (DocumentRow.state == "ready") & (DocumentRow.kind == "text")
    found = set(await session.scalars(select(DocumentRow.id).where(DocumentRow.id.in_(ids), own)))
    if missing := [known for known in ids if known not in found]:
        raise NotFound(
            f"You have no text document {missing[0][:64]}. Take it out, or upload it again.",
            param="knowledge",
        )


def _names(names: Sequence[str]) -> list[str]:
    if len(names) > MOST_NAMES:
        raise InvalidRequest(f"There are {MOST_NAMES} names at most.", param="tools")
    return list(dict.fromkeys(one_line(name, "tools", 100) for name in names))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _assistant(row: AssistantRow, caller: Caller) -> Assistant:
    decode = msgspec.json.decode
    return Assistant(
        id=row.id,
        name=row.name,
        description=row.description,
        instructions=row.instructions,
        model=row.model,
        settings=decode(row.settings, type=Settings),
        tools=decode(row.tools, type=tuple[str, ...]),
        knowledge=decode(row.knowledge, type=tuple[str, ...]),
        starters=decode(row.starters, type=tuple[str, ...]),
        letter=row.letter,
        colour=row.colour,
        shared=row.shared,
        mine=row.user_id == caller.user_id,
        updated_at=row.updated_at,
        created_at=row.created_at,
    )
