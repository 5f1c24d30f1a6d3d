"""Feedback, personal instructions, memory, prompts, assistants, schedules and skills."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("runs", sa.Column("settings", sa.Text))
    _create_feedback()
    _create_personal()
    _create_prompts_and_assistants()
    _create_schedules()
    _create_skills()


def _create_feedback() -> None:
    _create(
        "feedback",
        _reference("feedback", "message_id", "messages"),
        *_texts("rating", "reasons", "comment"),
        *_times("created_at", "updated_at"),
        sa.UniqueConstraint("message_id", "user_id", name="uq_feedback_message_id_user_id"),
    )
    _index("feedback", "organisation_id", "updated_at")


def _create_personal() -> None:
    op.create_table(
        "personal_instructions",
        _reference("personal_instructions", "organisation_id", "organisations", key=True),
        _reference("personal_instructions", "user_id", "users", key=True),
        _reference("personal_instructions", "workspace_id", "workspaces"),
        *_texts("about", "style"),
        *_flags("enabled", "memory_enabled"),
        *_times("updated_at"),
    )
    _create("memories", *_texts("text", "source"), *_times("created_at"), _deleted())
    _index("memories", "organisation_id", "user_id")
    _index("memories", "deleted_at")


def _create_prompts_and_assistants() -> None:
    _create(
        "prompts",
        *_texts("name", "text"),
        *_flags("shared"),
        *_times("created_at", "updated_at"),
        _deleted(),
    )
    _create(
        "assistants",
        *_texts("name", "description", "instructions", "model", "settings"),
        *_texts("tools", "knowledge", "starters", "letter", "colour"),
        *_flags("shared"),
        *_times("created_at", "updated_at"),
        _deleted(),
    )
    for table in ("prompts", "assistants"):
        _index(table, "organisation_id", "workspace_id")
        _index(table, "deleted_at")


def _create_schedules() -> None:
    _create(
        "schedules",
        *_texts("name", "text", "model", "cron", "time_zone"),
        sa.Column("conversation_id", sa.String(40)),
        *_flags("paused", "unread"),
        *_times("next_at", "pending_at", "last_at", nullable=True),
        sa.Column("last_state", sa.Text),
        sa.Column("last_error", sa.Text),
        *_times("created_at"),
        _deleted(),
    )
    _index("schedules", "organisation_id", "user_id")
    _index("schedules", "next_at")
    _index("schedules", "deleted_at")


def _create_skills() -> None:
    _create(
        "skills",
        *_texts("name", "description", "body", "files"),
        *_flags("shared"),
        *_times("created_at"),
        _deleted(),
    )
    _index("skills", "organisation_id", "workspace_id")
    _index("skills", "deleted_at")
    op.create_table(
        "skill_choices",
        _reference("skill_choices", "organisation_id", "organisations", key=True),
        _reference("skill_choices", "user_id", "users", key=True),
        sa.Column("skill", sa.Text, primary_key=True),
        *_flags("enabled"),
    )


def _create(table: str, *columns: sa.Column[object] | sa.UniqueConstraint) -> None:
    """Create a table of rows that belong to a person."""
    op.create_table(
        table,
        sa.Column("id", sa.String(40), primary_key=True),
        _reference(table, "organisation_id", "organisations"),
        _reference(table, "workspace_id", "workspaces"),
        _reference(table, "user_id", "users"),
        *columns,
    )


def _reference(table: str, name: str, to: str, *, key: bool = False) -> "sa.Column[object]":
    foreign = sa.ForeignKey(f"{to}.id", ondelete="CASCADE", name=f"fk_{table}_{name}")
    return sa.Column(name, sa.String(40), foreign, nullable=False, primary_key=key)


def _texts(*names: str) -> "list[sa.Column[object]]":
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _flags(*names: str) -> "list[sa.Column[object]]":
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _times(*names: str, nullable: bool = False) -> "list[sa.Column[object]]":
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=nullable) for name in names]


def _deleted() -> "sa.Column[object]":
    return sa.Column("deleted_at", sa.DateTime(timezone=True))


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
