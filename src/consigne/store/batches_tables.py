"""Tables of batches; their requests and results are in the object store."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class BatchRow(Table):
    """Many requests that run in the background."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    caller: Mapped[str]
    """JSON of who made it; its requests run on their behalf."""
    dialect: Mapped[str]
    endpoint: Mapped[str]
    headers: Mapped[str]
    """JSON of the headers that each request is to carry."""
    state: Mapped[str]
    input_file_id: Mapped[str | None] = mapped_column(ID)
    output_file_id: Mapped[str | None] = mapped_column(ID)
    error_file_id: Mapped[str | None] = mapped_column(ID)
    keep_output_s: Mapped[int | None]
    total: Mapped[int]
    succeeded: Mapped[int]
    errored: Mapped[int]
    canceled: Mapped[int]
    expired: Mapped[int]
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    model: Mapped[str | None]
    problems: Mapped[str]
    """JSON of what is wrong with the input file."""
    notes: Mapped[str | None]
    """JSON of the customer's own metadata."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    """When its cancelling was asked for."""
    finishing_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    """When its results were removed."""

    __table_args__ = (
        Index(None, "organisation_id", "workspace_id", "dialect", "id"),
        Index(None, "state", "created_at"),
    )


class BatchResultRow(Table):
    """What came of one request of a batch that has not ended; afterwards it is in a file."""

    __tablename__ = "batch_results"

    batch_id: Mapped[str] = mapped_column(
        ID, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    """The request's place in the input, from 0."""
    organisation_id: Mapped[str] = mapped_column(ID)
    succeeded: Mapped[bool]
    line: Mapped[str]
    """The line of the result file."""
