"""The table of what requests used."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class UsageRow(Table):
    """One request: who made it, what answered, what it used.

    Its key and its user are no foreign keys: the record outlives them, and is written without
    looking them up.
    """

    __tablename__ = "usage_records"
    __table_args__ = (Index("ix_usage_records_organisation_id_at", "organisation_id", "at"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    """Of the request, the run, or (where it is work beside one) of its own."""
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    key_id: Mapped[str | None] = mapped_column(ID)
    user_id: Mapped[str | None] = mapped_column(ID)
    endpoint: Mapped[str]
    """See ``gateway.metering.Endpoint``."""
    batch: Mapped[bool]
    """Whether it came in a batch."""
    asked: Mapped[str]
    """The model as it was named."""
    model: Mapped[str]
    """The model that answered."""
    target: Mapped[str]
    """``here``, or the provider that answered."""
    at: Mapped[int] = mapped_column(BigInteger)
    """When it began, in milliseconds since 1970: days are the same arithmetic on all databases."""
    status: Mapped[str]
    """``ok``, ``cancelled``, or an error's code."""
    streamed: Mapped[bool]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    """Of the input's, read from the prefix cache."""
    cache_creation_tokens: Mapped[int] = mapped_column(BigInteger)
    """Of the input's, written to a provider's cache."""
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    """Of the output's, where its provider tells them."""
    images: Mapped[int]
    first_ms: Mapped[int | None] = mapped_column(BigInteger)
    """Milliseconds until the first token."""
    total_ms: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    """In micro-units of the currency; none where there is no price."""
