"""A clock that tests hold in their hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from consigne.domain import sources


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@contextmanager
def held_clock() -> Iterator[Clock]:
    """Hold the clock for the duration of a ``with`` block."""
    clock = Clock()
    with sources.use(sources.Sources(clock=lambda: clock.now)):
        yield clock
