"""The tables of projects: what conversations have in common, and the documents they stand on."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from consigne.store.assist_tables import Personal
from consigne.store.tables import ID, Table


class ProjectRow(Personal, Table):
    """Instructions and knowledge that conversations share; ``shared`` opens it to the workspace."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    instructions: Mapped[str]
    shared: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)

    __table_args__ = (Index(None, "organisation_id", "workspace_id"),)


class ProjectDocumentRow(Table):
    """A document that a project's conversations stand on."""

    __tablename__ = "project_documents"

    project_id: Mapped[str] = mapped_column(
        ID, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True
    )
    document_id: Mapped[str] = mapped_column(
        ID, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    organisation_id: Mapped[str] = mapped_column(
        ID, ForeignKey("organisations.id", ondelete="CASCADE")
    )
    added_at: Mapped[datetime]

    __table_args__ = (Index(None, "organisation_id", "project_id"),)
