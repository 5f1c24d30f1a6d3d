"""Full-text search over messages; folders, pins and the archive of conversations."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema up."""
    _create_folders()
    _create_message_texts()
    # A later migration that makes ``messages`` anew (a batch operation on SQLite) drops these
    # triggers with the table, and must create them again.
    elsewhere = op.get_bind().dialect.name == "postgresql"
    text = _POSTGRESQL_TEXT if elsewhere else _SQLITE_TEXT
    for statement in _POSTGRESQL if elsewhere else _SQLITE:
        one = _TEXTS.replace("{text}", text).replace("{which}", "m.id = new.id")
        all_ = _TEXTS.replace("{text}", text).replace("{which}", "m.content <> '[]'")
        op.execute(statement.replace("{texts of the new}", one).replace("{all texts}", all_))


def _create_folders() -> None:
    op.create_table(
        "folders",
        sa.Column("id", sa.String(40), primary_key=True),
        *(
            sa.Column(
                name,
                sa.String(40),
                sa.ForeignKey(f"{table}.id", ondelete="CASCADE", name=f"fk_folders_{name}"),
                nullable=False,
            )
            for name, table in (
                ("organisation_id", "organisations"),
                ("workspace_id", "workspaces"),
                ("user_id", "users"),
            )
        ),
        sa.Column("name", sa.Text, nullable=False),
        _time("created_at", nullable=False),
        _time("deleted_at"),
    )
    op.create_index("ix_folders_organisation_id_user_id", "folders", ["organisation_id", "user_id"])
    op.add_column("conversations", _time("pinned_at"))
    op.add_column("conversations", _time("archived_at"))
    op.add_column("conversations", sa.Column("folder_id", sa.String(40)))
    op.create_index("ix_conversations_folder_id", "conversations", ["folder_id"])
    op.create_index("ix_conversations_deleted_at", "conversations", ["deleted_at"])
    op.create_index(
        "ix_messages_conversation_id_parent_id", "messages", ["conversation_id", "parent_id"]
    )


def _create_message_texts() -> None:
    op.create_table(
        "message_texts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column(
            "message_id",
            sa.String(40),
            sa.ForeignKey("messages.id", ondelete="CASCADE", name="fk_message_texts_message_id"),
            nullable=False,
        ),
        *(
            sa.Column(name, sa.String(40), nullable=False)
            for name in ("conversation_id", "organisation_id", "user_id")
        ),
        sa.Column("text", sa.Text, nullable=False),
        sa.UniqueConstraint("message_id", name="uq_message_texts_message_id"),
    )
    op.create_index(
        "ix_message_texts_organisation_id_user_id", "message_texts", ["organisation_id", "user_id"]
    )


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


# The texts of the messages for which {which} holds; {text} is the text of one in the dialect.
_TEXTS = """
INSERT INTO message_texts (message_id, conversation_id, organisation_id, user_id, text)
SELECT id, conversation_id, organisation_id, user_id, text FROM (
  SELECT m.id, m.conversation_id, m.organisation_id, c.user_id, {text} AS text
  FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE {which}
) found WHERE text <> ''
"""

_SQLITE_TEXT = """
(SELECT substr(group_concat(json_extract(value, '$.text'), ''), 1, 100000)
 FROM json_each(m.content) WHERE json_extract(value, '$.type') = 'text')
"""

# The index holds the words alone. An owner's id is a word of its rows, so that a search never
# reads the words of others; what follows "user_" is one word to the tokenizer.
_SQLITE = (
    """
CREATE VIRTUAL TABLE message_words USING fts5(
  owner, text, content='', prefix='2 3', tokenize='unicode61 remove_diacritics 2')
""",
    """
CREATE TRIGGER message_texts_added AFTER INSERT ON message_texts BEGIN
  INSERT INTO message_words (rowid, owner, text) VALUES (new.id, substr(new.user_id, 6), new.text);
END
""",
    """
CREATE TRIGGER message_texts_removed AFTER DELETE ON message_texts BEGIN
  INSERT INTO message_words (message_words, rowid, owner, text)
  VALUES ('delete', old.id, substr(old.user_id, 6), old.text);
END
""",
    """
CREATE TRIGGER messages_added AFTER INSERT ON messages WHEN new.content <> '[]' BEGIN
  {texts of the new};
END
""",
    """
CREATE TRIGGER messages_changed AFTER UPDATE OF content ON messages
WHEN new.content <> old.content BEGIN
  DELETE FROM message_texts WHERE message_id = new.id;
  {texts of the new};
END
""",
    "{all texts}",
)

_POSTGRESQL_TEXT = """
(SELECT left(string_agg(block->>'text', '' ORDER BY place), 100000)
 FROM jsonb_array_elements(m.content::jsonb) WITH ORDINALITY AS blocks (block, place)
 WHERE block->>'type' = 'text')
"""

# Words as FTS5's tokenizer finds them on SQLite: without case and accents, parted by every sign.
_POSTGRESQL = (
    """
CREATE FUNCTION message_words_of(text text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $$
  SELECT to_tsvector('simple', regexp_replace(normalize(regexp_replace(
    normalize(lower(text), NFD), '[\\u0300-\\u036f]', '', 'g'), NFC),
    '[^[:alnum:]]+', ' ', 'g'))
$$
""",
    """
CREATE TABLE message_words (
  id bigint PRIMARY KEY REFERENCES message_texts (id) ON DELETE CASCADE,
  words tsvector NOT NULL
)
""",
    "CREATE INDEX ix_message_words_words ON message_words USING gin (words)",
    """
CREATE FUNCTION message_texts_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO message_words (id, words) VALUES (new.id, message_words_of(new.text));
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER message_texts_added AFTER INSERT ON message_texts
FOR EACH ROW EXECUTE FUNCTION message_texts_added()
""",
    """
CREATE FUNCTION messages_written() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM message_texts WHERE message_id = new.id;
  {texts of the new};
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER messages_added AFTER INSERT ON messages
FOR EACH ROW WHEN (new.content <> '[]') EXECUTE FUNCTION messages_written()
""",
    """
CREATE TRIGGER messages_changed AFTER UPDATE OF content ON messages
FOR EACH ROW WHEN (new.content <> old.content) EXECUTE FUNCTION messages_written()
""",
    "{all texts}",
)
