"""Tools of the chat: sources of answers, switches and approvals, artifacts, servers of tools."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    # Added in place: making ``messages`` anew would drop the triggers of its search.
    op.add_column("messages", sa.Column("sources", sa.Text))
    op.add_column("messages", sa.Column("mode", sa.Text))
    op.create_table(
        "tool_switches",
        _owner("tool_switches", "user_id", "users", primary_key=True),
        sa.Column("tool", sa.Text, primary_key=True),
        _owner("tool_switches", "organisation_id", "organisations"),
        sa.Column("enabled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "tool_approvals",
        _owner("tool_approvals", "conversation_id", "conversations", primary_key=True),
        sa.Column("tool", sa.Text, primary_key=True),
        _owner("tool_approvals", "organisation_id", "organisations"),
        _time("created_at"),
    )
    _create_artifacts()
    op.create_table(
        "tool_servers",
        sa.Column("id", sa.String(40), primary_key=True),
        _owner("tool_servers", "organisation_id", "organisations"),
        _owner("tool_servers", "workspace_id", "workspaces"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "url", "authorization")),
        _time("created_at"),
    )
    op.create_index(
        "ix_tool_servers_organisation_id_workspace_id",
        "tool_servers",
        ["organisation_id", "workspace_id"],
    )


def _create_artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("id", sa.String(40), primary_key=True),
        _owner("artifacts", "organisation_id", "organisations"),
        _owner("artifacts", "conversation_id", "conversations"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("title", "kind", "language")),
        _time("created_at"),
    )
    op.create_index(
        "ix_artifacts_organisation_id_conversation_id",
        "artifacts",
        ["organisation_id", "conversation_id"],
    )
    op.create_table(
        "artifact_versions",
        _owner("artifact_versions", "artifact_id", "artifacts", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        _time("created_at"),
    )


def _owner(table: str, name: str, owners: str, *, primary_key: bool = False) -> sa.Column[object]:
    found: sa.Column[object] = sa.Column(
        name,
        sa.String(40),
        sa.ForeignKey(f"{owners}.id", ondelete="CASCADE", name=f"fk_{table}_{name}"),
        primary_key=primary_key,
        nullable=False,
    )
    return found


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)
