"""Every block format keeps the weights that the file has."""

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.engines.gguf.blocks import FORMATS
from reference.tiny_gguf import random_blocks

SYMMETRIC = sorted(name for name, form in FORMATS.items() if not form.digits)
WITH_MINIMUM = sorted(name for name, form in FORMATS.items() if form.digits)


def _both(name: str, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The reference's weights, ours, and the magnitude that rounding in float32 scales with."""
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = raw.reshape(len(raw), -1, size)
    groups = FORMATS[name].unpack(blocks)
    assert groups.values.shape[1:] == (
        blocks.shape[1] * elements // FORMATS[name].group,
        FORMATS[name].group,
    )
    spread = np.abs(groups.scales) * 32
    if groups.offsets is not None:
        spread = spread + np.abs(groups.offsets)
    magnitude = np.repeat(spread, FORMATS[name].group, 1)
    return gguf.dequantize(raw, kind), groups.dequantised(), magnitude


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_formats_keep_every_bit(name: str) -> None:
    raw = random_blocks(name, 24, 512, np.random.default_rng(7))
    reference, ours, _ = _both(name, raw)
    assert np.abs(reference).max() > 0
    np.testing.assert_array_equal(ours, reference)


@pytest.mark.parametrize("name", WITH_MINIMUM)
def test_formats_with_a_minimum_differ_by_float32_rounding_alone(name: str) -> None:
    raw = random_blocks(name, 24, 512, np.random.default_rng(8))
    reference, ours, magnitude = _both(name, raw)
    assert np.abs(reference).max() > 0
    assert (np.abs(ours - reference) <= 2.0**-22 * magnitude).all()


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(max_examples=25)
@given(data=st.data())
def test_any_integers_fit_their_element_type(name: str, data: st.DataObject) -> None:
    _, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    raw = np.frombuffer(data.draw(st.binary(min_size=size, max_size=size)), np.uint8)
    with np.errstate(all="ignore"):
        values = FORMATS[name].unpack(raw.reshape(1, 1, size)).values
    low, high = (-8, 7) if FORMATS[name].element == "i4" else (-128, 127)
    assert values.min() >= low
    assert values.max() <= high


def test_a_block_whose_scale_is_zero_keeps_its_minimum() -> None:
    raw = np.zeros((1, 20), np.uint8)
    raw[:, 2:4] = np.array([1.5], "<f2").view(np.uint8)
    raw[:, 4:] = 0x5A
    reference, ours, _ = _both("Q4_1", raw)
    assert (reference == 1.5).all()
    np.testing.assert_array_equal(ours, reference)
