"""The organisation that this installation belongs to."""

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.domain import sources
from consigne.domain.ids import new_id
from consigne.store.tables import OrganisationRow, WorkspaceRow


class Home(msgspec.Struct, frozen=True):
    """The first organisation and its first workspace."""

    organisation_id: str
    workspace_id: str


async def find_home(session: AsyncSession) -> Home | None:
    """Return the first organisation, if there is one yet."""
    organisation_id = await session.scalar(
        select(OrganisationRow.id).order_by(OrganisationRow.id).limit(1)
    )
    if organisation_id is None:
        return None
    return Home(organisation_id, await first_workspace(session, organisation_id))


async def ensure_home(session: AsyncSession) -> Home:
    """Return the first organisation, made now if there is none."""
    if home := await find_home(session):
        return home
    now = sources.now()
    home = Home(new_id("org"), new_id("ws"))
    session.add(OrganisationRow(id=home.organisation_id, name="Consigne", created_at=now))
    await session.flush()
    session.add(
        WorkspaceRow(
            id=home.workspace_id,
            organisation_id=home.organisation_id,
            name="Everyone",
            created_at=now,
        )
    )
    await session.flush()
    return home


async def first_workspace(session: AsyncSession, organisation_id: str) -> str:
    """Return the workspace that an organisation's members work in by default."""
    found = await session.scalars(
        select(WorkspaceRow.id)
        .where(WorkspaceRow.organisation_id == organisation_id)
        .order_by(WorkspaceRow.id)
        .limit(1)
    )
    return found.one()
