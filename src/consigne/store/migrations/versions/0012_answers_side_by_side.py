"""The answer of a second model, beside the one at a conversation's head."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.add_column("conversations", sa.Column("beside_id", sa.String(40)))
