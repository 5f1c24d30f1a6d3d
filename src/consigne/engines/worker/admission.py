"""Which prompts may enter the engine together, and when one may be dropped.

The engine's prefix cache is not safe on its own (OpenVINO GenAI 2026.4):

- Two prompts that go on from the same part-filled block, both still to be computed, write into one
  block: each is then answered with a piece of the other. So the second waits until the first is
  computed.
- A block is known by its full text as soon as its first token is planned. A prompt that is dropped
  when the engine stands in the middle of a block leaves one that is only half true to all later
  prompts of that beginning. So it is dropped a few steps later, at the end of a block or of the
  prompt.

A prompt whose beginning is just being computed for another one waits as well: it will find it done.
"""

from typing import Final

import msgspec

from consigne.engines.worker.prefixes import Prefixes, Text
from consigne.engines.worker.sizes import BLOCK_TOKENS

_WORTH_WAITING: Final = 2 * BLOCK_TOKENS
"""Tokens that another prompt is computing and that are worth waiting for."""


class _Prompt(msgspec.Struct):
    """A prompt that the engine is computing."""

    text: Text
    parts: frozenset[int]
    done: int
    """Tokens computed, or found so."""
    touched: bool = False
    """Whether the engine has computed any of it."""


class Admission:
    """Follows the engine's plan for the prompts it computes."""

    def __init__(self, prefixes: Prefixes, cache_tokens: int, step_tokens: int) -> None:
        """Begin with an empty engine.

        Args:
            prefixes: The mirror of its prefix cache.
            cache_tokens: How many tokens its cache has room for.
            step_tokens: How many tokens it works on in one step.
        """
        self._prefixes = prefixes
        self._cache_tokens = cache_tokens
        self._step_tokens = step_tokens
        self._prompts: dict[int, _Prompt] = {}
        self._answers: dict[int, Text] = {}

    def may_enter(self, text: Text, used: float) -> bool:
        """Say whether a prompt may be given to the engine now.

        Args:
            text: The prompt.
            used: Which share of the cache's blocks running requests hold, from 0 to 1.
        """
        if not self._prompts and not self._answers:
            return True
        room = self._cache_tokens * (1.0 - used) - BLOCK_TOKENS * (1 + len(self._answers))
        waiting = sum(len(one.text.marks) - one.done for one in self._prompts.values())
        if len(text.marks) + waiting > room:
            return False
        parts = self._parts(text)
        cached = self._prefixes.cached(text)
        return not any(
            parts & one.parts or _shared(text, one.text) - cached >= _WORTH_WAITING
            for one in self._prompts.values()
        )

    def enter(self, number: int, text: Text) -> int:
        """Note that a prompt was given to the engine; return how many tokens it found cached."""
        cached = self._prefixes.cached(text)
        self._prompts[number] = _Prompt(text, self._parts(text), cached)
        self._prefixes.take(text)
        return cached

    def step(self) -> None:
        """Note that the engine makes a step: a token of each answer, then the prompts in order."""
        self._prefixes.settle()
        left = self._step_tokens - len(self._answers)
        for prompt in self._prompts.values():
            planned = min(left, len(prompt.text.marks) - prompt.done)
            if planned > 0:
                prompt.done += planned
                prompt.touched = True
                left -= planned

    def begin(self, number: int) -> None:
        """Note that a request's first token came: its prompt is computed."""
        if prompt := self._prompts.pop(number, None):
            self._answers[number] = prompt.text
            self._prefixes.hold(prompt.text, ended=False)

    def may_leave(self, number: int) -> bool:
        """Say whether a request may be dropped without harm to the cache."""
        prompt = self._prompts.get(number)
        if prompt is None or not prompt.touched:
            return True
        return prompt.done % BLOCK_TOKENS == 0 or prompt.done == len(prompt.text.marks)

    def leave(self, number: int, generated: list[int]) -> None:
        """Note that a request is over; ``generated`` are all its tokens."""
        if prompt := self._prompts.pop(number, None):
            text = self._prefixes.text(prompt.text.tokens[: prompt.done])
            self._prefixes.hold(text, ended=True)
        elif (text := self._answers.pop(number)) is not None:
            # The last token was chosen but never computed.
            self._prefixes.hold(self._prefixes.extended(text, generated[:-1]), ended=True)

    def _parts(self, text: Text) -> frozenset[int]:
        """Return the part-filled blocks that a prompt may go on from, running answers' included."""
        marks = text.marks
        running = {
            answer.marks[-1]
            for answer in self._answers.values()
            if len(answer.marks) <= len(marks) and marks[len(answer.marks) - 1] == answer.marks[-1]
        }
        return self._prefixes.continued_parts(text) | running


def _shared(one: Text, other: Text) -> int:
    """Return how many tokens two texts begin with in common."""
    low, high = 0, min(len(one.marks), len(other.marks))
    while low < high:
        middle = (low + high + 1) // 2
        if one.marks[middle - 1] == other.marks[middle - 1]:
            low = middle
        else:
            high = middle - 1
    return low
