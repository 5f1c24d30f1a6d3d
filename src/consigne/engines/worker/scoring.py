"""How likely a given text is: the log-probability of each of its tokens, and the likeliest others.

Texts are read by the model in its plain form, piece by piece, between the pipeline's steps.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.events import TokenLogprob
from consigne.engines.worker.plain import PIECE_TOKENS, PlainModel, likeliest


class Job(msgspec.Struct, frozen=True):
    """A text to score."""

    number: int
    tokens: NDArray[np.int64]
    top: int
    """How many of the likeliest tokens to tell, in each place."""


class Scored(msgspec.Struct, frozen=True):
    """What came of a job."""

    tokens: tuple[TokenLogprob, ...]
    """Of the text's tokens in order; nothing precedes the first, whose log-probability is 0."""
    next: tuple[TokenLogprob, ...]
    """The likeliest tokens to come after the text, best first."""
    ends: bool
    """Whether the likeliest of them ends an answer."""


class Scorer:
    """Scores texts, one after the other, a piece at a time."""

    def __init__(self, model: PlainModel, vocabulary: Sequence[bytes], ends: Sequence[int]) -> None:
        """Prepare to score.

        Args:
            model: Reads the texts.
            vocabulary: What each of its tokens stands for, control tokens included.
            ends: The tokens that end an answer.
        """
        self._model = model
        self._vocabulary = vocabulary
        self._ends = frozenset(ends)
        self._jobs: dict[int, Iterator[Scored | None]] = {}

    @property
    def busy(self) -> bool:
        """Whether texts wait to be scored."""
        return bool(self._jobs)

    @property
    def current(self) -> int:
        """The number of the text that is read now."""
        return next(iter(self._jobs))

    def submit(self, job: Job) -> None:
        """Take a text, to be scored after those that came before.

        Raises:
            Overloaded: There is not the memory to hold the model once more.
        """
        self._model.check_memory()
        self._jobs[job.number] = self._score(job)

    def cancel(self, number: int) -> None:
        """Forget a text."""
        self._jobs.pop(number, None)

    def step(self) -> Scored | None:
        """Read one more piece of the first text; return what came of it once it is read.

        Raises:
            RuntimeError: The runtime could not; the text is given up.
        """
        number = self.current
        job = self._jobs.pop(number)
        found = next(job)
        if found is None:
            self._jobs = {number: job} | self._jobs
        return found

    def _score(self, job: Job) -> Iterator[Scored | None]:
        """Read the text; yields ``None`` after each piece but the last."""
        reading = self._model.open()
        found = [TokenLogprob(self._vocabulary[job.tokens[0]], 0.0)]
        count = len(job.tokens)
        for begin in range(0, count, PIECE_TOKENS):
            end = min(begin + PIECE_TOKENS, count)
            rows = reading.read(job.tokens[begin:end])
            targets = job.tokens[begin + 1 : end + 1].tolist()
            found += [
                self._model.told(row, token, job.top)
                for row, token in zip(rows, targets, strict=False)
            ]
            if end < count:
                yield None
        following = likeliest(rows[-1], max(job.top, 1))
        told = tuple(self._model.told(rows[-1], token, 0) for token in following)
        yield Scored(tuple(found), told, following[0] in self._ends)
