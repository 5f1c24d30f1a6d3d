"""Prefixed, sortable identifiers (UUIDv7, RFC 9562 section 5.7)."""

import re
from functools import lru_cache

from consigne.domain import sources

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_RANDOM_DIGITS = 16
_ANY = bytes(_CROCKFORD[byte & 31].encode()[0] for byte in range(256))
"""A random byte's digit: each of the 32 is as likely."""
_VERSION = tuple(_CROCKFORD[0b01110 | byte & 1] for byte in range(256))
"""The first digit after the time: the version's four bits, and one that is random."""
_VARIANT = tuple(_CROCKFORD[0b01000 | byte & 0b10011] for byte in range(256))
"""The fourth: the variant's two bits between three that are."""
_SHAPE = re.compile(r"^[a-z]{2,10}_[0-9a-hjkmnp-tv-z]{26}$")


def new_id(prefix: str) -> str:
    """Return a new id such as ``msg_01jd…``: the prefix, then a UUIDv7 in 26 base-32 digits.

    Ids of one prefix sort by the millisecond of their creation.
    """
    random = sources.random_bytes(_RANDOM_DIGITS)
    digits = random.translate(_ANY).decode("ascii")
    millis = int(sources.seconds() * 1000)
    time = _earlier_digits(millis >> 10) + _PAIRS[millis & 1023]
    return f"{prefix}_{time}{_VERSION[random[0]]}{digits[1:3]}{_VARIANT[random[3]]}{digits[4:]}"


@lru_cache(maxsize=16)
def _earlier_digits(kibimillis: int) -> str:
    """Return all digits that tell the time but the last two: for a second they are the same."""
    value = kibimillis & (2**38 - 1)
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(30, -1, -10)])


def is_id(value: str, prefix: str) -> bool:
    """Say whether ``value`` has the shape of an id with this prefix."""
    return value.startswith(f"{prefix}_") and _SHAPE.match(value) is not None
