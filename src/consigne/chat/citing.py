"""Passages with numbers: how a model is shown them, and which of them an answer cites.

A small model often cites nothing. Its answer then tells the passages that it is likely to rest on:
those that were found for the question, and those that have words in common with what was said.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import TypeVar

import msgspec

from consigne.chat.values import Citation
from consigne.documents.values import Passage

C = TypeVar("C")

HOW_TO_CITE = (
    "Files are shown as passages; each begins with its number in square brackets. "
    "Where your answer rests on a passage, write its number the same way after the sentence, "
    "such as [2]. Use only numbers that are shown. If the passages do not hold the answer, say so."
)
MOST_CONSULTED = 4
"""Passages that are told of an answer which cites none."""
_WORD = re.compile(r"\d{2,}|[^\W\d_]{5,}|[\u0370-\U0010ffff]{2,}")
"""Words that may tell texts apart: numbers, long words, words in other scripts than Latin."""
_MARK = re.compile(r"\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]")


class Shown(msgspec.Struct, frozen=True):
    """The passages that a model was shown with a question."""

    passages: Mapping[int, Citation] = {}
    """By their numbers."""
    found: tuple[int, ...] = ()
    """Those that were searched for the question, the best first."""
    question: str = ""

    def named_in(self, answer: str) -> tuple[Citation, ...]:
        """Return the passages that an answer cites; if none, those that it likely rests on."""
        return cited(answer, self.passages) or tuple(self._consulted(answer))

    def _consulted(self, answer: str) -> Iterable[Citation]:
        if not answer.strip():
            return
        said = _words(f"{self.question} {answer}")
        words = {number: _words(each.text) & said for number, each in self.passages.items()}
        often = Counter(word for common in words.values() for word in common)
        weight = {word: math.log(1 + len(words) / times) for word, times in often.items()}
        score = {number: sum(weight[word] for word in sorted(words[number])) for number in words}
        likely = [*self.found, *(n for n in words if n not in self.found and score[n])]
        likely.sort(key=lambda number: -score[number])
        for number in likely[:MOST_CONSULTED]:
            yield msgspec.structs.replace(self.passages[number], cited=False)


def numbers(amount: int, first: int = 1, taken: Collection[int] = ()) -> list[int]:
    """Return numbers for so many passages, from ``first`` on, without those that are taken."""
    free = (number for number in count(first) if number not in taken)
    return [next(free) for _ in range(amount)]


def numbered(passages: Sequence[Passage], given: Sequence[int]) -> str:
    """Return the passages as a model reads them, under the numbers given them, file by file."""
    lines: list[str] = []
    filename = None
    for number, passage in zip(given, passages, strict=True):
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


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _numbers(text: str) -> Iterable[int]:
    for mark in _MARK.findall(text):
        yield from (int(number) for number in mark.split(","))
