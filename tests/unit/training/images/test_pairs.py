"""Two things in one picture, and what is said of them."""

import random

import numpy as np
import pytest

from consigne.training.images import splits
from consigne.training.images.captions import caption_of_two
from consigne.training.images.config import ImageTraining
from consigne.training.images.pairs import together
from consigne.training.images.vocabulary import COLOURS, WHITE, objects

STYLES = ImageTraining().drawn


def test_two_pictures_stand_side_by_side_at_half_size() -> None:
    left, right = np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 4), np.uint8)
    left[:] = (200, 0, 0, 255)
    right[2:6, 2:6] = (0, 0, 100, 255)
    sheet = together(left, right)
    assert sheet.shape == left.shape
    assert not sheet[:2].any()
    assert not sheet[6:].any()
    assert (sheet[2:6, :4] == (200, 0, 0, 255)).all()
    assert (sheet[3:5, 5:7] == (0, 0, 100, 255)).all()
    assert sheet.astype(int).sum() * 4 == left.astype(int).sum() + right.astype(int).sum()


@pytest.mark.parametrize("french", [False, True])
def test_a_caption_of_two_names_both_in_their_order(french: bool) -> None:
    rnd = random.Random(3)
    for at, thing in enumerate(objects()):
        other = objects()[at - 1]
        text = caption_of_two((thing, other), rnd.choice(STYLES), 2, rnd, french=french)
        first = [text.find(name.full) for name in thing.names(french)]
        second = [text.rfind(name.full) for name in other.names(french)]
        assert max(first) >= 0, text
        assert max(second) > min(place for place in first if place >= 0), text
        assert COLOURS[2].name(french) in text, text
        assert "{" not in text
    plain = caption_of_two((objects()[1], objects()[2]), STYLES[0], WHITE, random.Random(1))
    assert plain


def test_one_in_ten_twos_is_kept_out() -> None:
    shown = [splits.is_shown_together(a, b) for a in range(100) for b in range(100)]
    assert sum(shown) == 9000
    assert splits.is_shown_together(3, 4) == splits.is_shown_together(4, 3)
