"""Stop strings: found across pieces of text, held back until decided, never part of the answer."""

from collections.abc import Sequence


class StopMatcher:
    """Watches a stream of text for the first of several strings."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""
        self.found: str | None = None
        """The string that was met, once it was."""

    @property
    def held(self) -> int:
        """How many characters are held back."""
        return len(self._held)

    def feed(self, text: str) -> str:
        """Take more text and return what can't be part of a stop string any more.

        After a match it returns nothing but what stood before the string, once.
        """
        if self.found is not None:
            return ""
        if not self._stops:
            return text
        text = self._held + text
        first = self._first(text)
        if first is not None:
            at, self.found = first
            self._held = ""
            return text[:at]
        keep = self._undecided(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what was held back: no more text comes."""
        text, self._held = self._held, ""
        return text

    def _first(self, text: str) -> tuple[int, str] | None:
        """Return where the stop string that is complete first begins, however the text was cut."""
        hits = [(at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if not hits:
            return None
        _, at, stop = min(hits)
        return at, stop

    def _undecided(self, text: str) -> int:
        """Return the length of the longest end of ``text`` that a stop string begins with."""
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            tail = text[-size:]
            if any(stop.startswith(tail) for stop in self._stops):
                return size
        return 0
