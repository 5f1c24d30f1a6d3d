"""What a key has left of its limits, as each dialect's headers say it."""

from datetime import timedelta
from typing import TYPE_CHECKING

from consigne.domain import sources

if TYPE_CHECKING:
    from consigne.business.limits import Account, Kind, Standing

Headers = list[tuple[bytes, bytes]]

_ANTHROPIC: "dict[Kind, str]" = {
    "requests": "requests",
    "tokens": "tokens",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
}


def of(account: "Account", *, anthropic: bool) -> Headers:
    """Return the headers; a limit that does not exist has none."""
    found: Headers = []
    for standing in account.standings():
        found += _anthropic(standing) if anthropic else _openai(standing)
    return found


def names() -> list[str]:
    """Return the names of all such headers, for pages of other origins to read."""
    openai = [f"x-ratelimit-{p}-{k}" for p in _PARTS for k in ("requests", "tokens")]
    kinds = _ANTHROPIC.values()
    return openai + [f"anthropic-ratelimit-{kind}-{p}" for kind in kinds for p in _PARTS]


_PARTS = ("limit", "remaining", "reset")


def _anthropic(standing: "Standing") -> Headers:
    prefix = f"anthropic-ratelimit-{_ANTHROPIC[standing.kind]}"
    reset = sources.now() + timedelta(seconds=standing.reset_s)
    return [
        (f"{prefix}-limit".encode(), b"%d" % standing.limit),
        (f"{prefix}-remaining".encode(), b"%d" % standing.remaining),
        (f"{prefix}-reset".encode(), f"{reset:%Y-%m-%dT%H:%M:%SZ}".encode()),
    ]


def _openai(standing: "Standing") -> Headers:
    if standing.kind not in ("requests", "tokens"):
        return []  # the dialect has no word for the others
    kind = standing.kind
    return [
        (f"x-ratelimit-limit-{kind}".encode(), b"%d" % standing.limit),
        (f"x-ratelimit-remaining-{kind}".encode(), b"%d" % standing.remaining),
        (f"x-ratelimit-reset-{kind}".encode(), duration(standing.reset_s).encode()),
    ]


def duration(seconds: float) -> str:
    """Return a length of time as the dialect writes it: ``250ms``, ``7s``, ``1m30s``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
