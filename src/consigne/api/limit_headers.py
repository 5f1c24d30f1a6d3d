"""What a key has left of its limits, as each dialect's headers say it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
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
    told = _anthropic if anthropic else _openai
    found: Headers = []
    for standing in account.standings():
        found += told(standing)
    return found


def names() -> list[str]:
    """Return the names of all such headers, for pages of other origins to read."""
    openai = [f"x-ratelimit-{p}-{k}" for p in _PARTS for k in ("requests", "tokens")]
    kinds = _ANTHROPIC.values()
    return openai + [f"anthropic-ratelimit-{kind}-{p}" for kind in kinds for p in _PARTS]


_PARTS = ("limit", "remaining", "reset")


def _names(pattern: str, kinds: "Iterable[Kind]") -> "dict[Kind, tuple[bytes, bytes, bytes]]":
    return {
        kind: (
            pattern.format(kind=_ANTHROPIC[kind], part="limit").encode(),
            pattern.format(kind=_ANTHROPIC[kind], part="remaining").encode(),
            pattern.format(kind=_ANTHROPIC[kind], part="reset").encode(),
        )
        for kind in kinds
    }


_ANTHROPIC_NAMES = _names("anthropic-ratelimit-{kind}-{part}", _ANTHROPIC)
_OPENAI_NAMES = _names("x-ratelimit-{part}-{kind}", ("requests", "tokens"))
"""The dialect has no word for the others."""


def _anthropic(standing: "Standing") -> Headers:
    limit, remaining, reset = _ANTHROPIC_NAMES[standing.kind]
    whole_again = sources.seconds() + standing.reset_s
    return [
        (limit, b"%d" % standing.limit),
        (remaining, b"%d" % standing.remaining),
        (reset, _instant(int(whole_again))),
    ]


@lru_cache(maxsize=256)
def _instant(second: int) -> bytes:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}".encode()


def _openai(standing: "Standing") -> Headers:
    if standing.kind not in _OPENAI_NAMES:
        return []
    limit, remaining, reset = _OPENAI_NAMES[standing.kind]
    return [
        (limit, b"%d" % standing.limit),
        (remaining, b"%d" % standing.remaining),
        (reset, duration(standing.reset_s).encode()),
    ]


def duration(seconds: float) -> str:
    """Return a length of time as the dialect writes it: ``250ms``, ``7s``, ``1m30s``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
