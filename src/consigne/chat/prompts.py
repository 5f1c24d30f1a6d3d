"""Instructions that are kept, shared in the workspace, with places to fill in.

A place is written ``{{name}}``, ``{{name=what stands there by default}}`` or
``{{name:one|another}}`` where one of several is chosen. The same name means the same value.
"""

import re
from datetime import datetime

import msgspec
from sqlalchemy import func, select

from consigne.business.caller import Caller
from consigne.chat.belongings import many_lines, mine, one_line, own_row, person, usable
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest
from consigne.domain.ids import new_id
from consigne.store.assist_tables import PromptRow
from consigne.store.db import Database

LONGEST_NAME = 80
LONGEST_TEXT = 20_000
MOST_PROMPTS = 500
MOST_PLACES = 30

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_NAME = re.compile(r"[^\W\d_][\w -]{0,39}")


class Place(msgspec.Struct, frozen=True):
    """A place to fill in."""

    name: str
    default: str = ""
    choices: tuple[str, ...] = ()
    """Empty where anything can be written."""


class Prompt(msgspec.Struct, frozen=True):
    """An instruction that is kept."""

    id: str
    name: str
    text: str
    places: tuple[Place, ...]
    shared: bool
    mine: bool
    updated_at: datetime


class PromptChange(msgspec.Struct, frozen=True):
    """What is to change of a prompt; ``None`` leaves it as it is."""

    name: str | None = None
    text: str | None = None
    shared: bool | None = None


def places_of(text: str) -> tuple[Place, ...]:
    """Return the places of a text in their order, each name once, as it stands first.

    Raises:
        InvalidRequest: A place has no good name, or there are too many.
    """
    found: dict[str, Place] = {}
    for match in _PLACE.finditer(text):
        place = _place(match.group(1))
        found.setdefault(place.name, place)
    if len(found) > MOST_PLACES:
        raise InvalidRequest(f"A prompt has {MOST_PLACES} places to fill in at most.", param="text")
    return tuple(found.values())


def filled(text: str, values: dict[str, str]) -> str:
    """Return the text with its places filled; one without a value takes its default."""

    def value(match: re.Match[str]) -> str:
        place = _place(match.group(1))
        return values.get(place.name, place.default)

    return _PLACE.sub(value, text)


class Prompts:
    """Keeps prompts: each its maker's, those that are shared also the workspace's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, caller: Caller) -> tuple[Prompt, ...]:
        """Return the caller's prompts and those shared with them, by name."""
        async with self._db.reading() as session:
            rows = await session.scalars(select(PromptRow).where(usable(PromptRow, caller)))
            found = [_prompt(row, caller) for row in rows]
        return tuple(sorted(found, key=lambda prompt: (prompt.name.casefold(), prompt.id)))

    async def create(self, caller: Caller, name: str, text: str, *, shared: bool) -> Prompt:
        """Keep a prompt.

        Raises:
            InvalidRequest: Name or text is empty, too long, or a place has no good name.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Prompts")
        now = sources.now()
        row = PromptRow(
            id=new_id("prompt"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=user_id,
            name=one_line(name, "name", LONGEST_NAME),
            text=_text(text),
            shared=shared,
            created_at=now,
            updated_at=now,
        )
        async with self._db.session() as session:
            have = select(func.count()).where(
                mine(PromptRow, caller), PromptRow.deleted_at.is_(None)
            )
            if (await session.scalar(have) or 0) >= MOST_PROMPTS:
                raise Conflict(f"There can be {MOST_PROMPTS} prompts. Delete one first.")
            session.add(row)
        return _prompt(row, caller)

    async def change(self, caller: Caller, prompt_id: str, change: PromptChange) -> Prompt:
        """Change one of the caller's own prompts.

        Raises:
            NotFound: The caller has made no such prompt.
            InvalidRequest: See ``create``.
        """
        async with self._db.session() as session:
            row = await own_row(session, PromptRow, caller, prompt_id, "prompt", "prompt")
            if change.name is not None:
                row.name = one_line(change.name, "name", LONGEST_NAME)
            if change.text is not None:
                row.text = _text(change.text)
            if change.shared is not None:
                row.shared = change.shared
            row.updated_at = sources.now()
        return _prompt(row, caller)

    async def delete(self, caller: Caller, prompt_id: str) -> None:
        """Delete a prompt; it can be restored for a day.

        Raises:
            NotFound: The caller has made no such prompt.
        """
        async with self._db.session() as session:
            row = await own_row(session, PromptRow, caller, prompt_id, "prompt", "prompt")
            row.deleted_at = sources.now()

    async def restore(self, caller: Caller, prompt_id: str) -> Prompt:
        """Undo a deletion.

        Raises:
            NotFound: The caller never made such a prompt, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await own_row(
                session, PromptRow, caller, prompt_id, "prompt", "prompt", deleted=True
            )
            row.deleted_at = None
        return _prompt(row, caller)


def _text(text: str) -> str:
    kept = many_lines(text, "text", LONGEST_TEXT)
    places_of(kept)
    return kept


def _place(inside: str) -> Place:
    sign = re.search(r"[=:]", inside)
    name = inside[: sign.start()].strip() if sign else inside.strip()
    if not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"'{{{{{inside[:40]}}}}}' is no place to fill in: its name begins with a letter and "
            "has 40 letters, digits, spaces, - and _ at most.",
            param="text",
        )
    rest = inside[sign.end() :] if sign else ""
    if sign is None or sign.group() == "=":
        return Place(name, rest.strip())
    choices = tuple(dict.fromkeys(c for part in rest.split("|") if (c := part.strip())))
    return Place(name, choices[0] if choices else "", choices)


def _prompt(row: PromptRow, caller: Caller) -> Prompt:
    return Prompt(
        id=row.id,
        name=row.name,
        text=row.text,
        places=places_of(row.text),
        shared=row.shared,
        mine=row.user_id == caller.user_id,
        updated_at=row.updated_at,
    )
