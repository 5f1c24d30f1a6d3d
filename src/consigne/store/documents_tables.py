"""Tables of documents that people give to their conversations, and of the passages in them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.tables import ID, Table


class DocumentRow(Table):
    """A file that a person gave; its content is in the object store."""

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    workspace_id: Mapped[str] = mapped_column(ID, ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ID, ForeignKey("users.id", ondelete="CASCADE"))
    state: Mapped[str]
    """``reading``, ``ready``, or ``deleted`` while its content still goes."""
    kind: Mapped[str]
    """``text`` or ``image``."""
    filename: Mapped[str]
    media_type: Mapped[str]
    picture_type: Mapped[str]
    """The media type of an image as models take it; empty for text."""
    size: Mapped[int] = mapped_column(BigInteger)
    pages: Mapped[int | None]
    characters: Mapped[int]
    passages: Mapped[int]
    indexed: Mapped[int]
    """How many of the passages have a vector."""
    embedding_model: Mapped[str | None]
    """The model that the vectors are of."""
    excerpt: Mapped[str]
    """The first lines."""
    cut: Mapped[bool]
    """Whether the file has more text than was read."""
    created_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "organisation_id", "user_id"),
        Index(None, "state", "created_at"),
    )


class PassageRow(Table):
    """A passage of a document: those of one document, in order, are its whole text.

    Triggers keep ``passage_words``, the index over the text: a virtual table of FTS5 on SQLite,
    a table of ``tsvector`` on PostgreSQL; see migration 0008.
    """

    __tablename__ = "passages"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ID)
    document_id: Mapped[str] = mapped_column(ID, ForeignKey("documents.id", ondelete="CASCADE"))
    number: Mapped[int]
    """Its place in the document, from 0."""
    page: Mapped[int | None]
    section: Mapped[str]
    start: Mapped[int]
    """Where it begins in the document's text, in characters."""
    text: Mapped[str]
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)
    """A unit vector of 16-bit floats, by the document's ``embedding_model``."""

    __table_args__ = (UniqueConstraint("document_id", "number"),)
