"""Files that tools make in conversations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "made_files",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column(
            "organisation_id",
            sa.String(40),
            sa.ForeignKey(
                "organisations.id", ondelete="CASCADE", name="fk_made_files_organisation_id"
            ),
            nullable=False,
        ),
        sa.Column(
            "conversation_id",
            sa.String(40),
            sa.ForeignKey(
                "conversations.id", ondelete="SET NULL", name="fk_made_files_conversation_id"
            ),
        ),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("state", "filename", "media_type")),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_made_files_conversation_id", "made_files", ["conversation_id"])
    op.create_index("ix_made_files_state_created_at", "made_files", ["state", "created_at"])
