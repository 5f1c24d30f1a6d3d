"""The database's tables. Each customer's row carries its organisation's id.

Times are UTC; ids are prefixed and sort by creation (``domain.ids``); secrets are stored only as
the SHA-256 of 256 random bits.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime as SqlDateTime
from sqlalchemy import (
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

ID = String(40)


class UtcTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in the database, also where that keeps no time zone."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the database stores it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the stored instant, aware."""
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


class Table(DeclarativeBase):
    """Root of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcTime, str: Text}  # noqa: RUF012 - read by SQLAlchemy


class OrganisationRow(Table):
    """A customer; on one's own machine there is one."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class WorkspaceRow(Table):
    """A part of an organisation that shares its work."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str]
    created_at: Mapped[datetime]


class UserRow(Table):
    """A person, who may be a member of several organisations."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    """Lower case; none for the owner of a machine of one's own until it is given."""
    name: Mapped[str]
    created_at: Mapped[datetime]


class MembershipRow(Table):
    """What a person may do in an organisation."""

    __tablename__ = "memberships"

    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str]
    created_at: Mapped[datetime]


class LoginLinkRow(Table):
    """A one-time link that signs a person in."""

    __tablename__ = "login_links"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class SessionRow(Table):
    """A browser in which a person is signed in."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ApiKeyRow(Table):
    """A key with which an application calls the API."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str]
    """The secret's last four characters, to tell keys apart."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    scopes: Mapped[str | None]
    """What the key may do, parted by spaces; null is everything."""
    models: Mapped[str | None]
    """JSON list of the models it may use; null is all of them."""
    requests_per_minute: Mapped[int | None]
    """This limit and the next three: null is the settings' default, 0 is none."""
    tokens_per_minute: Mapped[int | None]
    input_tokens_per_minute: Mapped[int | None]
    output_tokens_per_minute: Mapped[int | None]


class ConversationRow(Table):
    """A tree of messages and the leaf that is being read."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str]
    title_by: Mapped[str]
    """Who gave the title: ``rule``, ``model`` or ``user``."""
    title_folded: Mapped[str]
    """The title without case and accents, for searching."""
    model: Mapped[str]
    head_id: Mapped[str | None] = mapped_column(ID)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
    """Since when it is deleted; it can be restored until it is swept away."""
    pinned_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    folder_id: Mapped[str | None] = mapped_column(ID, index=True)
    """The folder it lies in, unless that is deleted."""
    project_id: Mapped[str | None] = mapped_column(ID, index=True)
    """The project it belongs to, while its author may use that."""
    beside_id: Mapped[str | None] = mapped_column(ID)
    """The answer that stands beside the head until its reader has chosen one of the two."""

    __table_args__ = (Index(None, "organisation_id", "user_id", "updated_at"),)


class MessageRow(Table):
    """One turn of a conversation; ``content`` is JSON of the domain's content blocks."""

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="CASCADE")
    )
    parent_id: Mapped[str | None] = mapped_column(
        ID, ForeignKey("messages.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str]
    content: Mapped[str]
    """While a run writes the message, what it held when that run began."""
    model: Mapped[str | None]
    state: Mapped[str]
    stop_reason: Mapped[str | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    input_tokens: Mapped[int | None]
    cached_input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    left_out: Mapped[int] = mapped_column(default=0)
    """How many of the conversation's earliest messages the model could not be shown."""
    sources: Mapped[str | None] = mapped_column(Text)
    """What the answer cites, as JSON."""
    mode: Mapped[str | None]
    """Of a question: how it is to be answered, ``research``, ``picture`` or as usual."""
    client_id: Mapped[str | None]
    run_id: Mapped[str | None] = mapped_column(ID)
    """The run that wrote it last."""
    attachments: Mapped[str | None]
    """JSON of a question's files; see ``chat.values.Attachment``."""
    citations: Mapped[str | None]
    """JSON of the passages that an answer cites; see ``chat.values.Citation``."""
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("conversation_id", "client_id"),
        Index(None, "conversation_id", "id"),
        Index(None, "conversation_id", "parent_id"),
    )


class RunRow(Table):
    """One generation of an answer."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    message_id: Mapped[str] = mapped_column(ID, ForeignKey("messages.id", ondelete="CASCADE"))
    model: Mapped[str]
    state: Mapped[str]
    last_event: Mapped[int]
    """The number of its last event, once it has ended."""
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    settings: Mapped[str | None]
    """JSON of what shaped the answer beside its branch: system text, sampling, assistant."""

    __table_args__ = (Index(None, "state", "conversation_id"),)


class RunEventRow(Table):
    """One event of a run that has not ended; a run that has ended lives in its message."""

    __tablename__ = "run_events"

    run_id: Mapped[str] = mapped_column(
        ID, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str]
    data: Mapped[str]
    """The event's body, as JSON."""

    __table_args__ = ({"sqlite_with_rowid": False},)
