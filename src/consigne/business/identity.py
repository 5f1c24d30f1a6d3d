"""People: who they are, how they sign in, and the sessions of their browsers."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, Select, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import ROLES, Caller, Role
from consigne.business.home import Home, ensure_home, find_home
from consigne.business.secret import hash_secret, new_secret
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from consigne.domain.ids import new_id
from consigne.store.db import Database
from consigne.store.tables import (
    LoginLinkRow,
    MembershipRow,
    OrganisationRow,
    SessionRow,
    UserRow,
    WorkspaceRow,
)

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)
SESSION_STEP = timedelta(hours=1)
"""A session in use is prolonged at most this often, so that reading a page writes nothing."""


class User(msgspec.Struct, frozen=True):
    """A member of an organisation."""

    id: str
    name: str
    email: str | None
    role: Role


class SignedIn(msgspec.Struct, frozen=True):
    """A session that has just begun; ``secret`` is the cookie's value and kept nowhere else."""

    secret: str
    caller: Caller


class Profile(msgspec.Struct, frozen=True):
    """Who is signed in, and where."""

    user: User
    organisation_id: str
    organisation_name: str


class Identity:
    """Knows people, and lets them in."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def has_owner(self) -> bool:
        """Say whether anybody owns this installation yet."""
        async with self._db.reading() as session:
            home = await find_home(session)
            return home is not None and await _owner_id(session, home) is not None

    async def create_user(
        self, email: str, *, name: str = "", role: str = "member", organisation_id: str = ""
    ) -> User:
        """Add a person to an organisation (this installation's, unless another is named).

        Raises:
            InvalidRequest: The address or the role is none.
            Conflict: The person is a member already.
        """
        email, known_role = _checked_email(email), _checked_role(role)
        async with self._db.session() as session:
            organisation_id = organisation_id or (await ensure_home(session)).organisation_id
            user = await session.scalar(select(UserRow).where(UserRow.email == email))
            if user is None:
                user = await _add_user(session, email, name.strip() or email.split("@")[0])
            member = await session.get(MembershipRow, (organisation_id, user.id))
            if member is not None:
                raise Conflict(f"{email} is a member already.", param="email")
            await _add_member(session, organisation_id, user.id, known_role)
            return User(user.id, user.name, user.email, known_role)

    async def list_users(self, *, organisation_id: str = "") -> list[User]:
        """Return an organisation's members, the earliest first."""
        async with self._db.reading() as session:
            if not organisation_id:
                home = await find_home(session)
                organisation_id = home.organisation_id if home else ""
            rows = await session.execute(
                select(UserRow, MembershipRow.role)
                .join(MembershipRow, MembershipRow.user_id == UserRow.id)
                .where(MembershipRow.organisation_id == organisation_id)
                .order_by(UserRow.id)
            )
            return [User(user.id, user.name, user.email, _role(role)) for user, role in rows]

    async def create_login_link(self, user_email: str | None = None) -> str:
        """Return a token that signs a person in once, within 15 minutes.

        Without an address it is for this installation's owner, who is made at the first call.

        Raises:
            NotFound: Nobody here has this address.
        """
        now, token = sources.now(), new_secret()
        async with self._db.session() as session:
            await _forget_expired(session)
            home = await ensure_home(session)
            if user_email is None:
                user_id = await _owner_id(session, home) or await _create_owner(session, home)
            else:
                user_id = await _member_id(session, home, user_email)
            session.add(
                LoginLinkRow(
                    id=new_id("link"),
                    organisation_id=home.organisation_id,
                    user_id=user_id,
                    token_hash=hash_secret(token),
                    created_at=now,
                    expires_at=now + LINK_LIFE,
                )
            )
        return token

    async def sign_in(self, token: str) -> SignedIn:
        """Begin a session with a link's token, which is used up by it.

        Raises:
            NotAuthenticated: The link is unknown, used or too old.
        """
        now, secret = sources.now(), new_secret()
        async with self._db.session() as session:
            claimed = await session.execute(
                update(LoginLinkRow)
                .where(
                    LoginLinkRow.token_hash == hash_secret(token),
                    LoginLinkRow.used_at.is_(None),
                    LoginLinkRow.expires_at > now,
                )
                .values(used_at=now)
                .returning(LoginLinkRow.organisation_id, LoginLinkRow.user_id)
            )
            link = claimed.one_or_none()
            if link is None:
                raise NotAuthenticated(
                    "This sign-in link has been used already or is too old. "
                    "Get a new one with: consigne users link"
                )
            session.add(
                SessionRow(
                    id=new_id("sess"),
                    organisation_id=link.organisation_id,
                    user_id=link.user_id,
                    secret_hash=hash_secret(secret),
                    created_at=now,
                    expires_at=now + SESSION_LIFE,
                )
            )
            await session.flush()
            row = (await session.execute(_SESSION, _by(secret))).one()
            return SignedIn(secret, _caller(row))

    async def caller(self, session_secret: str) -> Caller | None:
        """Return who a session's secret belongs to; using a session prolongs it."""
        now = sources.now()
        async with self._db.reading() as session:
            row = (await session.execute(_SESSION, _by(session_secret))).one_or_none()
            if row is None or row.expires_at <= now:
                return None
            caller = _caller(row)
        if row.expires_at < now + SESSION_LIFE - SESSION_STEP:
            async with self._db.session() as session:
                await session.execute(
                    update(SessionRow)
                    .where(SessionRow.id == row.id)
                    .values(expires_at=now + SESSION_LIFE)
                )
        return caller

    async def profile(self, caller: Caller) -> Profile:
        """Return what a signed-in person's page says of them.

        Raises:
            NotAuthenticated: The caller is no person.
        """
        async with self._db.reading() as session:
            user = await session.get(UserRow, caller.user_id) if caller.user_id else None
            organisation = await session.get(OrganisationRow, caller.organisation_id)
        if user is None or organisation is None:
            raise NotAuthenticated("Nobody is signed in.")
        member = User(user.id, user.name, user.email, caller.role)
        return Profile(member, organisation.id, organisation.name)

    async def sign_out(self, session_secret: str) -> None:
        """End a session."""
        async with self._db.session() as session:
            await session.execute(
                delete(SessionRow).where(SessionRow.secret_hash == hash_secret(session_secret))
            )


def _by(secret: str) -> dict[str, Any]:
    return {"secret": hash_secret(secret)}


def _session_query() -> Select[str, datetime, str, str, str, str, str]:
    return (
        select(
            SessionRow.id,
            SessionRow.expires_at,
            SessionRow.organisation_id,
            SessionRow.user_id,
            UserRow.name,
            MembershipRow.role,
            select(WorkspaceRow.id)
            .where(WorkspaceRow.organisation_id == SessionRow.organisation_id)
            .order_by(WorkspaceRow.id)
            .limit(1)
            .scalar_subquery()
            .label("workspace_id"),
        )
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .join(
            MembershipRow,
            (MembershipRow.user_id == SessionRow.user_id)
            & (MembershipRow.organisation_id == SessionRow.organisation_id),
        )
        .where(SessionRow.secret_hash == bindparam("secret"))
    )


_SESSION = _session_query()
"""Composed once: every request asks it."""


def _caller(row: Row[str, datetime, str, str, str, str, str]) -> Caller:
    return Caller(
        organisation_id=row.organisation_id,
        workspace_id=row.workspace_id,
        user_id=row.user_id,
        key_id=None,
        role=_role(row.role),
        name=row.name,
    )


async def owner_caller(session: AsyncSession) -> Caller | None:
    """Return this installation's owner as a caller, if there is one yet."""
    home = await find_home(session)
    owner_id = home and await _owner_id(session, home)
    if not home or not owner_id:
        return None
    name = await session.scalar(select(UserRow.name).where(UserRow.id == owner_id)) or ""
    return Caller(home.organisation_id, home.workspace_id, owner_id, None, "owner", name)


async def _owner_id(session: AsyncSession, home: Home) -> str | None:
    return await session.scalar(
        select(MembershipRow.user_id)
        .where(MembershipRow.organisation_id == home.organisation_id, MembershipRow.role == "owner")
        .order_by(MembershipRow.user_id)
        .limit(1)
    )


async def _create_owner(session: AsyncSession, home: Home) -> str:
    user = await _add_user(session, None, "Owner")
    await _add_member(session, home.organisation_id, user.id, "owner")
    return user.id


async def _member_id(session: AsyncSession, home: Home, email: str) -> str:
    found = await session.scalar(
        select(UserRow.id)
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(
            MembershipRow.organisation_id == home.organisation_id,
            UserRow.email == email.strip().lower(),
        )
    )
    if found is None:
        raise NotFound(f"Nobody here has the address {email}. Add them with: consigne users create")
    return found


async def _add_user(session: AsyncSession, email: str | None, name: str) -> UserRow:
    user = UserRow(id=new_id("user"), email=email, name=name, created_at=sources.now())
    session.add(user)
    await session.flush()
    return user


async def _add_member(
    session: AsyncSession, organisation_id: str, user_id: str, role: Role
) -> None:
    session.add(
        MembershipRow(
            organisation_id=organisation_id, user_id=user_id, role=role, created_at=sources.now()
        )
    )
    await session.flush()


async def _forget_expired(session: AsyncSession) -> None:
    now = sources.now()
    await session.execute(delete(LoginLinkRow).where(LoginLinkRow.expires_at <= now))
    await session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    local, at, host = email.partition("@")
    if not (local and at and host) or "@" in host or any(c.isspace() for c in email):
        raise InvalidRequest(f"'{email}' is not an e-mail address.", param="email")
    return email


def _checked_role(role: str) -> Role:
    if role not in ROLES:
        raise InvalidRequest(f"The role must be one of {', '.join(ROLES)}.", param="role")
    return _role(role)


def _role(stored: str) -> Role:
    return next((role for role in ROLES if role == stored), "member")
