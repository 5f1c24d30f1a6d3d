"""Whose a document is, and who else may read it."""

from sqlalchemy import ColumnElement, and_, exists, or_, select

from consigne.business.caller import Caller
from consigne.store.documents_tables import DocumentRow
from consigne.store.projects_tables import ProjectDocumentRow, ProjectRow


def owned(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a document is the caller's own."""
    return and_(
        DocumentRow.organisation_id == caller.organisation_id,
        DocumentRow.user_id == caller.user_id,
        DocumentRow.state == "ready",
    )


def readable(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that it is the caller's, or in a project that is shared with them."""
    shared = exists(
        select(ProjectRow.id)
        .join(ProjectDocumentRow, ProjectDocumentRow.project_id == ProjectRow.id)
        .where(
            ProjectDocumentRow.document_id == DocumentRow.id,
            ProjectRow.organisation_id == caller.organisation_id,
            ProjectRow.deleted_at.is_(None),
            or_(
                ProjectRow.user_id == caller.user_id,
                and_(ProjectRow.shared.is_(True), ProjectRow.workspace_id == caller.workspace_id),
            ),
        )
    )
    return and_(
        DocumentRow.organisation_id == caller.organisation_id,
        DocumentRow.state == "ready",
        or_(DocumentRow.user_id == caller.user_id, shared),
    )
