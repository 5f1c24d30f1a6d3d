"""Who makes a request, known from a session or a key."""

from typing import Literal, get_args

import msgspec

from consigne.business.grants import Grant

Role = Literal["owner", "admin", "billing", "member"]
ROLES: tuple[Role, ...] = get_args(Role)


class Caller(msgspec.Struct, frozen=True):
    """On whose behalf a request is made; every query filters on its organisation."""

    organisation_id: str
    workspace_id: str
    user_id: str | None
    """Set where a person is signed in."""
    key_id: str | None
    """Set where an application calls with a key."""
    role: Role
    name: str
    """Of the person or the key."""
    grant: Grant | None = None
    """What bounds the caller; ``None`` where nothing does."""

    @property
    def may_administer(self) -> bool:
        """Whether the caller may change what everybody here uses (install models, say)."""
        return self.role in ("owner", "admin")
