"""Documents, their passages and the index over them; attachments and citations of messages."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    op.create_table(
        "documents",
        sa.Column("id", sa.String(40), primary_key=True),
        *(
            sa.Column(
                name,
                sa.String(40),
                sa.ForeignKey(f"{table}.id", ondelete="CASCADE", name=f"fk_documents_{name}"),
                nullable=False,
            )
            for name, table in (
                ("organisation_id", "organisations"),
                ("workspace_id", "workspaces"),
                ("user_id", "users"),
            )
        ),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("state", "kind", "filename", "media_type", "picture_type", "excerpt")
        ),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("pages", sa.Integer),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("characters", "passages", "indexed")
        ),
        sa.Column("embedding_model", sa.Text),
        sa.Column("cut", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "ix_documents_organisation_id_user_id", "documents", ["organisation_id", "user_id"]
    )
    op.create_index("ix_documents_state_created_at", "documents", ["state", "created_at"])
    op.create_table(
        "passages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("organisation_id", sa.String(40), nullable=False),
        sa.Column(
            "document_id",
            sa.String(40),
            sa.ForeignKey("documents.id", ondelete="CASCADE", name="fk_passages_document_id"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("section", sa.Text, nullable=False),
        sa.Column("start", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary),
        sa.UniqueConstraint("document_id", "number", name="uq_passages_document_id_number"),
    )
    op.add_column("messages", sa.Column("attachments", sa.Text))
    op.add_column("messages", sa.Column("citations", sa.Text))
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)


# A document's id is a word of its rows, so that a search reads no other's; "doc_" comes off.
_SQLITE = (
    """
CREATE VIRTUAL TABLE passage_words USING fts5(
  document, text, content='', tokenize='porter unicode61 remove_diacritics 2')
""",
    """
CREATE TRIGGER passages_added AFTER INSERT ON passages BEGIN
  INSERT INTO passage_words (rowid, document, text)
  VALUES (new.id, substr(new.document_id, 5), new.section || ' ' || new.text);
END
""",
    """
CREATE TRIGGER passages_removed AFTER DELETE ON passages BEGIN
  INSERT INTO passage_words (passage_words, rowid, document, text)
  VALUES ('delete', old.id, substr(old.document_id, 5), old.section || ' ' || old.text);
END
""",
)

# Words as those of messages, see migration 0005.
_POSTGRESQL = (
    """
CREATE TABLE passage_words (
  id bigint PRIMARY KEY REFERENCES passages (id) ON DELETE CASCADE,
  words tsvector NOT NULL
)
""",
    "CREATE INDEX ix_passage_words_words ON passage_words USING gin (words)",
    """
CREATE FUNCTION passages_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO passage_words (id, words)
  VALUES (new.id, message_words_of(new.section || ' ' || new.text));
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER passages_added AFTER INSERT ON passages
FOR EACH ROW EXECUTE FUNCTION passages_added()
""",
)
