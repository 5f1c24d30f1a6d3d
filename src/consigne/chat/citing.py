"""Passages with numbers: how a model is shown them, and which of them an answer cites."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from consigne.chat.values import Citation
from consigne.documents.values import Passage

C = TypeVar("C")

HOW_TO_CITE = (
    "Files are shown as passages; each begins with its number in square brackets. "
    "Where your answer rests on a passage, write its number the same way after the sentence, "
    "such as [2]. Use only numbers that are shown. If the passages do not hold the answer, say so."
)
_MARK = re.compile(r"\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]")


def numbered(passages: Sequence[Passage], first: int) -> str:
    """Return the passages as a model reads them, counted from ``first``, file by file."""
    lines: list[str] = []
    filename = None
    for number, passage in enumerate(passages, first):
        if passage.filename != filename:
            filename = passage.filename
            lines.append(f"File: {filename}")
        lines.append(f"[{number}] {passage.text.strip()}")
    return "\n".join(lines)


def citation(number: int, passage: Passage) -> Citation:
    """Return a passage as an answer cites it."""
    return Citation(
        number=number,
        document_id=passage.document_id,
        filename=passage.filename,
        passage=passage.number,
        page=passage.page,
        section=passage.section,
        text=passage.text,
        start=passage.start,
    )


def cited(text: str, shown: Mapping[int, C]) -> tuple[C, ...]:
    """Return the passages that a text cites, of those that its writer was shown."""
    return tuple(shown[number] for number in sorted(set(_numbers(text))) if number in shown)


def marks(text: str) -> Iterable[tuple[int, int, int]]:
    """Yield where a text names a passage: from, to (in characters), and the passage's number."""
    for mark in _MARK.finditer(text):
        for number in mark[1].split(","):
            yield mark.start(), mark.end(), int(number)


def _numbers(text: str) -> Iterable[int]:
    for mark in _MARK.findall(text):
        yield from (int(number) for number in mark.split(","))
