"""What the OpenAI dialect keeps: responses, conversations, chat completions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    _create_responses()
    _create_conversations()
    _create_completions()
    for table, columns in (
        ("api_conversation_items", ["conversation_id", "item_id"]),
        ("api_conversation_items", ["organisation_id", "item_id"]),
        ("response_items", ["organisation_id", "item_id"]),
        ("responses", ["expires_at"]),
        ("responses", ["status"]),
        ("stored_completions", ["expires_at"]),
        ("stored_completions", ["organisation_id", "workspace_id", "id"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _create_responses() -> None:
    op.create_table(
        "responses",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("previous_id", sa.String(40)),
        sa.Column("conversation_id", sa.String(40)),
        _text("status"),
        sa.Column("background", sa.Boolean, nullable=False),
        _text("body"),
        _time("created_at"),
        _time("expires_at"),
        *_owner(),
    )
    op.create_table(
        "response_items",
        _part_of("response_id", "responses"),
        sa.Column("position", sa.Integer, primary_key=True),
        *(_text(name) for name in ("side", "item_id", "data")),
        *_owner(),
    )
    op.create_table(
        "response_events",
        _part_of("response_id", "responses"),
        sa.Column("first", sa.Integer, primary_key=True),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        _text("lines"),
    )


def _create_conversations() -> None:
    op.create_table(
        "api_conversations",
        sa.Column("id", sa.String(40), primary_key=True),
        _text("metadata_json"),
        _time("created_at"),
        *_owner(),
    )
    op.create_table(
        "api_conversation_items",
        _part_of("conversation_id", "api_conversations"),
        sa.Column("position", sa.Integer, primary_key=True),
        *(_text(name) for name in ("item_id", "data")),
        *_owner(),
    )


def _create_completions() -> None:
    op.create_table(
        "stored_completions",
        sa.Column("id", sa.String(40), primary_key=True),
        *(_text(name) for name in ("model", "body", "messages")),
        _time("created_at"),
        _time("expires_at"),
        *_owner(),
    )
    op.create_table(
        "stored_completion_metadata",
        _part_of("completion_id", "stored_completions"),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        _text("value"),
    )


def _owner() -> list[sa.Column[str]]:
    return [
        sa.Column(
            name,
            sa.String(40),
            sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
            nullable=False,
        )
        for name, table in (("organisation_id", "organisations"), ("workspace_id", "workspaces"))
    ]


def _part_of(name: str, table: str) -> sa.Column[str]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.String(40), target, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
