"""Files, uploads in parts, and batches."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    _create_files()
    _create_uploads()
    _create_batches()
    for table, columns in (
        ("files", ["organisation_id", "workspace_id", "id"]),
        ("files", ["state", "created_at"]),
        ("files", ["expires_at"]),
        ("uploads", ["organisation_id"]),
        ("uploads", ["expires_at"]),
        ("upload_parts", ["upload_id"]),
        ("batches", ["organisation_id", "workspace_id", "dialect", "id"]),
        ("batches", ["state", "created_at"]),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)


def _create_files() -> None:
    op.create_table(
        "files",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("workspace_id", "workspaces"),
        *_texts("state", "filename", "media_type"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_texts("purpose"),
        sa.Column("downloadable", sa.Boolean, nullable=False),
        _time("created_at"),
        _time("expires_at", nullable=True),
    )


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("workspace_id", "workspaces"),
        *_texts("state", "filename", "media_type"),
        sa.Column("size", sa.BigInteger, nullable=False),
        *_texts("purpose"),
        sa.Column("keep_s", sa.Integer),
        sa.Column("file_id", sa.String(40)),
        _time("created_at"),
        _time("expires_at"),
    )
    op.create_table(
        "upload_parts",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("upload_id", "uploads"),
        sa.Column("size", sa.BigInteger, nullable=False),
        _time("created_at"),
    )


def _create_batches() -> None:
    op.create_table(
        "batches",
        _key(),
        _reference("organisation_id", "organisations"),
        _reference("workspace_id", "workspaces"),
        *_texts("caller", "dialect", "endpoint", "headers", "state"),
        *(
            sa.Column(f"{name}_file_id", sa.String(40), nullable=True)
            for name in ("input", "output", "error")
        ),
        sa.Column("keep_output_s", sa.Integer),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("total", "succeeded", "errored", "canceled", "expired")
        ),
        *(
            sa.Column(f"{name}_tokens", sa.BigInteger, nullable=False)
            for name in ("input", "cached", "output", "reasoning")
        ),
        sa.Column("model", sa.Text),
        *_texts("problems"),
        sa.Column("notes", sa.Text),
        _time("created_at"),
        _time("expires_at"),
        *(
            _time(f"{name}_at", nullable=True)
            for name in ("started", "cancelled", "finishing", "ended", "archived")
        ),
    )
    op.create_table(
        "batch_results",
        _reference("batch_id", "batches", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        *_texts("line"),
    )


def _key() -> sa.Column[str]:
    return sa.Column("id", sa.String(40), primary_key=True)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _reference(name: str, table: str, *, primary_key: bool = False) -> sa.Column[str]:
    target = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.String(40), target, primary_key=primary_key, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
