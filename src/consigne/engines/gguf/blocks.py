"""Quantised blocks of ggml as signed integers, scales and offsets, without loss.

Every block format becomes ``weight = scale * value + offset`` over groups of 16 or 32 weights of
a row, with ``value`` a signed integer of 4 or 8 bits. Formats with a minimum (``Q4_1``,
``Q4_K``…) keep it in the offset: recentring their unsigned integers around zero shifts the offset
by a multiple of the scale. Symmetric integers are what OpenVINO multiplies with integer
instructions; a float zero point, which says the same, forbids them (3.5 times slower).

Layout of the blocks: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Groups(NamedTuple):
    """Groups of weights: ``weight = scale * value + offset``."""

    values: NDArray[np.int8]
    """(rows, groups, weights of a group)"""
    scales: Floats
    """(rows, groups)"""
    offsets: Floats | None = None
    """(rows, groups), for formats with a minimum"""

    def dequantised(self) -> Floats:
        """Return the weights, (rows, columns)."""
        weights = self.values.astype(np.float32) * self.scales[..., None]
        if self.offsets is not None:
            weights += self.offsets[..., None]
        return weights.reshape(len(weights), -1)


class BlockFormat(msgspec.Struct, frozen=True):
    """How one ggml block format is held."""

    element: Literal["i4", "i8"]
    group: int
    """Weights that share a scale."""
    digits: int
    """In how many digits its offsets are written (``offsets.py``); 0 where it has none."""
    unpack: Callable[[Bytes], Groups]
    """Turns raw blocks (rows, blocks, bytes) into groups."""


def _half(blocks: Bytes, start: int) -> Floats:
    """The float16 at byte ``start`` of each block, (rows, blocks)."""
    return (
        np.ascontiguousarray(blocks[..., start : start + 2]).view("<f2")[..., 0].astype(np.float32)
    )


def _nibbles(raw: Bytes) -> Bytes:
    """All low halves, then all high halves, along the last axis."""
    return np.concatenate([raw & np.uint8(15), raw >> 4], -1)


def _fifth_bits(raw: Bytes) -> Bytes:
    """32 flags of four bytes as 0 or 16."""
    return np.unpackbits(raw, axis=-1, bitorder="little") << np.uint8(4)


def _signed(values: NDArray[np.uint8], centre: int) -> NDArray[np.int8]:
    return (values - np.uint8(centre)).view(np.int8)  # wraps around below zero, as meant


def _grouped(values: NDArray[np.int8], group: int) -> NDArray[np.int8]:
    return values.reshape(len(values), -1, group)


def _flat(per_block: Floats) -> Floats:
    """(rows, blocks, groups of a block) -> (rows, groups)"""
    return np.ascontiguousarray(per_block.reshape(len(per_block), -1))


def _q4_0(blocks: Bytes) -> Groups:
    return Groups(_signed(_nibbles(blocks[..., 2:]), 8), _half(blocks, 0))


def _q4_1(blocks: Bytes) -> Groups:
    scale = _half(blocks, 0)
    return Groups(_signed(_nibbles(blocks[..., 4:]), 8), scale, _half(blocks, 2) + 8 * scale)


def _q5_0(blocks: Bytes) -> Groups:
    values = _nibbles(blocks[..., 6:]) | _fifth_bits(blocks[..., 2:6])
    return Groups(_signed(values, 16), _half(blocks, 0))


def _q5_1(blocks: Bytes) -> Groups:
    values = _nibbles(blocks[..., 8:]) | _fifth_bits(blocks[..., 4:8])
    scale = _half(blocks, 0)
    return Groups(_signed(values, 16), scale, _half(blocks, 2) + 16 * scale)


def _q8_0(blocks: Bytes) -> Groups:
    return Groups(np.ascontiguousarray(blocks[..., 2:]).view(np.int8), _half(blocks, 0))


def _q2_k(blocks: Bytes) -> Groups:
    steps, raw = blocks[..., :16], blocks[..., 16:80]
    values = _two_bits(raw)
    scales = _half(blocks, 80)[..., None] * (steps & np.uint8(15))
    offsets = 2 * scales - _half(blocks, 82)[..., None] * (steps >> 4)
    return Groups(_grouped(_signed(values, 2), 16), _flat(scales), _flat(offsets))


def _two_bits(raw: Bytes) -> Bytes:
    """64 bytes as 256 numbers of two bits: 32 bytes at a time, lowest bits first."""
    rows, count, _ = raw.shape
    parts = raw.reshape(rows, count, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8)[:, None]
    return (parts & np.uint8(3)).reshape(rows, count, 256)


def _q3_k(blocks: Bytes) -> Groups:
    rows, count, _ = blocks.shape
    flags = blocks[..., None, :32] >> np.arange(8, dtype=np.uint8)[:, None]
    high = ((flags & np.uint8(1)) << np.uint8(2)).reshape(rows, count, 256)
    values = _signed(_two_bits(blocks[..., 32:96]) | high, 4)
    low = _nibbles(blocks[..., 96:104])
    top = blocks[..., None, 104:108] >> np.array([0, 2, 4, 6], np.uint8)[:, None]
    steps = low | ((top & np.uint8(3)) << np.uint8(4)).reshape(rows, count, 16)
    scales = _half(blocks, 108)[..., None] * _signed(steps, 32)
    return Groups(_grouped(values, 16), _flat(scales))


def _six_bits(packed: Bytes) -> tuple[Bytes, Bytes]:
    """The eight scale steps and eight minimum steps in 12 bytes (``Q4_K``, ``Q5_K``)."""
    first, second, third = packed[..., :4], packed[..., 4:8], packed[..., 8:]
    steps = np.concatenate(
        [first & np.uint8(63), (third & np.uint8(15)) | ((first >> 6) << np.uint8(4))], -1
    )
    minima = np.concatenate(
        [second & np.uint8(63), (third >> 4) | ((second >> 6) << np.uint8(4))], -1
    )
    return steps, minima


def _four_bits(raw: Bytes) -> Bytes:
    """128 bytes as 256 numbers: 32 bytes at a time, low halves first."""
    rows, count, _ = raw.shape
    return _nibbles(raw.reshape(rows, count, 4, 32)).reshape(rows, count, 256)


def _with_minima(blocks: Bytes, values: Bytes, centre: int) -> Groups:
    steps, minima = _six_bits(blocks[..., 4:16])
    scales = _half(blocks, 0)[..., None] * steps
    offsets = centre * scales - _half(blocks, 2)[..., None] * minima
    return Groups(_grouped(_signed(values, centre), 32), _flat(scales), _flat(offsets))


def _q4_k(blocks: Bytes) -> Groups:
    return _with_minima(blocks, _four_bits(blocks[..., 16:]), 8)


def _q5_k(blocks: Bytes) -> Groups:
    rows, count, _ = blocks.shape
    flags = blocks[..., None, 16:48] >> np.arange(8, dtype=np.uint8)[:, None]
    high = ((flags & np.uint8(1)) << np.uint8(4)).reshape(rows, count, 256)
    return _with_minima(blocks, _four_bits(blocks[..., 48:]) | high, 16)


def _q6_k(blocks: Bytes) -> Groups:
    rows, count, _ = blocks.shape
    low = _nibbles(blocks[..., :128].reshape(rows, count, 2, 64))
    high = blocks[..., 128:192].reshape(rows, count, 2, 1, 32)
    high = (high >> np.array([0, 2, 4, 6], np.uint8)[:, None]) & np.uint8(3)
    values = low.reshape(rows, count, 256) | (high << np.uint8(4)).reshape(rows, count, 256)
    steps = np.ascontiguousarray(blocks[..., 192:208]).view(np.int8)
    scales = _half(blocks, 208)[..., None] * steps
    return Groups(_grouped(_signed(values, 32), 16), _flat(scales))


_IQ4_VALUES: Final = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.int8
)
"""The sixteen levels of the non-linear four-bit formats."""


def _iq4_nl(blocks: Bytes) -> Groups:
    return Groups(_IQ4_VALUES[_nibbles(blocks[..., 2:])], _half(blocks, 0))


def _iq4_xs(blocks: Bytes) -> Groups:
    rows, count, _ = blocks.shape
    values = _nibbles(blocks[..., 8:].reshape(rows, count, 8, 16))
    low = np.stack([blocks[..., 4:8] & np.uint8(15), blocks[..., 4:8] >> 4], -1).reshape(
        rows, count, 8
    )
    high = (blocks[..., 2:4, None] >> np.array([0, 2, 4, 6], np.uint8)) & np.uint8(3)
    steps = low | (high << np.uint8(4)).reshape(rows, count, 8)
    scales = _half(blocks, 0)[..., None] * _signed(steps, 32)
    return Groups(_grouped(_IQ4_VALUES[values].reshape(rows, -1), 32), _flat(scales))


FORMATS: Final[dict[str, BlockFormat]] = {
    "Q4_0": BlockFormat("i4", 32, 0, _q4_0),
    "Q4_1": BlockFormat("i4", 32, 3, _q4_1),
    "Q5_0": BlockFormat("i8", 32, 0, _q5_0),
    "Q5_1": BlockFormat("i8", 32, 2, _q5_1),
    "Q8_0": BlockFormat("i8", 32, 0, _q8_0),
    "Q2_K": BlockFormat("i4", 16, 4, _q2_k),
    "Q3_K": BlockFormat("i4", 16, 0, _q3_k),
    "Q4_K": BlockFormat("i4", 32, 3, _q4_k),
    "Q5_K": BlockFormat("i8", 32, 2, _q5_k),
    "Q6_K": BlockFormat("i8", 16, 0, _q6_k),
    "IQ4_NL": BlockFormat("i8", 32, 0, _iq4_nl),
    "IQ4_XS": BlockFormat("i8", 32, 0, _iq4_xs),
}
"""The formats that are not requantised, by ggml's names."""

FLOATS: Final = ("F32", "F16", "BF16")
"""Unquantised types, held as they are."""
