"""Tensors of a GGUF as OpenVINO constants, read in pieces so that memory stays low."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.blocks import FLOATS, FORMATS, BlockFormat, Groups
from consigne.engines.gguf.reader import GgufFile, TensorInfo

PIECE_BYTES: Final = 4 << 20
"""How much of a tensor is read at once."""
REQUANTISED_GROUP: Final = 32
"""Group of the formats that have no exact form, requantised to eight bits."""


class Matrix(NamedTuple):
    """A weight matrix as constants: either plain floats, or groups of integers.

    ``weight = scale * value + offset``; see ``blocks.py``.
    """

    rows: int
    columns: int
    values: Any
    """openvino Constant: (rows, columns) floats or (rows, groups, group) integers."""
    scales: Any = None
    """openvino Constant, (rows, groups, 1)."""
    offsets: NDArray[np.float32] | None = None
    """(rows, groups); numbers, since layers of one input put theirs together."""


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


def read_matrix(file: GgufFile, name: str, rotary_head: int = 0) -> Matrix:
    """Return a weight matrix as constants.

    Args:
        file: The model.
        name: The tensor's name.
        rotary_head: Where the rows are heads of this size with interleaved rotary pairs, as
            llama's queries and keys are in a GGUF, the rows are put back in halves' order.

    Raises:
        ModelBroken: It holds infinities or NaN.
        ModelNotSupported: Its type has no arithmetic here.
    """
    tensor = file.tensors[name]
    if tensor.quantization in FLOATS:
        return _float_matrix(file, tensor, rotary_head)
    form = FORMATS.get(tensor.quantization)
    if form is None:
        group = REQUANTISED_GROUP
        form = BlockFormat("i8", group, False, lambda raw: _requantise(tensor, raw))
    return _grouped_matrix(file, tensor, form, rotary_head)


def _pieces(
    file: GgufFile, tensor: TensorInfo, rotary_head: int
) -> Iterator[tuple[int, int, NDArray[np.uint8]]]:
    """Raw rows in pieces, as (first row, row after the last, blocks)."""
    step = max(1, PIECE_BYTES * tensor.rows // tensor.nbytes)
    if rotary_head:
        step = max(1, step // rotary_head) * rotary_head
    for start in range(0, tensor.rows, step):
        stop = min(start + step, tensor.rows)
        raw = file.blocks(tensor, start, stop)
        if rotary_head:
            raw = raw[_halves_order(stop - start, rotary_head)]
        yield start, stop, raw


def _halves_order(rows: int, head: int) -> NDArray[np.intp]:
    """Row order that turns interleaved rotary pairs (0, 1), (2, 3)… into halves."""
    return np.arange(rows).reshape(-1, head // 2, 2).swapaxes(1, 2).reshape(-1)


def rotary_order(vector: NDArray[np.float32], head: int) -> NDArray[np.float32]:
    """Return a bias of llama's queries or keys in halves' order, as the matrix's rows are."""
    return vector[_halves_order(len(vector), head)]


def _float_matrix(file: GgufFile, tensor: TensorInfo, rotary_head: int) -> Matrix:
    import openvino as ov
    import openvino.opset13 as op

    kinds = {"F32": ov.Type.f32, "F16": ov.Type.f16, "BF16": ov.Type.bf16}
    rows, columns = tensor.shape
    memory = ov.Tensor(kinds[tensor.quantization], ov.Shape([rows, columns]))
    target = _raw(memory).reshape(rows, columns, tensor.block_bytes)
    for start, stop, raw in _pieces(file, tensor, rotary_head):
        _finite(_dequantised(tensor, raw), file, tensor.name)
        target[start:stop] = raw
    return Matrix(rows, columns, op.constant(memory))


def _grouped_matrix(
    file: GgufFile, tensor: TensorInfo, form: BlockFormat, rotary_head: int
) -> Matrix:
    import openvino as ov
    import openvino.opset13 as op

    rows, columns = tensor.shape
    groups = columns // form.group
    half = form.element == "i4"
    values = ov.Tensor(ov.Type.i4 if half else ov.Type.i8, ov.Shape([rows, groups, form.group]))
    target = _raw(values).reshape(rows, -1)
    scales = np.empty((rows, groups, 1), np.float32)
    offsets = np.empty((rows, groups), np.float32) if form.offsets else None
    for start, stop, raw in _pieces(file, tensor, rotary_head):
        found = _unpacked(form, raw, file, tensor)
        flat = found.values.reshape(stop - start, -1)
        target[start:stop] = _packed(flat) if half else flat.view(np.uint8)
        scales[start:stop, :, 0] = found.scales
        if offsets is not None:
            offsets[start:stop] = found.offsets
    return Matrix(rows, columns, op.constant(values), op.constant(scales), offsets)


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
