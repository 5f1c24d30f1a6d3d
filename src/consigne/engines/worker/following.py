"""The likeliest tokens in each place of answers being written.

The pipeline tells the chosen token's log-probability alone. Where the others are asked for, the
model in its plain form reads the prompt and then the answer after the pipeline, some tokens at a
time; the answer's events wait for it. It costs what reading the text costs, not writing it: tokens
are read several at once.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.events import TokenLogprob
from consigne.engines.worker.plain import PIECE_TOKENS, PlainModel, Reading

MOST_AT_ONCE: Final = 3
"""Answers that are read at the same time, each with an attention cache of its own; others are read
once one of these is whole."""
STREAM_TOKENS: Final = 4
"""Tokens of a streamed answer that are read at once: fewer would cost more for each."""


class Read(msgspec.Struct, frozen=True):
    """Tokens of an answer, and what is told of them."""

    number: int
    tokens: tuple[int, ...]
    told: tuple[TokenLogprob, ...]
    whole: bool
    """Whether these are the answer's last."""


class _Follower:
    """One answer, and how far it is read."""

    def __init__(self, prompt: NDArray[np.int64], top: int, least: int) -> None:
        self.top = top
        self.ended = False
        self.reading: Reading | None = None
        self._ahead = prompt
        self._least = least
        self._last: NDArray[np.float32] | None = None
        self._answer: list[int] = []

    @property
    def ready(self) -> bool:
        """Whether there is enough to read."""
        return len(self._ahead) > 0 or self.ended or len(self._answer) >= self._least

    def more(self, tokens: Sequence[int]) -> None:
        self._answer += tokens

    def read(self, model: PlainModel, number: int) -> Read | None:
        """Read the prompt's next piece, or the answer's."""
        if self.reading is None:
            self.reading = model.open()
        if len(self._ahead):
            piece, self._ahead = self._ahead[:PIECE_TOKENS], self._ahead[PIECE_TOKENS:]
            self._last = self.reading.read(piece, last=True)[-1]
            return None
        tokens, self._answer = self._answer[:PIECE_TOKENS], self._answer[PIECE_TOKENS:]
        whole = self.ended and not self._answer
        told: list[TokenLogprob] = []
        if tokens:
            assert self._last is not None
            # The last token of a whole answer need not be read: nothing follows it.
            rest = np.array(tokens[:-1] if whole else tokens, np.int64)
            rows = [self._last, *(self.reading.read(rest) if len(rest) else ())]
            told = [model.told(row, t, self.top) for row, t in zip(rows, tokens, strict=False)]
            self._last = rows[-1]
        return Read(number, tuple(tokens), tuple(told), whole)


class Followers:
    """Reads answers after the pipeline, in turns."""

    def __init__(self, model: PlainModel) -> None:
        self._model = model
        self._followers: dict[int, _Follower] = {}

    @property
    def any(self) -> bool:
        """Whether answers are followed."""
        return bool(self._followers)

    @property
    def next(self) -> int | None:
        """The number of the answer to read on in now; none where there is nothing to read."""
        first = list(self._followers.items())[:MOST_AT_ONCE]
        return next((number for number, follower in first if follower.ready), None)

    def follow(self, number: int, prompt: NDArray[np.int64], top: int, *, whole: bool) -> None:
        """Begin to follow an answer.

        Args:
            number: The request's.
            prompt: Its tokens.
            top: How many of the likeliest tokens to tell, in each place.
            whole: Whether it is read by its caller only once it is whole.
        """
        least = PIECE_TOKENS if whole else STREAM_TOKENS
        self._followers[number] = _Follower(prompt, top, least)

    def more(self, number: int, tokens: Sequence[int], *, ended: bool) -> None:
        """Take an answer's next tokens, and whether they are its last."""
        follower = self._followers[number]
        follower.more(tokens)
        follower.ended = ended

    def cancel(self, number: int) -> None:
        """Forget an answer."""
        self._followers.pop(number, None)

    def step(self, number: int) -> Read | None:
        """Read one more piece of an answer; return what is told of its tokens, if of any.

        Raises:
            RuntimeError: The runtime could not; the answer is given up.
        """
        follower = self._followers.pop(number)
        found = follower.read(self._model, number)
        if found is None or not found.whole:
            self._requeue(number, follower)
        return found

    def _requeue(self, number: int, follower: _Follower) -> None:
        """Put an answer behind the others that are read at the same time."""
        entries = list(self._followers.items())
        entries.insert(MOST_AT_ONCE - 1, (number, follower))
        self._followers = dict(entries)
