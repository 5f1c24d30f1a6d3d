"""Offsets in digits are the offsets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from consigne.engines.gguf.blocks import FORMATS
from consigne.engines.gguf.offsets import block_columns, in_digits

BASES = {"i4": 15, "i8": 255}
OFFSETS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 40)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.digits])
@given(offsets=OFFSETS)
def test_digits_add_up_to_the_offset(name: str, offsets: np.ndarray) -> None:
    form = FORMATS[name]
    rows, groups = offsets.shape
    found = in_digits(offsets, form)
    weights = found.values.astype(np.float64) * found.scales[..., None]
    blocks = weights.reshape(rows, form.digits, block_columns(groups, form.group))
    assert not blocks[:, :, groups:].any()
    allowed = np.abs(offsets).max(1, keepdims=True) * (BASES[form.element] ** -form.digits + 1e-6)
    assert (np.abs(blocks[:, :, :groups].sum(1) - offsets) <= allowed).all()
    lowest, highest = (-8, 7) if form.element == "i4" else (-128, 127)
    assert lowest <= found.values.min()
    assert found.values.max() <= highest
