"""The loop of an embedding model: texts in, vectors out."""

import logging
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ConsigneError, EngineFailed, ModelBroken
from consigne.engines.worker.channel import Channel
from consigne.engines.worker.protocol import Cancel, Embed, Embedded, Rejected

_log = logging.getLogger(__name__)


class Runner(Protocol):
    """Turns texts into vectors of unit length (``engines.embedding.EmbeddingRunner``)."""

    def embed(self, texts: list[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return one row for each text, and how many tokens each has."""
        ...


def load_embedding(model_id: str, folder: Path, threads: int) -> Runner:
    """Load and warm up the embedding model in ``folder``; 0 threads leaves their count open.

    Raises:
        ModelBroken: A file is missing or damaged.
    """
    from consigne.engines.embedding import EmbeddingRunner

    try:
        runner: Runner = EmbeddingRunner(folder, threads)
        runner.embed(["Hello, world!"])
    except (RuntimeError, OSError, ValueError) as error:
        raise ModelBroken(f"The model {model_id} can't be loaded: {error}") from error
    return runner


class EmbeddingLoop:
    """Serves one embedding model over a channel, until the host goes away."""

    def __init__(self, channel: Channel, runner: Runner) -> None:
        self._channel = channel
        self._runner = runner

    def run(self) -> None:
        """Serve, in the order of arrival; what was cancelled before its turn is passed over.

        Raises:
            Closed: The host has gone.
        """
        while True:
            messages = self._channel.receive(None)
            gone = {message.number for message in messages if isinstance(message, Cancel)}
            for message in messages:
                if isinstance(message, Embed) and message.number not in gone:
                    self._embed(message)

    def _embed(self, message: Embed) -> None:
        try:
            vectors, counts = self._runner.embed(list(message.texts))
        except Exception as error:  # noqa: BLE001 - one request's fault is not the others'
            if not isinstance(error, ConsigneError):
                _log.error("A request failed", exc_info=error)
                error = EngineFailed("The engine could not embed the texts.")
            self._channel.send(Rejected(message.number, error.code, error.message, error.param))
            return
        rows = np.ascontiguousarray(vectors, "<f4")
        self._channel.send(
            Embedded(message.number, int(rows.shape[-1]), rows.tobytes(), sum(counts))
        )
