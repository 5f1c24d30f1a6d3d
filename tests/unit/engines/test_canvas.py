"""A part of a picture drawn anew: the rest of it stays."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consigne.domain.images import ImageRequest, ImageTraits
from consigne.engines.drawing import plan
from consigne.engines.worker.canvas import patched, to_png
from consigne.engines.worker.parts import Part

SMALL = ImageTraits(
    width=64, height=64, steps=2, guidance=1.0, min_side=16, resizes=True, edits=True
)


def test_what_is_not_marked_stays_to_the_bit_and_the_seam_is_soft() -> None:
    source = np.random.default_rng(7).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    drawn, mask = np.full_like(source, 200), np.zeros_like(source)
    mask[:, 20:50] = 255
    made = patched(source, drawn, mask)
    kept = mask == 0
    assert (made[kept] == source[kept]).all()
    assert (made[:, 24:46] == drawn[:, 24:46]).all()
    assert (made[:, 20] != drawn[:, 20]).any()
    assert (patched(source, drawn, np.full_like(mask, 255)) == drawn).all()


@settings(max_examples=30)
@example(size=(20, 200), place=(0, 0), extent=(1, 200))  # a line that a smaller picture may lose
@given(
    size=st.tuples(st.integers(20, 200), st.integers(20, 200)),
    place=st.tuples(st.integers(0, 19), st.integers(0, 19)),
    extent=st.tuples(st.integers(1, 200), st.integers(1, 200)),
)
def test_a_part_of_any_picture_is_seen_through_a_window_and_put_back(
    size: tuple[int, int], place: tuple[int, int], extent: tuple[int, int]
) -> None:
    (wide, high), (x, y), (across, down) = size, place, extent
    pixels = np.random.default_rng(7).integers(0, 256, (high, wide, 3)).astype(np.uint8)
    mask = np.zeros_like(pixels)
    mask[y : y + down, x : x + across] = 255
    asked = ImageRequest(model="m", prompt="x", source=b"x", mask=b"x", width=wide, height=high)
    todo = plan(asked, SMALL, (wide, high))
    part = Part(to_png(pixels, wide, high), to_png(mask, wide, high), todo)
    assert part.source.shape == part.mask.shape == (64, 64, 3)
    assert (part.mask > 0).any(), "what is marked is seen"
    made = part.put(np.full((64, 64, 3), 200, np.uint8))
    kept = mask == 0
    assert made.shape == pixels.shape
    assert (made[kept] == pixels[kept]).all()
    if across > 8 and down > 8 and x + 8 < wide and y + 8 < high:
        assert (made[y + 4 : y + 8, x + 4 : x + 8] == 200).all(), "all that is marked was drawn"
