"""The tables of what people make the chat their own with: feedback, memory, prompts, assistants.

Each row is one person's; ``shared`` lets the workspace use it as well.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class Personal:
    """Whose a row is."""

    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))


class FeedbackRow(Personal, Table):
    """What a person thinks of an answer."""

    __tablename__ = "feedback"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    message_id: Mapped[str] = mapped_column(ID, ForeignKey("messages.id", ondelete="CASCADE"))
    rating: Mapped[str]
    """``up`` or ``down``."""
    reasons: Mapped[str]
    """JSON list of categories."""
    comment: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("message_id", "user_id"),
        Index(None, "organisation_id", "updated_at"),
    )


class PersonalInstructionsRow(Personal, Table):
    """What a person lets every model know."""

    __tablename__ = "personal_instructions"

    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    about: Mapped[str]
    style: Mapped[str]
    enabled: Mapped[bool]
    memory_enabled: Mapped[bool]
    updated_at: Mapped[datetime]


class MemoryRow(Personal, Table):
    """A fact that a person wants remembered."""

    __tablename__ = "memories"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    text: Mapped[str]
    source: Mapped[str]
    """Who wrote it: ``person`` or ``model``."""
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "user_id"),)


class PromptRow(Personal, Table):
    """An instruction that is kept, with places to fill in."""

    __tablename__ = "prompts"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    text: Mapped[str]
    shared: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "workspace_id"),)


class AssistantRow(Personal, Table):
    """Instructions, a model and settings under a name."""

    __tablename__ = "assistants"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    instructions: Mapped[str]
    model: Mapped[str]
    """Empty for the service's default."""
    settings: Mapped[str]
    """JSON: temperature, top_p, max_tokens; see ``chat.assistants.Settings``."""
    tools: Mapped[str]
    """JSON list of names."""
    knowledge: Mapped[str]
    """JSON list of names."""
    starters: Mapped[str]
    """JSON list of questions to begin with."""
    letter: Mapped[str]
    colour: Mapped[str]
    shared: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "workspace_id"),)


class ScheduleRow(Personal, Table):
    """An instruction that is sent at times."""

    __tablename__ = "schedules"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    text: Mapped[str]
    model: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    conversation_id: Mapped[str | None] = mapped_column(ID)
    """Where it is sent; made at the first run, and anew where it was deleted."""
    paused: Mapped[bool]
    unread: Mapped[bool]
    """Whether it ran since its owner looked last."""
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    """``None`` while it is paused."""
    pending_at: Mapped[datetime | None]
    """The time of the run that goes on."""
    last_at: Mapped[datetime | None]
    last_state: Mapped[str | None]
    """How the last run's answer ended."""
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "user_id"),)


class SkillRow(Personal, Table):
    """A skill that somebody uploaded; an operator's lie in the data folder."""

    __tablename__ = "skills"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    body: Mapped[str]
    """What follows the front matter of its SKILL.md."""
    files: Mapped[str]
    """JSON: its other texts by their paths; never run, only read."""
    shared: Mapped[bool]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "workspace_id"),)


class SkillChoiceRow(Table):
    """A skill that a person switched off, or on again."""

    __tablename__ = "skill_choices"

    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    skill: Mapped[str] = mapped_column(primary_key=True)
    """The id of one that was uploaded, or ``folder:NAME`` of an operator's."""
    enabled: Mapped[bool]
