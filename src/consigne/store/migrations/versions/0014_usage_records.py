"""What requests used."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_COUNTS = (
    "input_tokens",
    "cached_tokens",
    "cache_creation_tokens",
    "output_tokens",
    "reasoning_tokens",
)


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "usage_records",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column(
            "organisation_id",
            sa.String(40),
            sa.ForeignKey(
                "organisations.id", ondelete="CASCADE", name="fk_usage_records_organisation_id"
            ),
            nullable=False,
        ),
        sa.Column("key_id", sa.String(40)),
        sa.Column("user_id", sa.String(40)),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("batch", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("asked", "model", "target")),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("streamed", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in _COUNTS),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("first_ms", sa.BigInteger),
        sa.Column("total_ms", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger),
    )
    op.create_index(
        "ix_usage_records_organisation_id_at", "usage_records", ["organisation_id", "at"]
    )
