"""The table of conversations that are read by a link."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.assist_tables import Personal
from consigne.store.tables import ID, Table


class ShareRow(Personal, Table):
    """A link to a conversation as it was when it was shared, or shared anew."""

    __tablename__ = "shares"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="CASCADE"), unique=True
    )
    token: Mapped[str] = mapped_column(unique=True)
    """256 random bits. It is kept as it is, for its maker is shown the link again and it opens
    nothing but what stands beside it here."""
    head_id: Mapped[str] = mapped_column(ID)
    """The last message that is shown."""
    title: Mapped[str]
    messages: Mapped[int]
    snapshot: Mapped[str]
    """JSON: see ``chat.snapshots.Snapshot``."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index(None, "organisation_id", "user_id"),)
