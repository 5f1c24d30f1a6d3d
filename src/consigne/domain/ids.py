"""Prefixed, sortable identifiers (UUIDv7, RFC 9562 section 5.7)."""

import re
from functools import lru_cache

from consigne.domain import sources

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_VERSION = (0x7 << 76) | (0b10 << 62)
_LATER = range(70, -1, -10)
_SHAPE = re.compile(r"^[a-z]{2,10}_[0-9a-hjkmnp-tv-z]{26}$")


def new_id(prefix: str) -> str:
    """Return a new id such as ``msg_01jd…``: the prefix, then a UUIDv7 in 26 base-32 digits.

    Ids of one prefix sort by the millisecond of their creation.
    """
    random = int.from_bytes(sources.random_bytes(10), "big")
    value = _VERSION | ((random >> 68 & 0xFFF) << 64) | (random & (2**62 - 1))
    digits = "".join([_PAIRS[value >> shift & 1023] for shift in _LATER])
    return f"{prefix}_{_time_digits(int(sources.seconds() * 1000))}{digits}"


@lru_cache(maxsize=16)
def _time_digits(millis: int) -> str:
    """Return the ten digits that tell the time: many ids are made in the same millisecond."""
    value = millis & (2**48 - 1)
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(40, -1, -10)])


def is_id(value: str, prefix: str) -> bool:
    """Say whether ``value`` has the shape of an id with this prefix."""
    return value.startswith(f"{prefix}_") and _SHAPE.match(value) is not None
