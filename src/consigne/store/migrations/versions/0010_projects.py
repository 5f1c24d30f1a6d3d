"""Projects: their documents, and the conversations in them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "projects",
        sa.Column("id", sa.String(40), primary_key=True),
        _reference("projects", "organisation_id", "organisations"),
        _reference("projects", "workspace_id", "workspaces"),
        _reference("projects", "user_id", "users"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "description")),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "project_documents",
        _reference("project_documents", "project_id", "projects", key=True),
        _reference("project_documents", "document_id", "documents", key=True),
        _reference("project_documents", "organisation_id", "organisations"),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("conversations", sa.Column("project_id", sa.String(40)))
    for table, *columns in (
        ("projects", "organisation_id", "workspace_id"),
        ("projects", "deleted_at"),
        ("project_documents", "organisation_id", "project_id"),
        ("project_documents", "document_id"),
        ("conversations", "project_id"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _reference(table: str, name: str, to: str, *, key: bool = False) -> "sa.Column[object]":
    foreign = sa.ForeignKey(f"{to}.id", ondelete="CASCADE", name=f"fk_{table}_{name}")
    return sa.Column(name, sa.String(40), foreign, nullable=False, primary_key=key)
