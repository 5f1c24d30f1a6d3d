"""Conversations that are read by a link."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "shares",
        sa.Column("id", sa.String(40), primary_key=True),
        *(
            sa.Column(
                name,
                sa.String(40),
                sa.ForeignKey(f"{table}.id", ondelete="CASCADE", name=f"fk_shares_{name}"),
                nullable=False,
            )
            for name, table in (
                ("organisation_id", "organisations"),
                ("workspace_id", "workspaces"),
                ("user_id", "users"),
                ("conversation_id", "conversations"),
            )
        ),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("head_id", sa.String(40), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("messages", sa.Integer, nullable=False),
        sa.Column("snapshot", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("conversation_id", name="uq_shares_conversation_id"),
        sa.UniqueConstraint("token", name="uq_shares_token"),
    )
    op.create_index("ix_shares_organisation_id_user_id", "shares", ["organisation_id", "user_id"])
