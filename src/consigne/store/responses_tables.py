"""The tables of what the OpenAI dialect keeps: responses, conversations, chat completions.

Bodies and items are JSON in the dialect's own shape: they are read back as they were told.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class _Owned:
    """Whose a row is."""

    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))


class ResponseRow(_Owned, Table):
    """A response that is kept, or still written in the background."""

    __tablename__ = "responses"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    previous_id: Mapped[str | None] = mapped_column(ID)
    """The response that it goes on from, which may be gone."""
    conversation_id: Mapped[str | None] = mapped_column(ID)
    status: Mapped[str]
    background: Mapped[bool]
    body: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index(None, "status"),)


class ResponseItemRow(_Owned, Table):
    """An item that a response was asked with or answered."""

    __tablename__ = "response_items"

    response_id: Mapped[str] = mapped_column(
        ID, ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    side: Mapped[str]
    """``input`` or ``output``."""
    item_id: Mapped[str]
    data: Mapped[str]

    __table_args__ = (Index(None, "organisation_id", "item_id"),)


class ResponseEventsRow(Table):
    """Some events of a background response, one after the other, each a line of JSON."""

    __tablename__ = "response_events"

    response_id: Mapped[str] = mapped_column(
        ID, ForeignKey("responses.id", ondelete="CASCADE"), primary_key=True
    )
    first: Mapped[int] = mapped_column(primary_key=True)
    """The sequence number of the first of them."""
    organisation_id: Mapped[str] = mapped_column(ID)
    lines: Mapped[str]


class ApiConversationRow(_Owned, Table):
    """A conversation that an application keeps here; people's own are ``conversations``."""

    __tablename__ = "api_conversations"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    metadata_json: Mapped[str]
    created_at: Mapped[datetime]


class ApiConversationItemRow(_Owned, Table):
    """An item of such a conversation."""

    __tablename__ = "api_conversation_items"

    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("api_conversations.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[str]
    data: Mapped[str]

    __table_args__ = (
        Index(None, "conversation_id", "item_id"),
        Index(None, "organisation_id", "item_id"),
    )


class StoredCompletionRow(_Owned, Table):
    """A chat completion that is kept."""

    __tablename__ = "stored_completions"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    model: Mapped[str]
    body: Mapped[str]
    messages: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "workspace_id", "id"),)


class CompletionMetadataRow(Table):
    """One pair of a stored completion's metadata, which completions are found by."""

    __tablename__ = "stored_completion_metadata"

    completion_id: Mapped[str] = mapped_column(
        ID, ForeignKey("stored_completions.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ID)
    value: Mapped[str]
