"""Turns texts into vectors with a converted model; lives in a worker process."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ContextTooLong, ModelBroken
from consigne.engines.embedding.config import FILE_NAME, EncoderConfig

MOST_BATCH_TOKENS = 4096
"""Most tokens of one inference, padding included: enough to keep the cores busy."""

_SURROGATES = dict.fromkeys(range(55296, 57344), "�")


class EmbeddingRunner:
    """One loaded embedding model.

    Args:
        path: The folder that ``convert_embedding`` made.
        threads: Processor threads to use; 0 leaves it to OpenVINO.

    Raises:
        ModelBroken: A file is missing or damaged.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        import openvino
        import tokenizers

        try:
            self.config = msgspec.json.decode((path / FILE_NAME).read_bytes(), type=EncoderConfig)
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
            properties = {"PERFORMANCE_HINT": "LATENCY"}
            if threads:
                properties["INFERENCE_NUM_THREADS"] = str(threads)
            compiled = openvino.Core().compile_model(path / "openvino_model.xml", "CPU", properties)
        except Exception as error:
            raise ModelBroken(f"The embedding model {path} can't be loaded: {error}") from error
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._request = compiled.create_infer_request()

    def embed(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
        """Return a unit vector for each text, as rows, and each text's count of tokens.

        Texts of like length are computed together, so that little is padding.

        Raises:
            ContextTooLong: A text has more tokens than the model reads.
        """
        encoded = self._tokenizer.encode_batch(
            [(self.config.prefix + text).translate(_SURROGATES) for text in texts]
        )
        rows = [encoding.ids for encoding in encoded]
        counts = [len(row) for row in rows]
        for at, count in enumerate(counts):
            if count > self.config.context:
                raise ContextTooLong(
                    f"A text has {count} tokens; the model reads at most {self.config.context}",
                    param=f"input.{at}",
                )
        vectors = np.empty((len(texts), self.config.width), np.float32)
        for batch in _batches(counts):
            vectors[batch] = self._infer([rows[at] for at in batch])
        return vectors, counts

    def _infer(self, rows: list[list[int]]) -> NDArray[np.float32]:
        ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = row
            mask[at, : len(row)] = 1
        results = self._request.infer({"input_ids": ids, "attention_mask": mask})
        found: NDArray[np.float32] = results["vectors"]
        return found


def _batches(counts: Sequence[int]) -> Iterator[list[int]]:
    """Cut the texts, shortest first, into batches of at most ``MOST_BATCH_TOKENS``."""
    batch: list[int] = []
    for at in sorted(range(len(counts)), key=counts.__getitem__):
        if batch and (len(batch) + 1) * counts[at] > MOST_BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
