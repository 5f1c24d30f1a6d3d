"""A part of a picture drawn anew: the rest of it stays."""

import numpy as np

from consigne.engines.worker.canvas import patched


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
