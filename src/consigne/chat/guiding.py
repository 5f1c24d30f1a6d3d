"""Puts an answer's guidance together: assistant, project, person, memory, skills.

See ``guidance``.
"""

from collections.abc import Container, Sequence

from consigne.chat.guidance import Guidance, Room
from consigne.chat.nearness import Embedder, Nearness
from consigne.chat.personal import Personal, facts_of, system_parts
from consigne.chat.skills import Skill, Skills, fitting, listed
from consigne.chat.tools.own_tools import LOAD_SKILL
from consigne.chat.turns import Turn
from consigne.chat.values import StoredMessage
from consigne.domain.messages import Sampling, TextBlock


class Guiding:
    """Guides the answers of the chat."""

    def __init__(
        self, personal: Personal, skills: Skills, embedder: Embedder | None = None
    ) -> None:
        self._personal = personal
        self._skills = skills
        self._nearness = Nearness(embedder) if embedder else None

    async def guidance(
        self, turn: Turn, branch: Sequence[StoredMessage], tools: Container[str] = ()
    ) -> Guidance:
        """Return what guides the answer of a turn; a temporary one knows no memory.

        A model that is offered the tool for it reads skills itself.
        """
        room, parts = Room(turn.model), list[str]()
        assistant = turn.assistant
        if assistant and assistant.instructions:
            room.take(assistant.instructions, always=True)
            parts.append(assistant.instructions)
        if turn.project and turn.project.instructions:
            room.take(turn.project.instructions, always=True)
            parts.append(turn.project.instructions)
        known = await self._personal.known(turn.person)
        parts += [part for part in system_parts(known) if room.take(part)]
        if known.instructions.memory_enabled and not turn.temporary:
            parts += [fact for fact in facts_of(known) if room.take(fact)]
        skills = await self._skills.enabled(turn.person)
        skill = None if LOAD_SKILL in tools else await self._fitting(skills, turn.question.text)
        if skill and room.take(skill.body):
            parts.append(f"The skill '{skill.name}' fits this. Follow it:\n{skill.body}")
        else:
            skill = None
        if skills and room.take(listed(skills)):
            parts.append(listed(skills))
        wanted = assistant.settings if assistant else None
        return Guidance(
            system=(TextBlock("\n\n".join(parts)),) if parts else (),
            sampling=Sampling(wanted.temperature, wanted.top_p) if wanted else Sampling(),
            max_tokens=wanted.max_tokens if wanted else None,
            assistant=assistant.id if assistant else None,
            project=turn.project.id if turn.project else None,
            skill=skill.name if skill else None,
        )

    async def _fitting(self, skills: Sequence[Skill], question: str) -> Skill | None:
        skill = fitting(skills, question)
        if skills and skill is None and self._nearness:
            return await self._nearness.nearest(skills, question)
        return skill
