"""The one place that clock and randomness come from, so that tests can hold them still."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec


def _wall_clock() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class Sources(msgspec.Struct, frozen=True):
    """Where time and randomness come from."""

    clock: Callable[[], datetime] = _wall_clock
    entropy: Callable[[int], bytes] = os.urandom


_current = Sources()


def now() -> datetime:
    """Return the current time, in UTC."""
    return _current.clock()


def seconds() -> float:
    """Return the current time in seconds since 1970: ``now`` without the making of a date."""
    clock = _current.clock
    return time.time() if clock is _wall_clock else clock().timestamp()


def random_bytes(count: int) -> bytes:
    """Return ``count`` cryptographically random bytes."""
    return _current.entropy(count)


@contextmanager
def use(replacement: Sources) -> Iterator[None]:
    """Replace the sources for the duration of a ``with`` block (tests only)."""
    global _current  # noqa: PLW0603 - the single switch this module exists for
    previous, _current = _current, replacement
    try:
        yield
    finally:
        _current = previous
