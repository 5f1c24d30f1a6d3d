"""A text model in its plain form: every token's log-probability, where the pipeline tells one.

The generating pipeline tells the log-probabilities of chosen tokens only, and none of those that
its prefix cache spares. What else is asked for is read by the same model once more, compiled when
first needed and given up when idle.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import Overloaded
from consigne.domain.events import TokenLogprob
from consigne.engines import memory

if TYPE_CHECKING:
    import openvino

PIECE_TOKENS: Final = 128
"""Tokens of a text that are read at once: what others wait for meanwhile."""

_PROPERTIES: Final = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
"""The generating pipeline's arithmetic, but for its rounded attention cache."""


class PlainModel:
    """The model in its plain form, which several texts can be read by."""

    def __init__(self, folder: Path, vocabulary: Sequence[bytes], device: str) -> None:
        """Prepare to load.

        Args:
            folder: The model's.
            vocabulary: What each of its tokens stands for, control tokens included.
            device: Where it computes.
        """
        self._folder = folder
        self._vocabulary = vocabulary
        self._device = device
        self._compiled: openvino.CompiledModel | None = None

    @property
    def loaded(self) -> bool:
        """Whether it is held in memory."""
        return self._compiled is not None

    def check_memory(self) -> None:
        """See that it can be held.

        Raises:
            Overloaded: There is not the memory to hold the model once more.
        """
        if self.loaded:
            return
        weights = (self._folder / "openvino_model.bin").stat().st_size
        needed = int(weights * memory.WEIGHTS_FACTOR)
        if memory.available_bytes() < needed:
            raise Overloaded(
                f"Scoring a text needs {needed / 2**20:,.0f} MB more of memory than is free here.",
                retry_after=60.0,
            )

    def open(self) -> "Reading":
        """Begin to read a text."""
        import openvino

        if self._compiled is None:
            self._compiled = openvino.Core().compile_model(
                self._folder / "openvino_model.xml",
                self._device,
                _PROPERTIES if self._device == "CPU" else {},
            )
        return Reading(self._compiled.create_infer_request())

    def unload(self) -> None:
        """Give it up."""
        self._compiled = None

    def told(self, row: NDArray[np.float32], token: int, top: int) -> TokenLogprob:
        """Return what a row of log-probabilities tells of a token and the ``top`` likeliest."""
        others = likeliest(row, top) if top else []
        tops = tuple((self._vocabulary[each], float(row[each])) for each in others)
        return TokenLogprob(self._vocabulary[token], float(row[token]), tops)


class Reading:
    """A text being read, and the attention to what was read of it."""

    def __init__(self, request: "openvino.InferRequest") -> None:
        self._request = request
        self._inputs = set(itertools.chain(*(i.get_names() for i in request.model_inputs)))
        self._read = 0

    def read(self, tokens: NDArray[np.int64], *, last: bool = False) -> NDArray[np.float32]:
        """Read on; return the log-probabilities of all tokens after each of ``tokens``.

        With ``last``, after the last of them only.
        """
        begin, end = self._read, self._read + len(tokens)
        inputs: dict[str, NDArray[Any]] = {
            "input_ids": tokens[None],
            "attention_mask": np.ones((1, end), np.int64),
            "position_ids": np.arange(begin, end, dtype=np.int64)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        given = {name: value for name, value in inputs.items() if name in self._inputs}
        logits: NDArray[np.float32] = self._request.infer(given)["logits"][0]
        self._read = end
        return _log_softmax(logits[-1:] if last else logits)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def likeliest(row: NDArray[np.float32], count: int) -> list[int]:
    """Return the tokens of the highest values, best first."""
    if count == 1:
        return [int(row.argmax())]
    count = min(count, len(row))
    found = np.argpartition(row, -count)[-count:]
    order: list[int] = found[np.argsort(-row[found], kind="stable")].tolist()
    return order
