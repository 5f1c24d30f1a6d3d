"""API keys: made, listed, revoked, and recognised on every request."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.home import Home, ensure_home, find_home, first_workspace
from consigne.business.identity import owner_caller
from consigne.business.secret import hash_secret, new_secret
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotFound, OperatorError, Overloaded
from consigne.domain.ids import new_id
from consigne.store.db import Database
from consigne.store.tables import ApiKeyRow

PREFIX = "sk-csn-"
TRUST_FOR = timedelta(seconds=4)
"""How long a key that was recognised is not looked up again; so long a revoked one may work."""
NOTE_USE_EVERY = timedelta(minutes=1)
MAX_REMEMBERED = 10_000


class ApiKey(msgspec.Struct, frozen=True):
    """What may be shown of a key."""

    id: str
    name: str
    hint: str
    """The secret's last four characters."""
    created_at: datetime
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None


class Keys:
    """Knows which keys may call the API."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[bytes, tuple[datetime, Caller]] = {}
        self._local: set[bytes] = set()

    async def create(self, name: str, *, organisation_id: str = "") -> tuple[ApiKey, str]:
        """Make a key and return it with its secret, which can't be shown again.

        Raises:
            InvalidRequest: The name is empty or too long.
            Conflict: A key of this name is in use.
        """
        name = name.strip()
        if not 0 < len(name) <= 100:
            raise InvalidRequest("A key's name has 1 to 100 characters.", param="name")
        secret = new_secret(PREFIX)
        async with self._db.session() as session:
            home = await _organisation(session, organisation_id)
            if await _in_use(session, home.organisation_id, name):
                raise Conflict(f"There is a key named '{name}' already.", param="name")
            row = ApiKeyRow(
                id=new_id("key"),
                organisation_id=home.organisation_id,
                workspace_id=home.workspace_id,
                name=name,
                secret_hash=hash_secret(secret),
                hint=secret[-4:],
                created_at=sources.now(),
            )
            session.add(row)
            await session.flush()
            return _as_key(row), secret

    async def list(self, *, organisation_id: str = "") -> "list[ApiKey]":
        """Return an organisation's keys, the earliest first, revoked ones included."""
        async with self._db.reading() as session:
            if not organisation_id:
                home = await find_home(session)
                organisation_id = home.organisation_id if home else ""
            rows = await session.scalars(
                select(ApiKeyRow)
                .where(ApiKeyRow.organisation_id == organisation_id)
                .order_by(ApiKeyRow.id)
            )
            return [_as_key(row) for row in rows]

    async def revoke(self, id_or_name: str, *, organisation_id: str = "") -> ApiKey:
        """End a key; it stops working within 5 seconds, here and in every other process.

        Raises:
            NotFound: No key in use has this id or name.
        """
        async with self._db.session() as session:
            home = await _organisation(session, organisation_id)
            row = await _in_use(session, home.organisation_id, id_or_name)
            if row is None:
                raise NotFound(f"No key in use has the id or name '{id_or_name}'.")
            row.revoked_at = sources.now()
        self._known.pop(row.secret_hash, None)
        return _as_key(row)

    async def add_local(self, secret: str) -> None:
        """Recognise a secret of this process alone: whoever has it acts as the owner."""
        self._local.add(hash_secret(secret))

    async def authenticate(self, secret: str) -> Caller | None:
        """Return who calls with this secret; a key seen in the last seconds costs no query."""
        if not secret.startswith(PREFIX):
            return None
        now, digest = sources.now(), hash_secret(secret)
        if remembered := self._known.get(digest):
            seen, caller = remembered
            # A clock that was set back must not prolong anything.
            if timedelta(0) <= now - seen < TRUST_FOR:
                return caller
        found = await self._look_up(digest, now)
        if found is None:
            self._known.pop(digest, None)
            return None
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[digest] = (now, found)
        return found

    async def _look_up(self, digest: bytes, now: datetime) -> Caller | None:
        async with self._db.reading() as session:
            if digest in self._local:
                return await owner_caller(session)
            row = await session.scalar(
                select(ApiKeyRow).where(
                    ApiKeyRow.secret_hash == digest, ApiKeyRow.revoked_at.is_(None)
                )
            )
        if row is None:
            return None
        if row.last_used_at is None or row.last_used_at + NOTE_USE_EVERY <= now:
            await self._note_use(row.id, now)
        return Caller(row.organisation_id, row.workspace_id, None, row.id, "member", row.name)

    async def _note_use(self, key_id: str, now: datetime) -> None:
        try:
            async with self._db.session() as session:
                await session.execute(
                    update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(last_used_at=now)
                )
        except (OperatorError, Overloaded):
            # A full disk must not lock callers out who only read.
            return


async def _organisation(session: AsyncSession, organisation_id: str) -> Home:
    if not organisation_id:
        return await ensure_home(session)
    return Home(organisation_id, await first_workspace(session, organisation_id))


async def _in_use(session: AsyncSession, organisation_id: str, id_or_name: str) -> ApiKeyRow | None:
    return await session.scalar(
        select(ApiKeyRow).where(
            ApiKeyRow.organisation_id == organisation_id,
            ApiKeyRow.revoked_at.is_(None),
            (ApiKeyRow.name == id_or_name) | (ApiKeyRow.id == id_or_name),
        )
    )


def _as_key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
