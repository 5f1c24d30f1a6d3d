"""Things set side by side, and things in another colour."""

import numpy as np
import pytest

from consigne.engines.worker import scenes
from consigne.engines.worker.canvas import Pixels

GROUND, THING = (20, 90, 230), (250, 200, 40)


def _picture(ground: tuple[int, int, int] = GROUND, size: int = 32) -> Pixels:
    pixels = np.empty((size, size, 3), np.uint8)
    pixels[:] = ground
    pixels[8:24, 8:24] = THING
    return pixels


@pytest.mark.parametrize(
    ("cells", "columns", "rows"),
    [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 2, 2), (5, 3, 2), (6, 3, 2)],
)
def test_things_stand_in_rows(cells: int, columns: int, rows: int) -> None:
    assert scenes.grid(cells) == (columns, rows)
    sheet = scenes.together([_picture()] * cells, cells)
    assert sheet.shape == (rows * 32, columns * 32, 3)
    assert (sheet == THING).all(-1).sum() == cells * 16 * 16


def test_the_ground_is_one_though_each_was_drawn_by_itself() -> None:
    other = tuple(value + 6 for value in GROUND)
    sheet = scenes.together([_picture(), _picture(other)], 2)  # type: ignore[arg-type]
    assert len({tuple(sheet[0, at]) for at in range(64)}) == 1


def test_an_unfinished_picture_has_its_room_already() -> None:
    sheet = scenes.together([_picture()], 2)
    assert sheet.shape == (32, 64, 3)
    assert (sheet[:, 32:] == GROUND).all()


def test_it_fits_into_another_shape_uncut() -> None:
    fitted = scenes.within(scenes.together([_picture()] * 2, 2), 64, 64)
    assert fitted.shape == (64, 64, 3)
    assert (fitted[0] == GROUND).all()
    assert np.abs(fitted[32, [16, 48]].astype(int) - THING).max() < 8


def test_a_tint_changes_the_thing_and_not_its_ground() -> None:
    purple = scenes.tinted(_picture(), (140, 70, 200))
    assert (purple[0, 0] == GROUND).all()
    red, green, blue = (int(value) for value in purple[16, 16])
    assert blue > red > green
    assert (scenes.tinted(_picture(), (140, 70, 200), (1, 2, 3))[0, 0] == (1, 2, 3)).all()
    shaded = _picture()
    shaded[16:24, 8:24] = (120, 90, 10)
    darker = scenes.tinted(shaded, (140, 70, 200))
    assert darker[20, 16].sum() < darker[10, 16].sum(), "light and shade stay"


def test_no_two_cells_of_neighbouring_pictures_share_a_seed() -> None:
    seeds = [scenes.seed_of(seed, cell) for seed in range(7, 17) for cell in range(6)]
    assert len(set(seeds)) == len(seeds)
    assert scenes.seed_of(7, 0) == 7
