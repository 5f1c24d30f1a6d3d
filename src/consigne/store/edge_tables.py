"""Tables of the API's edge: what was answered to requests that may be repeated."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class KeptAnswerRow(Table):
    """The first answer to a request with an ``Idempotency-Key``."""

    __tablename__ = "kept_answers"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    owner_id: Mapped[str] = mapped_column(ID)
    """The API key, or the person, whose request it was."""
    name: Mapped[str] = mapped_column(String(255))
    """What the header said."""
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the request."""
    status: Mapped[int]
    content_type: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (
        UniqueConstraint("organisation_id", "owner_id", "name"),
        Index(None, "owner_id", "created_at"),
    )
