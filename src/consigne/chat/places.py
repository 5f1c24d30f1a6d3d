"""Where a conversation stands in its author's list: pinned, in a folder or project, archived."""

import msgspec
from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.project_access import PREFIX as PROJECT
from consigne.chat.project_access import in_a_project, project_row
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.ids import is_id
from consigne.store.chat_tables import FolderRow
from consigne.store.tables import ConversationRow


class Change(msgspec.Struct, frozen=True):
    """What is to change of a conversation; ``None`` leaves it as it is."""

    title: str | None = None
    model: str | None = None
    head_id: str | None = None
    """Any message: the branch through it is read from now on, to its newest leaf."""
    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    """Empty takes it out of its folder."""
    project_id: str | None = None
    """Empty takes it out of its project. It is in a folder or in a project, never in both."""


def within(caller: Caller, place: str) -> ColumnElement[bool]:
    """Return the condition that a conversation stands at a place; see ``Conversations.page``.

    Raises:
        InvalidRequest: There is no such place.
    """
    listed = ConversationRow.archived_at.is_(None)
    match place:
        case "":
            return listed
        case "recent":
            loose = ~_in_a_folder(caller) & ~in_a_project(caller)
            return and_(listed, ConversationRow.pinned_at.is_(None), loose)
        case "pinned":
            return and_(listed, ConversationRow.pinned_at.is_not(None))
        case "archived":
            return ConversationRow.archived_at.is_not(None)
    if is_id(place, PROJECT):
        return and_(listed, ConversationRow.project_id == place, in_a_project(caller))
    if not is_id(place, "fold"):
        raise InvalidRequest(
            "place is recent, pinned, archived or the id of a folder or project.", param="place"
        )
    return and_(listed, ConversationRow.folder_id == place, _in_a_folder(caller))


async def put(session: AsyncSession, caller: Caller, row: ConversationRow, change: Change) -> None:
    """Pin, archive or move a conversation; what is archived is pinned no longer.

    Raises:
        NotFound: The caller has no such folder, or may use no such project.
        InvalidRequest: It is to be in both.
    """
    if change.folder_id and change.project_id:
        raise InvalidRequest("A conversation is in a folder or in a project.", param="project_id")
    now = sources.now()
    if change.archived is not None:
        row.archived_at = now if change.archived else None
        row.pinned_at = None if change.archived else row.pinned_at
    if change.pinned is not None:
        row.pinned_at = now if change.pinned else None
        row.archived_at = None if change.pinned else row.archived_at
    if change.folder_id is not None:
        if change.folder_id:
            await folder_row(session, caller, change.folder_id)
            row.project_id = None
        row.folder_id = change.folder_id or None
    if change.project_id is not None:
        if change.project_id:
            await project_row(session, caller, change.project_id)
            row.folder_id = None
        row.project_id = change.project_id or None


async def folder_row(
    session: AsyncSession, caller: Caller, folder_id: str, *, deleted: bool = False
) -> FolderRow:
    """Return one of the caller's folders.

    Raises:
        NotFound: There is none of this id, it is another's, or it was deleted.
    """
    query = select(FolderRow).where(FolderRow.id == folder_id, owned(caller))
    if not deleted:
        query = query.where(FolderRow.deleted_at.is_(None))
    row = await session.scalar(query) if is_id(folder_id, "fold") else None
    if row is None:
        raise NotFound("There is no such folder.")
    return row


def owned(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a folder is the caller's own."""
    return (FolderRow.organisation_id == caller.organisation_id) & (
        FolderRow.user_id == caller.user_id
    )


def _in_a_folder(caller: Caller) -> ColumnElement[bool]:
    return exists(
        select(FolderRow.id).where(
            FolderRow.id == ConversationRow.folder_id,
            FolderRow.deleted_at.is_(None),
            owned(caller),
        )
    )
