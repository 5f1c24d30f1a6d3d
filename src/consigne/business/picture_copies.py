"""Pictures given to somebody else: each becomes a picture of theirs, with a file of its own.

So the giver may delete theirs, and whoever got a copy may delete, change or hand on what is theirs.
The file stays as it was signed; what was told to the model besides the words that are shown with a
picture (what it must not hold, the seed, what it was made from) is not given on.
"""

import asyncio
from collections.abc import Collection, Mapping
from itertools import compress
from typing import Final

from sqlalchemy import delete, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.pictures import object_key, owned, owner_of
from consigne.domain import sources
from consigne.domain.errors import NotFound
from consigne.domain.ids import new_id
from consigne.store.db import Database
from consigne.store.objects import Objects
from consigne.store.pictures_tables import PictureRow

AT_ONCE: Final = 8
"""Files that are copied at a time."""


class PictureCopies:
    """Copies pictures from one person's to another's."""

    def __init__(self, db: Database, objects: Objects) -> None:
        self._db = db
        self._objects = objects

    async def make(
        self, giver: Caller, receiver: Caller, prompts: Mapping[str, str]
    ) -> dict[str, str]:
        """Copy pictures of the giver's; return the ids of those that were still there, renamed.

        ``prompts`` holds, by id, the words that are shown with each. The copies are seen by nobody
        before ``show``; those that never are go with the next sweeps.

        Raises:
            OperatorError: The object store can't be written.
        """
        if not prompts:
            return {}
        async with self._db.session() as session:
            wanted = PictureRow.id.in_(prompts), PictureRow.state == "ready", owned(giver)
            rows = (await session.scalars(select(PictureRow).where(*wanted))).all()
            renamed = {row.id: new_id("img") for row in rows}
            session.add_all(_copy(row, renamed[row.id], receiver, prompts[row.id]) for row in rows)
        copied: dict[str, str] = {}
        pairs = list(renamed.items())
        for start in range(0, len(pairs), AT_ONCE):
            some = pairs[start : start + AT_ONCE]
            there = await asyncio.gather(*(self._copied(giver, receiver, *pair) for pair in some))
            copied |= dict(compress(some, there))
        return copied

    async def show(self, session: AsyncSession, receiver: Caller, copies: Collection[str]) -> None:
        """Let the receiver see copies, in the transaction that stores where they are shown."""
        await session.execute(
            update(PictureRow)
            .where(PictureRow.id.in_(copies), owned(receiver), PictureRow.state == "writing")
            .values(state="ready")
        )

    async def _copied(self, giver: Caller, receiver: Caller, old: str, new: str) -> bool:
        """Copy a file; say whether it was still there."""
        try:
            await self._objects.copy(
                object_key(giver.organisation_id, old), object_key(receiver.organisation_id, new)
            )
        except NotFound:  # deleted meanwhile
            async with self._db.session() as session:
                await session.execute(
                    delete(PictureRow).where(PictureRow.id == new, owned(receiver))
                )
            return False
        return True


def _copy(row: PictureRow, picture_id: str, receiver: Caller, prompt: str) -> PictureRow:
    values = {each.key: getattr(row, each.key) for each in inspect(PictureRow).column_attrs}
    values |= {"negative_prompt": "", "seed": None, "source_id": None}
    values |= {
        "id": picture_id,
        "organisation_id": receiver.organisation_id,
        "workspace_id": receiver.workspace_id,
        "owner_id": owner_of(receiver),
        "state": "writing",
        "prompt": prompt,
        "url_key": sources.random_bytes(32),
        "created_at": sources.now(),
    }
    return PictureRow(**values)
