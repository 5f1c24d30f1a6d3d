"""What an API key may do: its scopes, its models, its limits, its end."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, get_args

import msgspec

from consigne.domain.errors import InvalidRequest

Scope = Literal["generate", "embed", "images", "files", "batches", "models"]
"""``generate``: messages, chat, responses, completions, counting, moderations; ``embed``:
embeddings; ``images``: pictures; ``files``: files and uploads; ``batches``: requests in the
background; ``models``: reading which models there are."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

MAX_MODELS = 100
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3650)


class RateLimits(msgspec.Struct, frozen=True):
    """Most that one key may use in a minute; 0 is no limit."""

    requests: int = 0
    tokens: int = 0
    """Read and written together."""
    input_tokens: int = 0
    output_tokens: int = 0


class Grant(msgspec.Struct, frozen=True):
    """What a key may do; ``None`` is everything."""

    scopes: frozenset[str] | None = None
    models: frozenset[str] | None = None
    """Ids or aliases."""
    limits: RateLimits = RateLimits()
    expires_at: datetime | None = None


UNBOUND = Grant()
"""Of a key without any bound."""


def parse_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """Return the scopes of these names, in their own order.

    Raises:
        InvalidRequest: One is not known, or there is none.
    """
    wanted = {name.strip() for name in names} - {""}
    if unknown := sorted(wanted.difference(SCOPES)):
        raise InvalidRequest(
            f"There is no scope '{unknown[0][:100]}'. Scopes are: {', '.join(SCOPES)}.",
            param="scopes",
        )
    if not wanted:
        raise InvalidRequest("A key needs at least one scope.", param="scopes")
    return tuple(scope for scope in SCOPES if scope in wanted)


def parse_models(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of models, each once.

    Raises:
        InvalidRequest: There is none, one is too long, or there are too many.
    """
    wanted = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not 0 < len(wanted) <= MAX_MODELS or any(len(name) > 256 for name in wanted):
        raise InvalidRequest(
            f"Name 1 to {MAX_MODELS} models, of at most 256 characters each.", param="models"
        )
    return wanted


def parse_life(text: str) -> timedelta:
    """Return how long ``90d``, ``12h``, ``30m`` or ``2w`` is.

    Raises:
        InvalidRequest: It is no such length of time, or longer than ten years.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,6})([mhdw])", text.strip())
    life = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < life <= _LONGEST:
        raise InvalidRequest(
            f"'{text[:100]}' is no length of time: write 30m, 12h, 90d or 2w, ten years at most.",
            param="expires",
        )
    return life
