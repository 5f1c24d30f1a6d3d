"""Tensors of a GGUF as OpenVINO constants, read in pieces so that memory stays low."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.blocks import FLOATS, FORMATS, BlockFormat, Groups
from consigne.engines.gguf.offsets import block_columns, in_digits
from consigne.engines.gguf.reader import GgufFile, TensorInfo

PIECE_BYTES: Final = 4 << 20
"""How much of a tensor is read at once."""
REQUANTISED_GROUP: Final = 32
"""Group of the formats that have no exact form, requantised to eight bits."""


class Part(NamedTuple):
    """A tensor that is a matrix, or some rows of one."""

    name: str
    rotary_head: int = 0
    """Where the rows are heads of this size with interleaved rotary pairs, as llama's queries and
    keys are in a GGUF: they are put back in halves' order."""


class Matrix(NamedTuple):
    """A weight matrix as constants: either plain floats, or groups of integers.

    ``weight = scale * value + offset``; see ``blocks.py``.
    """

    rows: int
    columns: int
    """Of the weights; those that stand for offsets come after them."""
    values: Any
    """openvino Constant: (rows, columns) floats or (rows, groups, group) integers."""
    scales: Any = None
    """openvino Constant, (rows, groups, 1)."""
    group: int = 0
    """Weights that share a scale; 0 for floats."""
    digits: int = 0
    """Blocks of columns that stand for the groups' offsets; see ``offsets.py``."""

    @property
    def groups(self) -> int:
        """Groups of a row's weights."""
        return self.columns // self.group

    @property
    def block(self) -> int:
        """Columns of one digit of the offsets."""
        return block_columns(self.groups, self.group)

    @property
    def all_columns(self) -> int:
        """The weights' columns and those that stand for offsets."""
        return self.columns + self.digits * self.block if self.digits else self.columns


def read_vector(file: GgufFile, name: str, size: int) -> NDArray[np.float32]:
    """Return a one-dimensional tensor as float32, whatever it is stored as.

    Raises:
        ModelBroken: It has another size, or holds infinities or NaN.
    """
    tensor = file.tensors[name]
    if tensor.elements != size:
        raise ModelBroken(f"{file.path}: the tensor {name} has shape {tensor.shape}, not {size}.")
    vector = _dequantised(tensor, file.blocks(tensor, 0, tensor.rows)).reshape(-1)
    return _finite(vector, file, name)


def alike(file: GgufFile, names: Sequence[str]) -> list[list[int]]:
    """Return which of the tensors can be rows of one matrix, as indexes."""
    forms: dict[tuple[object, ...], list[int]] = {}
    for index, name in enumerate(names):
        tensor = file.tensors[name]
        key: tuple[object, ...] = (tensor.quantization,)
        if tensor.quantization not in FLOATS:
            form = _form(tensor)
            key = (form.element, form.group, form.digits)
        forms.setdefault(key, []).append(index)
    return list(forms.values())


def read_matrix(file: GgufFile, *parts: Part) -> Matrix:
    """Return a weight matrix as constants: the rows of all ``parts``, which must be ``alike``.

    Raises:
        ModelBroken: It holds infinities or NaN.
        ModelNotSupported: Its type has no arithmetic here.
    """
    if file.tensors[parts[0].name].quantization in FLOATS:
        return _float_matrix(file, parts)
    return _grouped_matrix(file, parts)


def _form(tensor: TensorInfo) -> BlockFormat:
    form = FORMATS.get(tensor.quantization)
    if form is not None:
        return form
    return BlockFormat("i8", REQUANTISED_GROUP, 0, lambda raw: _requantise(tensor, raw))


class _Piece(NamedTuple):
    rows: slice
    """Of the matrix."""
    tensor: TensorInfo
    raw: NDArray[np.uint8]
    """(rows, blocks, bytes)"""


def _pieces(file: GgufFile, parts: Sequence[Part]) -> Iterator[_Piece]:
    """The rows of all parts, in pieces."""
    first = 0
    for name, rotary_head in parts:
        tensor = file.tensors[name]
        step = max(1, PIECE_BYTES * tensor.rows // tensor.nbytes)
        if rotary_head:
            step = max(1, step // rotary_head) * rotary_head
        for start in range(0, tensor.rows, step):
            stop = min(start + step, tensor.rows)
            raw = file.blocks(tensor, start, stop)
            if rotary_head:
                raw = raw[_halves_order(stop - start, rotary_head)]
            yield _Piece(slice(first + start, first + stop), tensor, raw)
        first += tensor.rows


def _halves_order(rows: int, head: int) -> NDArray[np.intp]:
    """Row order that turns interleaved rotary pairs (0, 1), (2, 3)… into halves."""
    return np.arange(rows).reshape(-1, head // 2, 2).swapaxes(1, 2).reshape(-1)


def rotary_order(vector: NDArray[np.float32], head: int) -> NDArray[np.float32]:
    """Return a bias of llama's queries or keys in halves' order, as the matrix's rows are."""
    return vector[_halves_order(len(vector), head)]


def _shape(file: GgufFile, parts: Sequence[Part]) -> tuple[int, int]:
    shapes = [file.tensors[part.name].shape for part in parts]
    return sum(rows for rows, _ in shapes), shapes[0][1]


def _float_matrix(file: GgufFile, parts: Sequence[Part]) -> Matrix:
    import openvino as ov
    import openvino.opset13 as op

    kinds = {"F32": ov.Type.f32, "F16": ov.Type.f16, "BF16": ov.Type.bf16}
    rows, columns = _shape(file, parts)
    one = file.tensors[parts[0].name]
    memory = ov.Tensor(kinds[one.quantization], ov.Shape([rows, columns]))
    target = _raw(memory).reshape(rows, columns, one.block_bytes)
    for piece in _pieces(file, parts):
        _finite(_dequantised(piece.tensor, piece.raw), file, piece.tensor.name)
        target[piece.rows] = piece.raw
    return Matrix(rows, columns, op.constant(memory))


def _grouped_matrix(file: GgufFile, parts: Sequence[Part]) -> Matrix:
    import openvino as ov
    import openvino.opset13 as op

    form = _form(file.tensors[parts[0].name])
    rows, columns = _shape(file, parts)
    groups, group = columns // form.group, form.group
    all_groups = groups + form.digits * block_columns(groups, group) // group
    half = form.element == "i4"
    values = ov.Tensor(ov.Type.i4 if half else ov.Type.i8, ov.Shape([rows, all_groups, group]))
    target = _raw(values).reshape(rows, -1)
    scales = np.empty((rows, all_groups, 1), np.float32)
    for piece in _pieces(file, parts):
        found = _with_digits(_unpacked(_form(piece.tensor), piece.raw, file, piece.tensor), form)
        flat = found.values.reshape(len(piece.raw), -1)
        target[piece.rows] = _packed(flat) if half else flat.view(np.uint8)
        scales[piece.rows, :, 0] = found.scales
    return Matrix(rows, columns, op.constant(values), op.constant(scales), group, form.digits)


def _with_digits(found: Groups, form: BlockFormat) -> Groups:
    """The groups, and after them those that stand for their offsets."""
    if found.offsets is None:
        return found
    # The graph multiplies them with the means of the groups, not their sums.
    more = in_digits(found.offsets * form.group, form)
    values = np.concatenate([found.values, more.values], 1)
    return Groups(values, np.concatenate([found.scales, more.scales], 1))


def _raw(tensor: Any) -> NDArray[np.uint8]:
    """The memory of an OpenVINO tensor, as bytes.

    The tensor must own it: a tensor laid over a temporary numpy array goes bad in silence.
    """
    return np.asarray(tensor.data).reshape(-1).view(np.uint8)


def _unpacked(
    form: BlockFormat, raw: NDArray[np.uint8], file: GgufFile, tensor: TensorInfo
) -> Groups:
    with np.errstate(all="ignore"):
        found = form.unpack(raw)
    _finite(found.scales, file, tensor.name)
    if found.offsets is not None:
        _finite(found.offsets, file, tensor.name)
    return found


def _packed(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Four-bit integers two to a byte, the first in the low half."""
    raw = values.view(np.uint8)
    return (raw[:, 0::2] & np.uint8(15)) | (raw[:, 1::2] << np.uint8(4))


def _requantise(tensor: TensorInfo, raw: NDArray[np.uint8]) -> Groups:
    """Eight bits for formats with a code book; wrong by at most 1/254 of a group's largest."""
    weights = _dequantised(tensor, raw).reshape(len(raw), -1, REQUANTISED_GROUP)
    scales = (np.abs(weights).max(-1) / 127).astype(np.float16).astype(np.float32)
    divisors = np.where(scales == 0, 1, scales)[..., None]
    values = np.clip(np.rint(weights / divisors), -127, 127).astype(np.int8)
    return Groups(values, scales)


def _dequantised(tensor: TensorInfo, raw: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raw blocks (rows, blocks, bytes) as float32 (rows, columns)."""
    if tensor.quantization == "F32":
        return np.ascontiguousarray(raw).view("<f4").reshape(len(raw), -1)
    from gguf.constants import GGMLQuantizationType
    from gguf.quants import dequantize

    flat = np.ascontiguousarray(raw).reshape(len(raw), -1)
    if tensor.quantization == "F16":
        return flat.view("<f2").astype(np.float32)
    try:
        with np.errstate(all="ignore"):
            weights: NDArray[np.float32] = dequantize(
                flat, GGMLQuantizationType[tensor.quantization]
            )
    except NotImplementedError:
        raise ModelNotSupported(
            f"The tensor {tensor.name} is stored as {tensor.quantization}, which is not read here. "
            "Pull a Q4_K_M, Q8_0 or F16 GGUF of the model."
        ) from None
    return weights.astype(np.float32, copy=False)


def _finite(values: NDArray[np.float32], file: GgufFile, name: str) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise ModelBroken(
            f"{file.path}: the tensor {name} holds infinities or NaN. Download the model again."
        )
    return values
