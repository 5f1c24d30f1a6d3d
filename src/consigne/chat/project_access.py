"""Who may use a project, who may change it, and what its conversations follow."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.belongings import mine, usable
from consigne.domain.errors import NotFound, NotPermitted
from consigne.domain.ids import is_id
from consigne.store.projects_tables import ProjectDocumentRow, ProjectRow
from consigne.store.tables import ConversationRow

PREFIX = "proj"


class Followed(msgspec.Struct, frozen=True):
    """What a conversation takes from its project."""

    id: str
    instructions: str
    knowledge: tuple[str, ...]
    """Ids of documents, in the order they were added."""


def in_a_project(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a conversation belongs to a project that the caller may use."""
    return exists(
        select(ProjectRow.id).where(
            ProjectRow.id == ConversationRow.project_id, usable(ProjectRow, caller)
        )
    )


async def project_row(session: AsyncSession, caller: Caller, project_id: str) -> ProjectRow:
    """Return a project that the caller may use.

    Raises:
        NotFound: There is none of this id, it was deleted, or it is not shared with the caller.
    """
    query = select(ProjectRow).where(ProjectRow.id == project_id, usable(ProjectRow, caller))
    row = await session.scalar(query) if is_id(project_id, PREFIX) else None
    if row is None:
        raise NotFound("There is no such project, or it is not shared with you.")
    return row


async def changeable_row(session: AsyncSession, caller: Caller, project_id: str) -> ProjectRow:
    """Return a project that the caller may change: their own, or as an owner a shared one.

    Raises:
        NotFound: The caller may not even use it.
        NotPermitted: The caller may use it and not change it.
    """
    row = await project_row(session, caller, project_id)
    if not may_change(row, caller):
        raise NotPermitted("Only whoever made this project, or an owner, may change it.")
    return row


async def deleted_row(session: AsyncSession, caller: Caller, project_id: str) -> ProjectRow:
    """Return a project that the caller may change, deleted or not.

    Raises:
        NotFound: There is none of this id (any more), or the caller may not change it.
    """
    query = select(ProjectRow).where(
        ProjectRow.id == project_id,
        ProjectRow.organisation_id == caller.organisation_id,
        or_(
            mine(ProjectRow, caller),
            and_(ProjectRow.shared.is_(True), ProjectRow.workspace_id == caller.workspace_id),
        ),
    )
    row = await session.scalar(query) if is_id(project_id, PREFIX) else None
    if row is None or not may_change(row, caller):
        raise NotFound("There is no such project.")
    return row


def may_change(row: ProjectRow, caller: Caller) -> bool:
    """Say whether someone who may use a project may change and delete it too."""
    return row.user_id == caller.user_id or caller.role == "owner"


async def followed(
    session: AsyncSession, caller: Caller, project_id: str | None
) -> Followed | None:
    """Return what a conversation of this project follows; nothing if it is not usable any more."""
    if project_id is None:
        return None
    rows: Sequence[tuple[str, str | None]] = (
        await session.execute(
            select(ProjectRow.instructions, ProjectDocumentRow.document_id)
            .outerjoin(
                ProjectDocumentRow,
                and_(
                    ProjectDocumentRow.project_id == ProjectRow.id,
                    ProjectDocumentRow.organisation_id == ProjectRow.organisation_id,
                ),
            )
            .where(ProjectRow.id == project_id, usable(ProjectRow, caller))
            .order_by(ProjectDocumentRow.added_at, ProjectDocumentRow.document_id)
        )
    ).all()
    if not rows:
        return None
    return Followed(project_id, rows[0][0], tuple(known for _, known in rows if known))
