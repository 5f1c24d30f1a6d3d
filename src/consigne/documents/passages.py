"""Cuts a document's text into passages, each small enough for an embedding model to read whole."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from consigne.documents.reading.values import Part

LARGEST = 800
"""Characters of a passage: about 200 tokens, of the 256 that small embedding models read."""
SMALLEST = 200
"""A passage is not cut before this many characters."""
_ENDS = tuple(map(re.compile, (r"\n\s*\n", r"\n", r"[.!?…。！？]\s", r"\s")))


class Cut(msgspec.Struct, frozen=True):
    """A passage."""

    text: str
    start: int
    """In the document's text, in characters."""
    page: int | None
    section: str


def cut(parts: Sequence[Part]) -> Iterator[Cut]:
    """Yield the passages; together they are the text of all parts, each part ending with a line.

    A cut falls after a paragraph if it can, else after a line, a sentence, a word.
    """
    start = 0
    for part in parts:
        text = part.text if part.text.endswith("\n") else part.text + "\n"
        at = 0
        while at < len(text):
            end = _end(text, at)
            yield Cut(text[at:end], start + at, part.page, part.section)
            at = end
        start += len(text)


def _end(text: str, at: int) -> int:
    if len(text) - at <= LARGEST:
        return len(text)
    for pattern in _ENDS:
        found = [m.end() for m in pattern.finditer(text, at + SMALLEST, at + LARGEST)]
        if found:
            return found[-1]
    return at + LARGEST
