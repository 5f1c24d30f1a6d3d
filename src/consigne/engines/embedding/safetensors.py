"""Reads the safetensors format: a JSON header, then the tensors' bytes."""

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelBroken, ModelNotSupported

_MOST_HEADER = 100_000_000  # the format's own limit


class _Entry(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class Tensors:
    """The tensors of one safetensors file, read when asked for.

    Raises:
        ModelBroken: The file is missing, cut, or not of this format.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._bytes = np.memmap(path, np.uint8, "r")
            size = min(int(self._bytes[:8].view("<u8")[0]), _MOST_HEADER)
            header = msgspec.json.decode(bytes(self._bytes[8 : 8 + size]), type=dict[str, Any])
            header.pop("__metadata__", None)
            self._entries = msgspec.convert(header, dict[str, _Entry])
        except (OSError, ValueError, IndexError, msgspec.MsgspecError) as error:
            raise ModelBroken(f"{path} is no whole safetensors file: {error}.") from error
        self._start = 8 + size
        roots = (name.split("embeddings.word_embeddings.")[0] for name in self._entries)
        self._root = next((root for root in roots if root in ("bert.", "roberta.")), "")

    def __contains__(self, name: str) -> bool:
        """Say whether there is a tensor of this name, below the encoder's own root."""
        return self._root + name in self._entries

    def read(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return a tensor as float32.

        Raises:
            ModelBroken: It is missing, of another shape, or cut.
            ModelNotSupported: Its numbers are not F32, F16 or BF16.
        """
        entry = self._entries.get(self._root + name)
        if entry is None or entry.shape != shape:
            found = "missing" if entry is None else f"of the shape {entry.shape}, not {shape}"
            raise ModelBroken(f"{self._path}: the tensor {name} is {found}.")
        first, last = entry.data_offsets
        data = self._bytes[self._start + first : self._start + last]
        width = {"F32": 4, "F16": 2, "BF16": 2}.get(entry.dtype)
        if width is None:
            raise ModelNotSupported(f"{self._path}: {name} is of the type {entry.dtype}.")
        if len(data) != width * math.prod(shape):
            raise ModelBroken(f"{self._path} is cut inside the tensor {name}.")
        raw = np.frombuffer(data.tobytes(), np.uint8)
        if entry.dtype == "BF16":
            values = (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = raw.view("<f4" if entry.dtype == "F32" else "<f2").astype(np.float32)
        if not np.isfinite(values).all():
            raise ModelBroken(f"{self._path}: the tensor {name} holds infinities or NaN.")
        return values.reshape(shape)
