"""What the service counts of itself while it runs, in plain numbers; ``/metrics`` shows them.

Nothing here takes a lock or looks a label up more than once for a request: all of it is counted by
the one thread of the event loop.
"""

from bisect import bisect_left
from collections import deque
from statistics import median
from typing import Final

DURATION_S: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
FIRST_TOKEN_S: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
PER_TOKEN_S: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
)  # fmt: skip
"""The buckets that OpenTelemetry's conventions for generative AI advise."""

MOST_SERIES: Final = 2_000
"""Beyond so many kinds of requests further ones are counted together."""
OTHER: Final = "other"

SPEEDS: Final = 31
"""Answers of which a model's speed is the median."""
FEWEST_SPEEDS: Final = 3
LEAST_TOKENS, LEAST_S = 16, 0.1
"""Shorter answers, and those that came all at once, tell nothing of a model's speed."""


class Histogram:
    """How many values were at most each bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """In each bucket alone; the last is for what is over all bounds."""
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Series:
    """The requests of one endpoint that one model of one target answered in one way."""

    __slots__ = (
        "batch",
        "cached",
        "duration",
        "first",
        "images",
        "input",
        "output",
        "per_token",
        "requests",
    )

    def __init__(self) -> None:
        self.requests = self.batch = 0
        self.input = self.cached = self.output = self.images = 0
        self.duration = Histogram(DURATION_S)
        self.first = Histogram(FIRST_TOKEN_S)
        self.per_token = Histogram(PER_TOKEN_S)


Labels = tuple[str, str, str, str]
"""Endpoint, model, target, status. All are names of ours: nothing that a caller writes."""


class Meters:
    """All counts of this process."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}
        self.responses: dict[tuple[str, int], int] = {}
        """Answers over HTTP, by kind of path and status."""
        self.records_written = 0
        self.records_lost = 0
        self._speeds: dict[str, deque[float]] = {}

    def of(self, labels: Labels) -> Series:
        """Return the series of these labels."""
        found = self.series.get(labels)
        if found is None:
            if len(self.series) >= MOST_SERIES:
                labels = (labels[0], OTHER, OTHER, labels[3])
            found = self.series.setdefault(labels, Series())
        return found

    def wrote(self, model: str, tokens: int, seconds: float) -> None:
        """Note how long a model took for so many tokens, the first not counted."""
        if tokens >= LEAST_TOKENS and seconds >= LEAST_S:
            self._speeds.setdefault(model, deque(maxlen=SPEEDS)).append(tokens / seconds)

    def speed(self, model: str) -> float | None:
        """Return how many tokens a second a model has lately written, where that is known."""
        found = self._speeds.get(model, ())
        return median(found) if len(found) >= FEWEST_SPEEDS else None

    def responded(self, path: str, status: int) -> None:
        """Count an answer over HTTP."""
        key = (path, status)
        self.responses[key] = self.responses.get(key, 0) + 1
