"""API keys: made, listed, revoked, and recognised on every request."""

from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.business.grants import UNBOUND, Grant, RateLimits
from consigne.business.home import Home, ensure_home, find_home, first_workspace
from consigne.business.identity import owner_caller
from consigne.business.secret import hash_secret, new_secret
from consigne.business.sharing import Shared
from consigne.domain import sources
from consigne.domain.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    OperatorError,
    Overloaded,
)
from consigne.domain.ids import new_id
from consigne.settings import LimitSettings
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
    expires_at: datetime | None = None
    scopes: tuple[str, ...] | None = None
    """``None`` is all."""
    models: tuple[str, ...] | None = None
    """``None`` is all."""
    limits: RateLimits = RateLimits()
    """Its own limits; 0 where it has none of its own."""

    def state(self, now: datetime) -> str:
        """Return ``in use``, ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "in use"


class NewKey(msgspec.Struct, frozen=True):
    """What a key to be made may do."""

    expires_in: timedelta | None = None
    scopes: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    """This limit and the next three: ``None`` is the settings' default, 0 is no limit."""
    tokens_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None


class Keys:
    """Knows which keys may call the API."""

    def __init__(self, db: Database, defaults: LimitSettings | None = None) -> None:
        """Open the keys of ``db``; ``defaults`` hold where a key has no limit of its own."""
        self._db = db
        self._defaults = defaults or LimitSettings()
        self._known: dict[bytes, tuple[datetime, Caller]] = {}
        self._asked: Shared[bytes, Caller | None] = Shared()
        self._revoked = 0
        """How many were revoked here: what was looked up before that is not remembered."""
        self._local: set[bytes] = set()

    async def create(
        self, name: str, may: NewKey | None = None, *, organisation_id: str = ""
    ) -> tuple[ApiKey, str]:
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
                **_columns(may or NewKey()),
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
        self._revoked += 1
        self._known.pop(row.secret_hash, None)
        self._asked.forget()
        return _as_key(row)

    async def add_local(self, secret: str) -> None:
        """Recognise a secret of this process alone: whoever has it acts as the owner."""
        self._local.add(hash_secret(secret))

    async def authenticate(self, secret: str) -> Caller | None:
        """Return who calls with this secret; a key seen in the last seconds costs no query.

        Raises:
            NotAuthenticated: It was a key until its time was over.
        """
        if not secret.startswith(PREFIX):
            return None
        now, digest = sources.now(), hash_secret(secret)
        if remembered := self._known.get(digest):
            seen, caller = remembered
            # A clock that was set back must not prolong anything.
            if timedelta(0) <= now - seen < TRUST_FOR:
                return _unexpired(caller, now)
        found = await self._asked.ask(digest, partial(self._remember, digest, now))
        return None if found is None else _unexpired(found, now)

    async def recheck(self, caller: Caller) -> None:
        """Make sure that the key of a caller from an earlier time still works.

        Raises:
            NotAuthenticated: It was revoked, or its time is over.
        """
        if caller.key_id is None:
            return
        async with self._db.reading() as session:
            row = await session.get(ApiKeyRow, caller.key_id)
        if row is None or row.revoked_at is not None:
            raise NotAuthenticated("The API key that began this was revoked.")
        _unexpired(caller, sources.now())

    async def _remember(self, digest: bytes, now: datetime) -> Caller | None:
        revoked = self._revoked
        found = await self._look_up(digest, now)
        if found is None:
            self._known.pop(digest, None)
        elif revoked == self._revoked:
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
        grant = _grant(row, self._defaults)
        return Caller(
            row.organisation_id,
            row.workspace_id,
            None,
            row.id,
            "member",
            row.name,
            None if grant == UNBOUND else grant,
        )

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
        expires_at=row.expires_at,
        scopes=tuple(row.scopes.split()) if row.scopes is not None else None,
        models=_models(row),
        limits=RateLimits(
            row.requests_per_minute or 0,
            row.tokens_per_minute or 0,
            row.input_tokens_per_minute or 0,
            row.output_tokens_per_minute or 0,
        ),
    )


def _columns(may: NewKey) -> dict[str, object]:
    return {
        "expires_at": sources.now() + may.expires_in if may.expires_in else None,
        "scopes": " ".join(may.scopes) if may.scopes is not None else None,
        "models": msgspec.json.encode(may.models).decode() if may.models is not None else None,
        "requests_per_minute": may.requests_per_minute,
        "tokens_per_minute": may.tokens_per_minute,
        "input_tokens_per_minute": may.input_tokens_per_minute,
        "output_tokens_per_minute": may.output_tokens_per_minute,
    }


def _models(row: ApiKeyRow) -> tuple[str, ...] | None:
    if row.models is None:
        return None
    return msgspec.json.decode(row.models, type=tuple[str, ...])


def _grant(row: ApiKeyRow, defaults: LimitSettings) -> Grant:
    def limit(own: int | None, default: int) -> int:
        return default if own is None else own

    models = _models(row)
    return Grant(
        scopes=frozenset(row.scopes.split()) if row.scopes is not None else None,
        models=frozenset(models) if models is not None else None,
        limits=RateLimits(
            limit(row.requests_per_minute, defaults.requests_per_minute),
            limit(row.tokens_per_minute, defaults.tokens_per_minute),
            limit(row.input_tokens_per_minute, defaults.input_tokens_per_minute),
            limit(row.output_tokens_per_minute, defaults.output_tokens_per_minute),
        ),
        expires_at=row.expires_at,
    )


def _unexpired(caller: Caller, now: datetime) -> Caller:
    end = caller.grant.expires_at if caller.grant else None
    if end is not None and end <= now:
        raise NotAuthenticated(
            f"This API key expired on {end:%Y-%m-%d at %H:%M} UTC. Ask the operator for another."
        )
    return caller
