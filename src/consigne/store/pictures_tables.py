"""The table of pictures; their files are in the object store."""

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class PictureRow(Table):
    """A picture that was made for somebody."""

    __tablename__ = "pictures"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(ID)
    """The person, or the API key, that it was made for."""
    state: Mapped[str]
    """``writing``, ``ready``, or ``deleted`` while its file still goes."""
    model: Mapped[str]
    prompt: Mapped[str] = mapped_column(Text)
    negative_prompt: Mapped[str] = mapped_column(Text)
    seed: Mapped[int | None] = mapped_column(BigInteger)
    steps: Mapped[int]
    guidance: Mapped[float] = mapped_column(Double)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str]
    """``png``, ``webp`` or ``jpeg``."""
    size: Mapped[int] = mapped_column(BigInteger)
    """In bytes."""
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Of the file."""
    source_id: Mapped[str | None] = mapped_column(ID)
    """The picture that this one was made from, where it was made here."""
    source_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """Of the picture that this one was made from, wherever that came from."""
    strength: Mapped[float | None] = mapped_column(Double)
    confidence: Mapped[float | None] = mapped_column(Double)
    url_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    """What its signed addresses are made with."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "organisation_id", "owner_id", "id"),
        Index(None, "organisation_id", "sha256"),
        Index(None, "state", "created_at"),
    )
