"""Skills: texts that tell a model how something is done, read when they fit.

An operator's lie in ``skills/NAME/SKILL.md`` of the data folder and are everybody's; those that
somebody uploads are theirs, or their workspace's where an administrator shares them.
"""

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from sqlalchemy import func, select

from consigne.business.caller import Caller
from consigne.chat.belongings import mine, own_row, person, usable
from consigne.chat.skill_bundles import Bundle, from_folder, from_zip
from consigne.chat.titles import folded
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotFound, NotPermitted
from consigne.domain.ids import new_id
from consigne.store.assist_tables import SkillChoiceRow, SkillRow
from consigne.store.db import Database

log = logging.getLogger(__name__)

MOST_SKILLS = 50
FRESH_S = 5.0
"""For so long the operator's folder is not looked at again."""
_LISTED = 200
"""Characters of a description in the list that models read."""


class Skill(msgspec.Struct, frozen=True):
    """A skill."""

    id: str
    name: str
    description: str
    body: str
    files: dict[str, str]
    source: Literal["operator", "upload"]
    enabled: bool
    shared: bool
    mine: bool


class Skills:
    """Knows the skills of each person."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self._folder = folder
        self._read_at = -FRESH_S
        self._operators: tuple[Bundle, ...] = ()

    async def list(self, caller: Caller) -> tuple[Skill, ...]:
        """Return the caller's skills by name, also those that are switched off."""
        await self._refresh()
        async with self._db.reading() as session:
            rows = await session.scalars(select(SkillRow).where(usable(SkillRow, caller)))
            uploaded = [_uploaded(row, caller) for row in rows]
            choices = await session.execute(
                select(SkillChoiceRow.skill, SkillChoiceRow.enabled).where(
                    mine(SkillChoiceRow, caller)
                )
            )
            chosen: dict[str, bool] = {row[0]: row[1] for row in choices}
        found = [_operators(bundle) for bundle in self._operators] + uploaded
        switched = [
            msgspec.structs.replace(skill, enabled=chosen.get(skill.id, True)) for skill in found
        ]
        return tuple(sorted(switched, key=lambda skill: (skill.name, skill.id)))

    async def enabled(self, caller: Caller) -> tuple[Skill, ...]:
        """Return the skills that are switched on."""
        return tuple(skill for skill in await self.list(caller) if skill.enabled)

    async def read(self, caller: Caller, name: str, file: str = "") -> str:
        """Return a skill's text with the names of its files, or one of its files.

        Raises:
            NotFound: The caller has no such skill switched on, or it has no such file.
        """
        skill = next((s for s in await self.enabled(caller) if s.name == name), None)
        if skill is None:
            raise NotFound(f"There is no skill '{name[:80]}'.")
        if file:
            if file not in skill.files:
                raise NotFound(f"The skill {name} has no file '{file[:80]}'.")
            return skill.files[file]
        names = "".join(f"\n- {path}" for path in sorted(skill.files))
        return f"{skill.body}\n\nIts files:{names}" if names else skill.body

    async def upload(self, caller: Caller, data: bytes) -> Skill:
        """Take a skill as a zip; one of the same name of the caller's is replaced.

        Raises:
            InvalidRequest: It is no skill; see ``skill_bundles``.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        user_id = person(caller, "Skills")
        bundle = await asyncio.to_thread(from_zip, data)
        async with self._db.session() as session:
            own = mine(SkillRow, caller) & SkillRow.deleted_at.is_(None)
            row = await session.scalar(select(SkillRow).where(own, SkillRow.name == bundle.name))
            if row is None:
                have = select(func.count()).where(own)
                if (await session.scalar(have) or 0) >= MOST_SKILLS:
                    raise Conflict(f"There can be {MOST_SKILLS} skills. Delete one first.")
                row = SkillRow(
                    id=new_id("skill"),
                    organisation_id=caller.organisation_id,
                    workspace_id=caller.workspace_id,
                    user_id=user_id,
                    name=bundle.name,
                    shared=False,
                    created_at=sources.now(),
                )
                session.add(row)
            row.description, row.body = bundle.description, bundle.body
            row.files = msgspec.json.encode(bundle.files).decode()
        return _uploaded(row, caller)

    async def switch(self, caller: Caller, skill_id: str, *, enabled: bool) -> Skill:
        """Switch a skill off or on for the caller.

        Raises:
            NotFound: The caller has no such skill.
        """
        user_id = person(caller, "Skills")
        skill = await self._one(caller, skill_id)
        async with self._db.session() as session:
            row = await session.scalar(
                select(SkillChoiceRow).where(
                    mine(SkillChoiceRow, caller), SkillChoiceRow.skill == skill_id
                )
            )
            if row is None:
                row = SkillChoiceRow(
                    organisation_id=caller.organisation_id, user_id=user_id, skill=skill_id
                )
                session.add(row)
            row.enabled = enabled
        return msgspec.structs.replace(skill, enabled=enabled)

    async def share(self, caller: Caller, skill_id: str, *, shared: bool) -> Skill:
        """Let the workspace use a skill that the caller uploaded, or no longer.

        Raises:
            NotFound: The caller uploaded no such skill.
            NotPermitted: The caller does not administer.
        """
        async with self._db.session() as session:
            row = await own_row(session, SkillRow, caller, skill_id, "skill", "skill")
            if shared and not caller.may_administer:
                raise NotPermitted("Only an owner or administrator may share a skill.")
            row.shared = shared
        return await self._one(caller, skill_id)

    async def delete(self, caller: Caller, skill_id: str) -> None:
        """Delete a skill that the caller uploaded; it can be restored for a day.

        Raises:
            NotFound: The caller uploaded no such skill.
        """
        async with self._db.session() as session:
            row = await own_row(session, SkillRow, caller, skill_id, "skill", "skill")
            row.deleted_at = sources.now()

    async def restore(self, caller: Caller, skill_id: str) -> Skill:
        """Undo a deletion.

        Raises:
            NotFound: The caller never uploaded such a skill, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await own_row(session, SkillRow, caller, skill_id, "skill", "skill", deleted=True)
            row.deleted_at = None
        return await self._one(caller, skill_id)

    async def _one(self, caller: Caller, skill_id: str) -> Skill:
        found = next((s for s in await self.list(caller) if s.id == skill_id), None)
        if found is None:
            raise NotFound("There is no such skill.")
        return found

    async def _refresh(self) -> None:
        if time.monotonic() - self._read_at < FRESH_S:
            return
        self._read_at = time.monotonic()
        self._operators = await asyncio.to_thread(read_folder, self._folder)


def read_folder(folder: Path) -> tuple[Bundle, ...]:
    """Return the skills of an operator's folder; what is none is told in the log."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not (path / "SKILL.md").is_file():
            continue
        try:
            found.append(from_folder(path))
        except (InvalidRequest, OSError) as error:
            log.warning("The skill %s is left out: %s", path, error)
    return tuple(found)


def listed(skills: Sequence[Skill]) -> str:
    """Return the list of skills as models read it."""
    lines = (f"- {skill.name}: {skill.description[:_LISTED]}" for skill in skills)
    return "Skills that are there for tasks they fit:\n" + "\n".join(lines)


def fitting(skills: Sequence[Skill], question: str) -> Skill | None:
    """Return the skill that fits a question best, if one clearly does.

    It is named in the question; or two rare words of its name and description stand there, and
    more than any other skill's do.
    """
    asked = _words(question)
    for skill in skills:
        if folded(skill.name) in folded(question):
            return skill
    told = [(skill, _words(f"{skill.name} {skill.description}")) for skill in skills]
    common = {word for _, words in told for word in words if sum(word in w for _, w in told) > 1}
    scores = sorted(
        ((len((words - common) & asked), skill) for skill, words in told),
        key=lambda found: -found[0],
    )
    if not scores or scores[0][0] < 2:
        return None
    return scores[0][1] if len(scores) == 1 or scores[0][0] > scores[1][0] else None


_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        about also avec come comme cette dans does done elle entre from have help into leur like
        make mais more need nous parce please plus pour quand quel quelle sans should skill some
        than that their them then there these they this those use used user using vous votre want
        were what when where which will with write would your
        """,
    )
)


def _words(text: str) -> set[str]:
    words = re.findall(r"[^\W\d_]{4,}", folded(text))
    # A plural's last letter makes no other word.
    return {word.removesuffix("s") for word in words} - _COMMON


def _operators(bundle: Bundle) -> Skill:
    return Skill(
        id=f"folder:{bundle.name}",
        name=bundle.name,
        description=bundle.description,
        body=bundle.body,
        files=bundle.files,
        source="operator",
        enabled=True,
        shared=True,
        mine=False,
    )


def _uploaded(row: SkillRow, caller: Caller) -> Skill:
    return Skill(
        id=row.id,
        name=row.name,
        description=row.description,
        body=row.body,
        files=msgspec.json.decode(row.files, type=dict[str, str]),
        source="upload",
        enabled=True,
        shared=row.shared,
        mine=row.user_id == caller.user_id,
    )
