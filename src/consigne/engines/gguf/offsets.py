"""Offsets of groups as further columns of the matrix itself.

A matrix whose groups have offsets (``weight = scale * value + offset``) needs, beside the product
with its integers, the sum of each group of inputs times the group's offset. A second product in
floats costs a fifth of a decoding step on a CPU, most of it for starting two more operations. So
each offset is written in digits of the matrix's own integers, and each place of digits is a block
of columns, multiplied with the same means of the groups::

    group * offset = scale_0 * digit_0 + scale_1 * digit_1 + …,    scale_k+1 = scale_k * base

An offset in ``n`` digits is off by at most ``1 / base ** n`` of its row's largest, where the base
is 15 for four-bit integers and 255 for eight-bit ones. (Its float16 in the file is rounded by up to
1/4,096 of itself.)
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from consigne.engines.gguf.blocks import BlockFormat, Groups

_HIGHEST: Final = {"i4": 7, "i8": 127}


def block_columns(groups: int, group: int) -> int:
    """Return how many columns one place of digits takes: whole groups, one column an offset."""
    return -(-groups // group) * group


def in_digits(offsets: NDArray[np.float32], form: BlockFormat) -> Groups:
    """Return the columns that stand for ``offsets`` (rows, groups), the lowest place first.

    They are zero where a block is longer than there are offsets.
    """
    rows, groups = offsets.shape
    highest = _HIGHEST[form.element]
    width = block_columns(groups, form.group)
    largest = np.abs(offsets).max(1, keepdims=True)
    scale = np.where(largest == 0, 1, largest / (highest + 0.49)).astype(np.float32)
    rest = offsets.astype(np.float64)
    values = np.zeros((rows, form.digits, width), np.int8)
    scales = np.empty((rows, form.digits, width // form.group), np.float32)
    for place in reversed(range(form.digits)):
        digits = np.clip(np.rint(rest / scale), -highest - 1, highest)
        rest -= digits * scale
        values[:, place, :groups] = digits
        scales[:, place] = scale
        scale = (scale / (2 * highest + 1)).astype(np.float32)
    return Groups(values.reshape(rows, -1, form.group), scales.reshape(rows, -1))
