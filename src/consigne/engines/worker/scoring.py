"""How likely a given text is: the log-probability of each of its tokens, and the likeliest others.

The generating pipeline tells the log-probabilities of chosen tokens only, and none of those that
its prefix cache spares. So texts are scored by the same model in its plain form, compiled when
first needed and given up when idle. It reads a text piece by piece, between the pipeline's steps.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import Overloaded
from consigne.domain.events import TokenLogprob
from consigne.engines import memory

if TYPE_CHECKING:
    import openvino

PIECE_TOKENS: Final = 128
"""Tokens of a text that are read at once: what others wait for meanwhile."""
IDLE_S: Final = 60.0
"""Seconds without a text to score after which the second form of the model is given up."""


_PROPERTIES: Final = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
"""The generating pipeline's arithmetic, but for its rounded attention cache."""


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

    def __init__(
        self, folder: Path, vocabulary: Sequence[bytes], ends: Sequence[int], device: str
    ) -> None:
        """Prepare to score.

        Args:
            folder: The model's.
            vocabulary: What each of its tokens stands for, control tokens included.
            ends: The tokens that end an answer.
            device: Where it computes.
        """
        self._folder = folder
        self._vocabulary = vocabulary
        self._ends = frozenset(ends)
        self._device = device
        self._request: openvino.InferRequest | None = None
        self._jobs: dict[int, Iterator[Scored | None]] = {}

    @property
    def busy(self) -> bool:
        """Whether texts wait to be scored."""
        return bool(self._jobs)

    @property
    def loaded(self) -> bool:
        """Whether the model is held in its plain form."""
        return self._request is not None

    @property
    def current(self) -> int:
        """The number of the text that is read now."""
        return next(iter(self._jobs))

    def submit(self, job: Job) -> None:
        """Take a text, to be scored after those that came before.

        Raises:
            Overloaded: There is not the memory to hold the model once more.
        """
        if self._request is None:
            self._check_memory()
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

    def unload(self) -> None:
        """Give the plain form of the model up."""
        self._request = None

    def _check_memory(self) -> None:
        weights = (self._folder / "openvino_model.bin").stat().st_size
        needed = int(weights * memory.WEIGHTS_FACTOR)
        if memory.available_bytes() < needed:
            raise Overloaded(
                f"Scoring a text needs {needed / 2**20:,.0f} MB more of memory than is free here.",
                retry_after=60.0,
            )

    def _load(self) -> "openvino.InferRequest":
        import openvino

        if self._request is None:
            core = openvino.Core()
            path = self._folder / "openvino_model.xml"
            compiled = core.compile_model(
                path, self._device, _PROPERTIES if self._device == "CPU" else {}
            )
            self._request = compiled.create_infer_request()
        return self._request

    def _score(self, job: Job) -> Iterator[Scored | None]:
        """Read the text; yields ``None`` after each piece but the last."""
        request = self._load()
        request.reset_state()
        found = [TokenLogprob(self._vocabulary[job.tokens[0]], 0.0)]
        count = len(job.tokens)
        for begin in range(0, count, PIECE_TOKENS):
            end = min(begin + PIECE_TOKENS, count)
            logprobs = _log_softmax(self._read(request, job.tokens, begin, end))
            targets = job.tokens[begin + 1 : end + 1].tolist()
            found += [
                self._told(row, t, job.top) for row, t in zip(logprobs, targets, strict=False)
            ]
            if end < count:
                yield None
        likeliest = _likeliest(logprobs[-1], max(job.top, 1))
        following = tuple(self._told(logprobs[-1], token, 0) for token in likeliest)
        yield Scored(tuple(found), following, likeliest[0] in self._ends)

    def _read(
        self, request: "openvino.InferRequest", tokens: NDArray[np.int64], begin: int, end: int
    ) -> NDArray[np.float32]:
        inputs: dict[str, NDArray[Any]] = {
            "input_ids": tokens[None, begin:end],
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(begin, end, dtype=np.int64)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        names = set(itertools.chain(*(i.get_names() for i in request.model_inputs)))
        results = request.infer({name: v for name, v in inputs.items() if name in names})
        logits: NDArray[np.float32] = results["logits"][0]
        return logits

    def _told(self, row: NDArray[np.float32], token: int, top: int) -> TokenLogprob:
        likeliest = _likeliest(row, top) if top else []
        others = tuple((self._vocabulary[each], float(row[each])) for each in likeliest)
        return TokenLogprob(self._vocabulary[token], float(row[token]), others)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _likeliest(row: NDArray[np.float32], count: int) -> list[int]:
    """Return the tokens of the highest values, best first."""
    if count == 1:
        return [int(row.argmax())]
    count = min(count, len(row))
    found = np.argpartition(row, -count)[-count:]
    order: list[int] = found[np.argsort(-row[found], kind="stable")].tolist()
    return order
