"""Files of conversations that are taken in by jobs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "imports",
        sa.Column("id", sa.String(40), primary_key=True),
        *(
            sa.Column(
                name,
                sa.String(40),
                sa.ForeignKey(f"{table}.id", ondelete="CASCADE", name=f"fk_imports_{name}"),
                nullable=False,
            )
            for name, table in (
                ("organisation_id", "organisations"),
                ("workspace_id", "workspaces"),
                ("user_id", "users"),
            )
        ),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("left_out", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_imports_organisation_id", "imports", ["organisation_id"])
