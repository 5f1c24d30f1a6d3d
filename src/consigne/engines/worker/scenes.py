"""Several things in one picture, each drawn by itself; and a thing in another colour."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consigne.engines.instruction_words import Rgb
from consigne.engines.worker.canvas import Pixels

_EDGE: Final = 4
"""Pixels at a picture's border that tell its background."""
_SEED_APART: Final = 1_000_003
"""Between the seeds of one picture's cells: its neighbours' seeds differ by 1."""


def grid(cells: int) -> tuple[int, int]:
    """Return how many columns and rows so many cells take."""
    columns = cells if cells <= 3 else math.ceil(cells / 2)
    return columns, math.ceil(cells / columns)


def seed_of(seed: int, cell: int) -> int:
    """Return the seed of a cell; the first has the picture's own."""
    return (seed + cell * _SEED_APART) % 2**32


def together(pictures: Sequence[Pixels], cells: int) -> Pixels:
    """Return pictures of one size set side by side, on a ground of their own colour."""
    columns, rows = grid(cells)
    height, width, _ = pictures[0].shape
    ground = np.median([background(each) for each in pictures], axis=0).astype(np.float32)
    sheet = np.empty((rows * height, columns * width, 3), np.uint8)
    sheet[:] = ground.round()
    for at, picture in enumerate(pictures):
        row, column = divmod(at, columns)
        # A last row that is not full stands in the middle.
        left = (columns - min(columns, cells - row * columns)) * width // 2 + column * width
        moved = picture.astype(np.float32) + (ground - background(picture)) * _outside(picture)
        sheet[row * height : (row + 1) * height, left : left + width] = _bytes(moved)
    return sheet


def within(picture: Pixels, width: int, height: int) -> Pixels:
    """Return a picture as large as it fits into this size, on a ground of its own colour."""
    high, wide, _ = picture.shape
    scale = min(width / wide, height / high)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    fitted = np.asarray(Image.fromarray(picture, "RGB").resize(size, Image.Resampling.LANCZOS))
    sheet = np.empty((height, width, 3), np.uint8)
    sheet[:] = background(picture).round()
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    sheet[top : top + size[1], left : left + size[0]] = fitted
    return sheet


def tinted(picture: Pixels, colour: Rgb, ground: Rgb | None = None) -> Pixels:
    """Return a picture whose thing has another colour: light and shade stay.

    So does the ground, unless another is given.
    """
    values = picture.astype(np.float32) / 255
    thing = 1 - _outside(picture)
    light = values @ np.array([0.299, 0.587, 0.114], np.float32)
    inside = light[thing[..., 0] > 0.5]
    middle = float(np.clip(np.median(inside) if inside.size else 0.5, 0.2, 0.8))
    shade = np.clip(light / middle, 0, 1)[..., None]
    gleam = np.clip((light - middle) / (1 - middle), 0, 1)[..., None]
    target = np.array(colour, np.float32) / 255
    coloured = target * shade + (1 - target) * gleam * 0.8
    under = values if ground is None else np.array(ground, np.float32) / 255
    return _bytes((under * (1 - thing) + coloured * thing) * 255)


def background(picture: Pixels) -> NDArray[np.float32]:
    """Return the colour at a picture's border (0 to 255)."""
    corners = [
        picture[:_EDGE, :_EDGE], picture[:_EDGE, -_EDGE:],
        picture[-_EDGE:, :_EDGE], picture[-_EDGE:, -_EDGE:],
    ]  # fmt: skip
    found: NDArray[np.float32] = np.median(
        np.concatenate([corner.reshape(-1, 3) for corner in corners]), axis=0
    ).astype(np.float32)
    return found


def _outside(picture: Pixels) -> NDArray[np.float32]:
    """Return how far each pixel belongs to the ground, 0 to 1, [y, x, 1]."""
    apart = np.abs(picture.astype(np.float32) - background(picture)).max(-1, keepdims=True)
    found: NDArray[np.float32] = (1 - np.clip((apart - 24) / 40, 0, 1)).astype(np.float32)
    return found


def _bytes(values: NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(np.clip(np.round(values), 0, 255), dtype=np.uint8)
