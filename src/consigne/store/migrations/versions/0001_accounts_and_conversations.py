"""Accounts, keys, conversations and their runs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    _create_accounts()
    _create_access()
    _create_chat()
    for table, columns in (
        ("api_keys", ["organisation_id"]),
        ("conversations", ["organisation_id", "user_id", "updated_at"]),
        ("login_links", ["expires_at"]),
        ("memberships", ["user_id"]),
        ("messages", ["conversation_id", "id"]),
        ("messages", ["parent_id"]),
        ("runs", ["conversation_id"]),
        ("runs", ["state", "conversation_id"]),
        ("sessions", ["expires_at"]),
        ("sessions", ["user_id"]),
        ("workspaces", ["organisation_id"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _create_accounts() -> None:
    op.create_table(
        "organisations", _key(), sa.Column("name", sa.Text, nullable=False), _time("created_at")
    )
    op.create_table(
        "workspaces",
        _key(),
        _reference("organisation_id", "organisations"),
        sa.Column("name", sa.Text, nullable=False),
        _time("created_at"),
    )
    op.create_table(
        "users",
        _key(),
        sa.Column("email", sa.Text, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        _time("created_at"),
    )
    op.create_table(
        "memberships",
        _reference("organisation_id", "organisations", primary_key=True),
        _reference("user_id", "users", primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        _time("created_at"),
    )


def _create_access() -> None:
    op.create_table(
        "login_links",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("user_id", "users"),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
        _time("created_at"),
        _time("expires_at"),
        _time("used_at", nullable=True),
    )
    op.create_table(
        "sessions",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("user_id", "users"),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True),
        _time("created_at"),
        _time("expires_at"),
    )
    op.create_table(
        "api_keys",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("workspace_id", "workspaces"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("hint", sa.Text, nullable=False),
        _time("created_at"),
        _time("last_used_at", nullable=True),
        _time("revoked_at", nullable=True),
    )


def _create_chat() -> None:
    op.create_table(
        "conversations",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("workspace_id", "workspaces"),
        _reference("user_id", "users"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("title", "title_by")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("title_folded", "model")),
        sa.Column("head_id", sa.String(40)),
        _time("created_at"),
        _time("updated_at"),
        _time("deleted_at", nullable=True),
    )
    _create_messages()
    op.create_table(
        "runs",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("conversation_id", "conversations"),
        _reference("message_id", "messages"),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("last_event", sa.Integer, nullable=False),
        _time("created_at"),
        _time("ended_at", nullable=True),
    )
    op.create_table(
        "run_events",
        _reference("run_id", "runs", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("conversation_id", "conversations"),
        _reference("parent_id", "messages", nullable=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("stop_reason", "error_code", "error_message")),
        *(sa.Column(name, sa.Integer) for name in ("input_tokens", "cached_input_tokens")),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Text),
        sa.Column("run_id", sa.String(40)),
        _time("created_at"),
        sa.UniqueConstraint("conversation_id", "client_id"),
    )


def _key() -> sa.Column[str]:
    return sa.Column("id", sa.String(40), primary_key=True)


def _reference(
    name: str, table: str, *, primary_key: bool = False, nullable: bool = False
) -> sa.Column[str]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.String(40), target, primary_key=primary_key, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
