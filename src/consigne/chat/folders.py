"""A person's folders of conversations."""

from sqlalchemy import func, select

from consigne.business.caller import Caller
from consigne.chat.places import folder_row, owned
from consigne.chat.values import Folder
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotPermitted
from consigne.domain.ids import new_id
from consigne.store.chat_tables import FolderRow
from consigne.store.db import Database

LONGEST_NAME = 80
MOST_FOLDERS = 200


class Folders:
    """Keeps folders, each of them its owner's alone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, caller: Caller) -> tuple[Folder, ...]:
        """Return all of the caller's folders by name."""
        wanted = (
            select(FolderRow)
            .where(owned(caller), FolderRow.deleted_at.is_(None))
            .order_by(FolderRow.created_at, FolderRow.id)
        )
        async with self._db.reading() as session:
            rows = await session.scalars(wanted)
        return tuple(sorted((_as_folder(row) for row in rows), key=lambda f: f.name.casefold()))

    async def create(self, caller: Caller, name: str) -> Folder:
        """Make a folder.

        Raises:
            InvalidRequest: The name is empty.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        if caller.user_id is None:
            raise NotPermitted("Folders belong to people; a key can't hold any.")
        row = FolderRow(
            id=new_id("fold"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=caller.user_id,
            name=_clean(name),
            created_at=sources.now(),
        )
        async with self._db.session() as session:
            have = select(func.count()).where(owned(caller), FolderRow.deleted_at.is_(None))
            if (await session.scalar(have) or 0) >= MOST_FOLDERS:
                raise Conflict(f"There can be {MOST_FOLDERS} folders. Delete one first.")
            session.add(row)
        return _as_folder(row)

    async def rename(self, caller: Caller, folder_id: str, name: str) -> Folder:
        """Give a folder another name.

        Raises:
            NotFound: The caller has no such folder.
            InvalidRequest: The name is empty.
        """
        async with self._db.session() as session:
            row = await folder_row(session, caller, folder_id)
            row.name = _clean(name)
        return _as_folder(row)

    async def delete(self, caller: Caller, folder_id: str) -> None:
        """Delete a folder; what lies in it stays and is listed with all else.

        Raises:
            NotFound: The caller has no such folder.
        """
        async with self._db.session() as session:
            row = await folder_row(session, caller, folder_id)
            row.deleted_at = sources.now()

    async def restore(self, caller: Caller, folder_id: str) -> Folder:
        """Undo a deletion; what lay in the folder lies in it again.

        Raises:
            NotFound: The caller never had such a folder, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await folder_row(session, caller, folder_id, deleted=True)
            row.deleted_at = None
        return _as_folder(row)


def _clean(name: str) -> str:
    plain = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not plain:
        raise InvalidRequest("A folder needs a name.", param="name")
    return plain[:LONGEST_NAME]


def _as_folder(row: FolderRow) -> Folder:
    return Folder(row.id, row.name, row.created_at)
