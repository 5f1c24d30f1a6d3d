"""Tools over what is a person's own: what is remembered of them, and their skills."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from consigne.business.caller import Caller
from consigne.chat.personal import LONGEST_FACT, Personal
from consigne.chat.skills import Skills
from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, args_of, said, schema_of

LOAD_SKILL = "load_skill"


class RememberArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be remembered."""

    fact: Annotated[str, Meta(min_length=1, max_length=LONGEST_FACT)]


class LoadSkillArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is read."""

    name: Annotated[str, Meta(max_length=100)]
    file: Annotated[str, Meta(max_length=300, description="One of the skill's files.")] = ""


class OwnTools:
    """Offers each person the tools over what is theirs, where there is something to do."""

    def __init__(self, personal: Personal, skills: Skills) -> None:
        self._personal = personal
        self._skills = skills
        self._remember = ChatTool(
            name="remember",
            title=Words("Remembering facts about you", "Mémoriser des faits sur vous"),
            description="Keep one short fact about the person for all later conversations. Call "
            "it only when they ask for it ('remember that …'). They see the fact and can delete "
            "it.",
            input_schema=schema_of(RememberArgs),
            run=self._keep,
        )
        self._load = ChatTool(
            name=LOAD_SKILL,
            title=Words("Reading skills", "Lecture des compétences"),
            description="Read one of the skills that the instructions list, before you do a task "
            "it fits, or a file of it.",
            input_schema=schema_of(LoadSkillArgs),
            run=self._read,
            read_only=True,
        )

    async def tools(self, person: Caller) -> Sequence[ChatTool]:
        """Return ``remember`` where memory is on, ``load_skill`` where there are skills."""
        found = []
        if (await self._personal.known(person)).instructions.memory_enabled:
            found.append(self._remember)
        if await self._skills.enabled(person):
            found.append(self._load)
        return found

    async def _keep(self, call: Call) -> Outcome:
        fact = await self._personal.remember(call.person, args_of(call, RememberArgs).fact, "model")
        return said(f"Remembered: {fact.text}")

    async def _read(self, call: Call) -> Outcome:
        args = args_of(call, LoadSkillArgs)
        return said(await self._skills.read(call.person, args.name, args.file))
