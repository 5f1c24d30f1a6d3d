"""Prefixed, sortable identifiers (UUIDv7, RFC 9562 section 5.7)."""

import re

from consigne.domain import sources

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_SHAPE = re.compile(r"^[a-z]{2,10}_[0-9a-hjkmnp-tv-z]{26}$")


def new_id(prefix: str) -> str:
    """Return a new id such as ``msg_01jd…``: the prefix, then a UUIDv7 in 26 base-32 digits.

    Ids of one prefix sort by the millisecond of their creation.
    """
    millis = int(sources.seconds() * 1000) & (2**48 - 1)
    random = int.from_bytes(sources.random_bytes(10), "big")
    value = (
        (millis << 80)
        | (0x7 << 76)
        | ((random >> 68 & 0xFFF) << 64)
        | (0b10 << 62)
        | (random & (2**62 - 1))
    )
    digits = "".join([_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
    return f"{prefix}_{digits}"


def is_id(value: str, prefix: str) -> bool:
    """Say whether ``value`` has the shape of an id with this prefix."""
    return value.startswith(f"{prefix}_") and _SHAPE.match(value) is not None
