"""The tables beside conversations and messages: folders, and the text that is searched."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class FolderRow(Table):
    """A person's folder of conversations."""

    __tablename__ = "folders"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "organisation_id", "user_id"),)


class MessageTextRow(Table):
    """A message's text as it is searched; triggers keep it and the index over it.

    The index is ``message_words``: a virtual table of FTS5 on SQLite, a table of ``tsvector`` on
    PostgreSQL. Neither is known to SQLAlchemy; see migration 0005.
    """

    __tablename__ = "message_texts"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    message_id: Mapped[str] = mapped_column(
        ID, ForeignKey("messages.id", ondelete="CASCADE"), unique=True
    )
    conversation_id: Mapped[str] = mapped_column(ID)
    organisation_id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    text: Mapped[str]
    """The first 100,000 characters of its text blocks."""

    __table_args__ = (Index(None, "organisation_id", "user_id"),)
