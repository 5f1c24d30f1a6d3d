"""The tables of the chat's tools: what is switched and allowed, what is made, servers of tools."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class ToolSwitchRow(Table):
    """A tool that a person switched on or off."""

    __tablename__ = "tool_switches"

    user_id: Mapped[str] = mapped_column(
        ID, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    tool: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    enabled: Mapped[bool]


class ToolApprovalRow(Table):
    """A tool that was allowed for the whole of a conversation."""

    __tablename__ = "tool_approvals"

    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True
    )
    tool: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    created_at: Mapped[datetime]


class ArtifactRow(Table):
    """Something that was made in a conversation and is looked at beside it."""

    __tablename__ = "artifacts"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    conversation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="CASCADE")
    )
    title: Mapped[str]
    kind: Mapped[str]
    """``html``, ``svg``, ``code`` or ``document``."""
    language: Mapped[str]
    """Of code; empty otherwise."""
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "organisation_id", "conversation_id"),)


class ArtifactVersionRow(Table):
    """One version of an artifact, whole."""

    __tablename__ = "artifact_versions"

    artifact_id: Mapped[str] = mapped_column(
        ID, ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ID)
    content: Mapped[str]
    created_at: Mapped[datetime]


class MadeFileRow(Table):
    """A file that a tool made in a conversation; its content is in the object store."""

    __tablename__ = "made_files"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    conversation_id: Mapped[str | None] = mapped_column(
        ID, ForeignKey("conversations.id", ondelete="SET NULL")
    )
    """Where it was made; ``None`` once that is gone, and the content goes too."""
    state: Mapped[str]
    """``writing`` or ``ready``."""
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "conversation_id"), Index(None, "state", "created_at"))


class ToolServerRow(Table):
    """A server of tools that a workspace added, spoken to by the Model Context Protocol."""

    __tablename__ = "tool_servers"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    url: Mapped[str]
    authorization: Mapped[str]
    """What is sent as the ``Authorization`` header; empty sends none."""
    created_at: Mapped[datetime]

    __table_args__ = (Index(None, "organisation_id", "workspace_id"),)
