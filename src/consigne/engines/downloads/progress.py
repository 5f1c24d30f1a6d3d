"""How far a model's installation has come."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

Phase = Literal["download", "verify", "convert", "install"]


class Progress(msgspec.Struct, frozen=True):
    """How far one phase has come; the phases follow one another, some are left out."""

    phase: Phase
    done_bytes: int = 0
    total_bytes: int = 0
    """0 where unknown."""
    bytes_per_s: float = 0.0
    """Over the last few seconds; 0 where unknown."""
    seconds_left: float | None = None
    """Of this phase; ``None`` where unknown."""


Report = Callable[[Progress], None]


class Meter:
    """Turns byte counts into ``Progress`` with a rate, and reports at most ten times a second."""

    WINDOW_S = 5.0
    INTERVAL_S = 0.1

    def __init__(self, report: Report, clock: Callable[[], float] = time.monotonic) -> None:
        self._report = report
        self._clock = clock
        self._phase: Phase = "download"
        self._samples: deque[tuple[float, int]] = deque()
        self._last = float("-inf")

    def update(self, phase: Phase, done: int, total: int) -> None:
        """Take a new count of bytes; the first and last of a phase are always reported."""
        now = self._clock()
        if phase != self._phase:
            self._phase, self._last = phase, float("-inf")
            self._samples.clear()
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > self.WINDOW_S:
            self._samples.popleft()
        if now - self._last < self.INTERVAL_S and (done < total or not total):
            return
        self._last = now
        rate = self._rate()
        left = (total - done) / rate if rate > 0 and total >= done else None
        self._report(Progress(phase, done, total, rate, left))

    def _rate(self) -> float:
        (began, first), (now, last) = self._samples[0], self._samples[-1]
        return max(0.0, (last - first) / (now - began)) if now > began else 0.0
