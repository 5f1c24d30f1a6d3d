"""A mirror of the engine's prefix cache: what a prompt will find there, and what it may damage.

The engine keeps the attention cache in blocks of 32 tokens, each known by the whole text up to its
end, and gives a new prompt the blocks of its beginning that are there; of the first block that is
not, it also gives a part that an earlier answer ended in (the shortest such part). It tells nobody
how much it gave, so the same rules are followed here (OpenVINO GenAI 2026.4, ``block_manager``).

A text is known by one number for each of its lengths: a sum of its tokens times secret random
weights, one for each position.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain import sources
from consigne.engines.worker.sizes import BLOCK_TOKENS

_REMEMBERED: Final = 8
"""Ends of texts that are remembered, for each block of the cache: more than it can hold."""

Numbers = NDArray[np.uint64]


class Text(msgspec.Struct, frozen=True, eq=False):
    """A text of tokens, and the number it is known by at each length (``marks[n - 1]``)."""

    tokens: NDArray[np.int64]
    marks: list[int]


class Prefixes:
    """What the engine's prefix cache holds."""

    def __init__(self, blocks: int, longest: int) -> None:
        """Begin with an empty cache of so many blocks; no text has more than ``longest`` tokens."""
        seed = int.from_bytes(sources.random_bytes(16), "big")
        random = np.random.default_rng(seed)
        self._weights: Numbers = random.integers(0, 2**64, longest + 1, np.uint64, endpoint=False)
        self._blocks = blocks
        self._held: OrderedDict[int, None] = OrderedDict()
        self._ends: OrderedDict[int, None] = OrderedDict()
        self._fresh: list[int] = []

    def text(self, tokens: NDArray[np.int64]) -> Text:
        """Return a prompt as this mirror knows it."""
        marks = np.cumsum((tokens.astype(np.uint64) + np.uint64(1)) * self._weights[: len(tokens)])
        return Text(tokens, marks.tolist())

    def extended(self, text: Text, generated: Sequence[int]) -> Text:
        """Return a text with generated tokens behind it."""
        return self.text(np.concatenate([text.tokens, np.array(generated, np.int64)]))

    def cached(self, text: Text) -> int:
        """Return how many of a prompt's tokens the engine would find computed."""
        whole = self._found(text)
        # The last token is computed again: the first of the answer follows from it.
        return min(whole, len(text.marks) - 1)

    def continued_parts(self, text: Text) -> frozenset[int]:
        """Return the marks of all part-filled blocks that the engine might give to a prompt.

        Two prompts that are given the same part at the same time both write behind it, in the
        same place (OpenVINO GenAI copies such a block for answers, but not for prompts).
        """
        return frozenset(mark for mark in text.marks if mark in self._ends)

    def take(self, text: Text) -> None:
        """Note that a prompt was given to the engine: it uses what it found there."""
        found = self._found(text)
        for end in range(BLOCK_TOKENS, found + 1, BLOCK_TOKENS):
            self._held.move_to_end(text.marks[end - 1])
        if found % BLOCK_TOKENS:
            self._held.pop(text.marks[found - 1])  # it will be known by more text

    def hold(self, text: Text, *, ended: bool) -> None:
        """Note that a text is computed.

        Where it ``ended``, its last block stays part-filled; else the block is known as it is up
        to the engine's next step only (see ``settle``).
        """
        marks = text.marks
        for end in range(BLOCK_TOKENS, len(marks) + 1, BLOCK_TOKENS):
            self._keep(marks[end - 1])
        if len(marks) % BLOCK_TOKENS == 0:
            return
        if not ended and marks[-1] not in self._held:
            self._fresh.append(marks[-1])
        self._keep(marks[-1])
        if ended:
            self._ends[marks[-1]] = None
            self._ends.move_to_end(marks[-1])
            if len(self._ends) > self._blocks * _REMEMBERED:
                self._ends.popitem(last=False)

    def settle(self) -> None:
        """Note that the engine makes a step: answers that have begun fill their last blocks."""
        for mark in self._fresh:
            self._held.pop(mark, None)
        self._fresh.clear()

    def _keep(self, mark: int) -> None:
        self._held[mark] = None
        self._held.move_to_end(mark)
        if len(self._held) > self._blocks:
            self._held.popitem(last=False)

    def _found(self, text: Text) -> int:
        marks, held = text.marks, self._held
        start = 0
        while start < len(marks):
            end = min(start + BLOCK_TOKENS, len(marks))
            if marks[end - 1] not in held:
                parts = (n for n in range(start + 1, end) if marks[n - 1] in held)
                return next(parts, start)
            start = end
        return start
