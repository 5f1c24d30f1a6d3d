"""Pictures that were made for somebody."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(40), primary_key=True),
        *(
            sa.Column(
                name,
                sa.String(40),
                sa.ForeignKey(f"{table}.id", ondelete="CASCADE", name=f"fk_pictures_{name}"),
                nullable=False,
            )
            for name, table in (
                ("organisation_id", "organisations"),
                ("workspace_id", "workspaces"),
            )
        ),
        sa.Column("owner_id", sa.String(40), nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("state", "model", "prompt", "negative_prompt", "format")
        ),
        sa.Column("seed", sa.BigInteger),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("steps", "width", "height")),
        sa.Column("guidance", sa.Double, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("source_id", sa.String(40)),
        sa.Column("source_sha256", sa.LargeBinary(32)),
        sa.Column("strength", sa.Double),
        sa.Column("confidence", sa.Double),
        sa.Column("url_key", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    for columns in (
        ("organisation_id", "owner_id", "id"),
        ("organisation_id", "sha256"),
        ("state", "created_at"),
    ):
        op.create_index(f"ix_pictures_{'_'.join(columns)}", "pictures", list(columns))
