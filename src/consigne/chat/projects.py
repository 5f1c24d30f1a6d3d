"""Projects: conversations with the same instructions and knowledge, alone or in a workspace.

Whoever may use a project sees its instructions and files and has conversations of their own in it;
nobody sees another's conversations.
"""

from datetime import datetime

import msgspec
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.belongings import many_lines, mine, one_line, person, usable
from consigne.chat.project_access import (
    PREFIX,
    changeable_row,
    deleted_row,
    may_change,
    project_row,
)
from consigne.chat.repository import owned_by
from consigne.documents.library import as_document
from consigne.documents.values import Document
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotFound
from consigne.domain.ids import is_id, new_id
from consigne.store.db import Database
from consigne.store.documents_tables import DocumentRow
from consigne.store.projects_tables import ProjectDocumentRow, ProjectRow
from consigne.store.tables import ConversationRow, UserRow

LONGEST_NAME = 80
LONGEST_DESCRIPTION = 300
LONGEST_INSTRUCTIONS = 8000
MOST_FILES = 50
MOST_PROJECTS = 200


class Project(msgspec.Struct, frozen=True):
    """A project as a list shows it."""

    id: str
    name: str
    description: str
    instructions: str
    shared: bool
    mine: bool
    may_change: bool
    """Whether the caller may change and delete it."""
    maker: str
    """The name of whoever made it."""
    updated_at: datetime
    created_at: datetime


class OpenedProject(msgspec.Struct, frozen=True):
    """A project with what is in it."""

    project: Project
    files: tuple[Document, ...]
    """In the order they were added."""
    conversations: int
    """How many the caller has in it."""


class NewProject(msgspec.Struct, frozen=True):
    """What a project is to be."""

    name: str
    description: str = ""
    instructions: str = ""
    shared: bool = False


class Projects:
    """Keeps projects: each its maker's, those that are shared also the workspace's to use."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, caller: Caller) -> tuple[Project, ...]:
        """Return the caller's projects and those shared with them, by name."""
        async with self._db.reading() as session:
            rows = await session.execute(_with_maker().where(usable(ProjectRow, caller)))
            found = [_project(row, maker, caller) for row, maker in rows]
        return tuple(sorted(found, key=lambda found: (found.name.casefold(), found.id)))

    async def open(self, caller: Caller, project_id: str) -> OpenedProject:
        """Return a project and its files.

        Raises:
            NotFound: There is no such project for the caller.
        """
        async with self._db.reading() as session:
            row = await project_row(session, caller, project_id)
            return await _opened(session, caller, row)

    async def create(self, caller: Caller, new: NewProject) -> OpenedProject:
        """Make a project.

        Raises:
            InvalidRequest: Its name is empty, or something is too long.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        row = ProjectRow(
            id=new_id(PREFIX),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=person(caller, "Projects"),
            created_at=sources.now(),
        )
        _write(row, new)
        async with self._db.session() as session:
            have = select(func.count()).where(
                mine(ProjectRow, caller), ProjectRow.deleted_at.is_(None)
            )
            if (await session.scalar(have) or 0) >= MOST_PROJECTS:
                raise Conflict(f"There can be {MOST_PROJECTS} projects. Delete one first.")
            session.add(row)
            await session.flush()
            return await _opened(session, caller, row)

    async def change(self, caller: Caller, project_id: str, new: NewProject) -> OpenedProject:
        """Make a project another.

        Raises:
            NotFound: There is no such project for the caller.
            NotPermitted: The caller may use it and not change it.
            InvalidRequest: See ``create``.
        """
        async with self._db.session() as session:
            row = await changeable_row(session, caller, project_id)
            _write(row, new)
            await session.flush()
            return await _opened(session, caller, row)

    async def add_file(self, caller: Caller, project_id: str, document_id: str) -> OpenedProject:
        """Let a project's conversations stand on a document of the caller's own.

        Raises:
            NotFound: There is no such project for the caller, or they have no such document.
            NotPermitted: The caller may use the project and not change it.
            InvalidRequest: It is a picture, or there are too many files.
        """
        async with self._db.session() as session:
            row = await changeable_row(session, caller, project_id)
            await _check_file(session, caller, document_id)
            have = set(await session.scalars(_file_ids(row)))
            if document_id not in have:
                if len(have) >= MOST_FILES:
                    raise InvalidRequest(f"A project holds {MOST_FILES} files at most.")
                session.add(
                    ProjectDocumentRow(
                        project_id=row.id,
                        document_id=document_id,
                        organisation_id=row.organisation_id,
                        added_at=sources.now(),
                    )
                )
                row.updated_at = sources.now()
                await session.flush()
            return await _opened(session, caller, row)

    async def remove_file(self, caller: Caller, project_id: str, document_id: str) -> OpenedProject:
        """Take a document out of a project; it stays its owner's.

        Raises:
            NotFound: There is no such project for the caller.
            NotPermitted: The caller may use the project and not change it.
        """
        async with self._db.session() as session:
            row = await changeable_row(session, caller, project_id)
            if not is_id(document_id, "doc"):
                raise NotFound("This project has no such file.")
            await session.execute(
                delete(ProjectDocumentRow).where(
                    ProjectDocumentRow.project_id == row.id,
                    ProjectDocumentRow.organisation_id == row.organisation_id,
                    ProjectDocumentRow.document_id == document_id,
                )
            )
            row.updated_at = sources.now()
            await session.flush()
            return await _opened(session, caller, row)

    async def delete(
        self, caller: Caller, project_id: str, *, with_conversations: bool = False
    ) -> tuple[str, ...]:
        """Delete a project; it can be restored for a day.

        Its conversations become ordinary ones of their authors', or the caller's own are deleted
        with it; those of others always stay. Return the ids of the conversations deleted.

        Raises:
            NotFound: There is no such project for the caller.
            NotPermitted: The caller may use it and not change it.
        """
        async with self._db.session() as session:
            row = await changeable_row(session, caller, project_id)
            row.deleted_at = sources.now()
            if not with_conversations:
                return ()
            gone = await session.scalars(
                update(ConversationRow)
                .where(
                    ConversationRow.project_id == row.id,
                    owned_by(caller),
                    ConversationRow.deleted_at.is_(None),
                )
                .values(deleted_at=row.deleted_at)
                .returning(ConversationRow.id)
            )
            return tuple(gone)

    async def restore(self, caller: Caller, project_id: str) -> OpenedProject:
        """Undo a deletion, also of the conversations that were deleted with it.

        Raises:
            NotFound: There never was such a project of the caller's, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await deleted_row(session, caller, project_id)
            if row.deleted_at is not None:
                await session.execute(
                    update(ConversationRow)
                    .where(
                        ConversationRow.project_id == row.id,
                        owned_by(caller),
                        ConversationRow.deleted_at == row.deleted_at,
                    )
                    .values(deleted_at=None)
                )
            row.deleted_at = None
            await session.flush()
            return await _opened(session, caller, row)


def _write(row: ProjectRow, new: NewProject) -> None:
    row.name = one_line(new.name, "name", LONGEST_NAME)
    row.description = one_line(new.description, "description", LONGEST_DESCRIPTION, required=False)
    row.instructions = many_lines(
        new.instructions, "instructions", LONGEST_INSTRUCTIONS, required=False
    )
    row.shared, row.updated_at = new.shared, sources.now()


async def _check_file(session: AsyncSession, caller: Caller, document_id: str) -> None:
    query = select(DocumentRow.kind).where(
        DocumentRow.id == document_id,
        mine(DocumentRow, caller),
        DocumentRow.state == "ready",
    )
    kind = await session.scalar(query) if is_id(document_id, "doc") else None
    if kind is None:
        raise NotFound("You have no such document. Upload it again.")
    if kind != "text":
        raise InvalidRequest("A project's files are texts; a picture can't be searched.")


def _with_maker() -> Select[ProjectRow, str]:
    return select(ProjectRow, UserRow.name).join(UserRow, UserRow.id == ProjectRow.user_id)


def _file_ids(row: ProjectRow) -> Select[str]:
    return select(ProjectDocumentRow.document_id).where(
        ProjectDocumentRow.project_id == row.id,
        ProjectDocumentRow.organisation_id == row.organisation_id,
    )


async def _opened(session: AsyncSession, caller: Caller, row: ProjectRow) -> OpenedProject:
    files = await session.scalars(
        select(DocumentRow)
        .join(ProjectDocumentRow, ProjectDocumentRow.document_id == DocumentRow.id)
        .where(
            ProjectDocumentRow.project_id == row.id,
            ProjectDocumentRow.organisation_id == row.organisation_id,
            DocumentRow.organisation_id == row.organisation_id,
            DocumentRow.state == "ready",
        )
        .order_by(ProjectDocumentRow.added_at, DocumentRow.id)
    )
    found = tuple(as_document(file) for file in files)
    own = select(func.count()).where(
        ConversationRow.project_id == row.id,
        owned_by(caller),
        ConversationRow.deleted_at.is_(None),
    )
    count = await session.scalar(own) or 0
    maker = await session.scalar(select(UserRow.name).where(UserRow.id == row.user_id))
    return OpenedProject(_project(row, maker or "", caller), found, count)


def _project(row: ProjectRow, maker: str, caller: Caller) -> Project:
    return Project(
        id=row.id,
        name=row.name,
        description=row.description,
        instructions=row.instructions,
        shared=row.shared,
        mine=row.user_id == caller.user_id,
        may_change=may_change(row, caller),
        maker=maker,
        updated_at=row.updated_at,
        created_at=row.created_at,
    )
