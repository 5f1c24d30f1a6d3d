"""Tables of files and of uploads in parts; the contents are in the object store."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class FileRow(Table):
    """A file that a customer gave, or that was made for one."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    state: Mapped[str]
    """``writing``, ``ready``, or ``deleted`` while its content still goes."""
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    purpose: Mapped[str]
    downloadable: Mapped[bool]
    """Whether the Anthropic dialect gives the content back."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (
        Index(None, "organisation_id", "workspace_id", "id"),
        Index(None, "state", "created_at"),
    )


class UploadRow(Table):
    """A file that comes in parts."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE"), index=True
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    state: Mapped[str]
    """``pending``, ``completed`` or ``cancelled``."""
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    """As announced; the parts must add up to it."""
    purpose: Mapped[str]
    keep_s: Mapped[int | None]
    """Seconds that the file is to be kept."""
    file_id: Mapped[str | None] = mapped_column(ID)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UploadPartRow(Table):
    """A piece of an upload."""

    __tablename__ = "upload_parts"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    upload_id: Mapped[str] = mapped_column(
        ID, ForeignKey("uploads.id", ondelete="CASCADE"), index=True
    )
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
