"""Read GGUF files: metadata, tensor table and raw blocks, with every length checked.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

import mmap
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelBroken, ModelNotSupported

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
MAX_DIMENSIONS: Final = 4

_SCALARS: Final = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING: Final = 8
_ARRAY: Final = 9


class TensorInfo(msgspec.Struct, frozen=True):
    """Where a tensor lies in the file and how it is stored."""

    name: str
    quantization: str
    """The block format's name, as ggml has it: ``F32``, ``Q4_K``…"""
    shape: tuple[int, ...]
    """Outermost dimension first, as numpy has it; the last one is contiguous."""
    offset: int
    """Of its first byte from the start of the file."""
    block_elements: int
    block_bytes: int

    @property
    def elements(self) -> int:
        """How many weights it has."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def nbytes(self) -> int:
        """Its length in the file, in bytes."""
        return self.elements // self.block_elements * self.block_bytes

    @property
    def rows(self) -> int:
        """How many rows of ``shape[-1]`` elements it has."""
        return self.elements // self.shape[-1]


class GgufFile:
    """An open GGUF file; close it, or use it in a ``with`` block.

    Raises:
        ModelBroken: Not a GGUF, cut short, or its tables contradict themselves.
        ModelNotSupported: A version or tensor type of GGUF that is not read here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise ModelBroken(f"Can't read the model file {path}: {error.strerror}.") from None
        try:
            self.size = os.fstat(self._fd).st_size
            header = _Header(self._map(), path)
            try:
                self.metadata, self.tensors = header.read(self.size)
            finally:
                header.close()
        except BaseException:
            self.close()
            raise

    def _map(self) -> mmap.mmap:
        try:
            return mmap.mmap(self._fd, 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # an empty file can't be mapped
            raise _not_gguf(self.path) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def blocks(self, tensor: TensorInfo, start: int, stop: int) -> NDArray[np.uint8]:
        """Return rows ``start`` to ``stop`` as raw blocks, (rows, blocks, bytes of a block)."""
        per_row = tensor.shape[-1] // tensor.block_elements
        row_bytes = per_row * tensor.block_bytes
        raw = self._read(tensor.offset + start * row_bytes, (stop - start) * row_bytes)
        return np.frombuffer(raw, np.uint8).reshape(stop - start, per_row, tensor.block_bytes)

    def _read(self, offset: int, length: int) -> bytearray:
        """Read exactly so many bytes (one system call may return fewer)."""
        buffer = bytearray(length)
        view = memoryview(buffer)
        os.lseek(self._fd, offset, os.SEEK_SET)
        done = 0
        while done < length:
            piece = os.read(self._fd, min(length - done, 1 << 24))
            if not piece:
                raise _truncated(self.path, self.size, offset + length)
            view[done : done + len(piece)] = piece
            done += len(piece)
        return buffer


class _Header:
    """A cursor over the mapped head of the file."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self.data = data
        self.path = path
        self.at = 0

    def close(self) -> None:
        self.data.close()

    def read(self, size: int) -> tuple[dict[str, Any], dict[str, TensorInfo]]:
        try:
            return self._read(size)
        except (struct.error, IndexError, OverflowError, MemoryError, UnicodeDecodeError):
            raise ModelBroken(
                f"{self.path} is damaged or cut short: its header can't be read. Download it again."
            ) from None

    def _read(self, size: int) -> tuple[dict[str, Any], dict[str, TensorInfo]]:
        if self.data[:4] != MAGIC:
            raise _not_gguf(self.path)
        self.at = 4
        version = self._scalar("<I")
        if version not in VERSIONS:
            big_endian = int.from_bytes(version.to_bytes(4, "big"), "little") in VERSIONS
            what = "big-endian GGUF" if big_endian else f"GGUF version {version}"
            raise ModelNotSupported(
                f"{self.path} is {what}; only little-endian versions 2 and 3 are read. "
                "Pull a current GGUF of the model."
            )
        tensor_count, entry_count = self._scalar("<Q"), self._scalar("<Q")
        metadata: dict[str, Any] = {}
        for _ in range(entry_count):
            key = self._string()
            metadata[key] = self._value(self._scalar("<I"))
        entries = [self._tensor() for _ in range(tensor_count)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0:
            raise IndexError
        base = -(-self.at // alignment) * alignment
        tensors = {}
        for entry in entries:
            tensor = self._located(entry, base)
            if tensor.offset + tensor.nbytes > size:
                raise _truncated(self.path, size, tensor.offset + tensor.nbytes)
            tensors[tensor.name] = tensor
        return metadata, tensors

    def _scalar(self, form: str) -> Any:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def _bytes(self) -> bytes:
        length = self._scalar("<Q")
        end = self.at + length
        if end > len(self.data):
            raise IndexError
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def _string(self) -> str:
        return self._bytes().decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._bytes().decode("utf-8", "replace")
        if kind != _ARRAY:
            return self._scalar(_form(kind))
        item, count = self._scalar("<I"), self._scalar("<Q")
        if item == _STRING:
            return [self._bytes().decode("utf-8", "replace") for _ in range(count)]
        form = _form(item)
        end = self.at + count * struct.calcsize(form)
        if end > len(self.data):
            raise IndexError
        dtype = np.dtype(np.bool_) if form == "<?" else np.dtype(form)
        values = np.frombuffer(self.data[self.at : end], dtype)
        self.at = end
        return values

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        rank = self._scalar("<I")
        if not 1 <= rank <= MAX_DIMENSIONS:
            raise IndexError
        shape = tuple(reversed([self._scalar("<Q") for _ in range(rank)]))
        return name, shape, self._scalar("<I"), self._scalar("<Q")

    def _located(self, entry: tuple[str, tuple[int, ...], int, int], base: int) -> TensorInfo:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        name, shape, kind, offset = entry
        try:
            quantization = GGMLQuantizationType(kind)
        except ValueError:
            raise ModelNotSupported(
                f"{self.path}: tensor {name} has the unknown type {kind}. "
                "Pull a Q4_K_M, Q8_0 or F16 GGUF of the model."
            ) from None
        elements, size = GGML_QUANT_SIZES[quantization]
        if 0 in shape or shape[-1] % elements:
            raise IndexError
        return TensorInfo(name, quantization.name, shape, base + offset, elements, size)


def _form(kind: int) -> str:
    if kind not in _SCALARS:
        raise IndexError
    return _SCALARS[kind]


def _not_gguf(path: Path) -> ModelBroken:
    return ModelBroken(f"{path} is not a GGUF file. Download the model again, or check the name.")


def _truncated(path: Path, size: int, needed: int) -> ModelBroken:
    return ModelBroken(
        f"{path} is cut short: it has {size:,} bytes and needs {needed:,}. Download it again."
    )


def text(metadata: dict[str, Any], key: str) -> str:
    """Return a metadata entry if it is a string, else the empty string."""
    value = metadata.get(key)
    return value if isinstance(value, str) else ""


def texts(metadata: dict[str, Any], key: str) -> tuple[str, ...]:
    """Return a metadata entry that is a list of strings (or one string), else nothing."""
    value = metadata.get(key)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(value)
    return ()


def integers(metadata: dict[str, Any], key: str) -> Sequence[int]:
    """Return a metadata entry that is an array of numbers, else nothing."""
    value = metadata.get(key)
    return value.tolist() if isinstance(value, np.ndarray) else ()


def floats(metadata: dict[str, Any], key: str) -> tuple[float, ...]:
    """Return a metadata entry that is an array of numbers with fractions, else nothing."""
    value = metadata.get(key)
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else ()
