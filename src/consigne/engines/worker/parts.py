"""A part of a picture drawn anew, through a window where the model draws smaller than it."""

import math
from typing import Final

import numpy as np
from PIL import Image

from consigne.engines.drawing import Plan
from consigne.engines.worker.canvas import Pixels, from_png, mask_from_png, patched

_AROUND: Final = 1.25
"""Sides of a window, in those of what is marked: the model sees what is around it."""

_Box = tuple[int, int, int, int]
"""Left, top, right and bottom, which may lie beyond the picture."""


class Part:
    """A picture of which a part is drawn anew, at the size that it is handed out in."""

    def __init__(self, source: bytes, mask: bytes, todo: Plan) -> None:
        """Take the picture and the mask as PNG."""
        self.whole = from_png(source, todo.width, todo.height)
        self._mask = mask_from_png(mask, todo.width, todo.height)
        self._drawn = todo.drawn_width, todo.drawn_height
        self._box = _window(self._mask, *self._drawn)

    @property
    def source(self) -> Pixels:
        """What the model starts from, at the size that it draws in."""
        return self._seen(self.whole, Image.Resampling.LANCZOS)

    @property
    def mask(self) -> Pixels:
        """What of it is drawn anew: thin lines, too, where it is smaller."""
        shrunk = self._seen(self._mask, Image.Resampling.BOX)
        return np.where(shrunk > 0, 255, 0).astype(np.uint8)

    def put(self, drawn: Pixels) -> Pixels:
        """Return the whole picture with what was drawn in its place."""
        left, top, right, bottom = self._box
        placed = Image.fromarray(self.whole, "RGB")
        fitted = Image.fromarray(drawn, "RGB")
        if fitted.size != (right - left, bottom - top):
            fitted = fitted.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
        placed.paste(fitted, (left, top))
        return patched(self.whole, np.asarray(placed), self._mask)

    def _seen(self, pixels: Pixels, how: Image.Resampling) -> Pixels:
        left, top, right, bottom = self._box
        high, wide, _ = pixels.shape
        beyond = (
            (max(0, -top), max(0, bottom - high)),
            (max(0, -left), max(0, right - wide)),
            (0, 0),
        )
        more = np.pad(pixels, beyond, mode="edge")
        top, left = top + beyond[0][0], left + beyond[1][0]
        cut = more[top : top + bottom - self._box[1], left : left + right - self._box[0]]
        if cut.shape[1::-1] == self._drawn:
            return np.ascontiguousarray(cut)
        return np.asarray(Image.fromarray(cut, "RGB").resize(self._drawn, how), dtype=np.uint8)


def _window(mask: Pixels, width: int, height: int) -> _Box:
    """Return what to draw: in the model's shape, no smaller than that, with all that is marked."""
    high, wide, _ = mask.shape
    if (wide, high) == (width, height):
        return 0, 0, wide, high
    rows, columns = np.nonzero(mask[:, :, 0])
    if not rows.size:
        rows, columns = np.array([0, high - 1]), np.array([0, wide - 1])
    left, right, top, bottom = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    scale = max(1.0, _AROUND * (right - left) / width, _AROUND * (bottom - top) / height)
    if wide * height == high * width:  # of one shape: no more than all of it
        scale = min(scale, wide / width)
    across, down = math.ceil(width * scale), math.ceil(height * scale)
    at, below = _begin(int(left + right), across, wide), _begin(int(top + bottom), down, high)
    return at, below, at + across, below + down


def _begin(twice_the_middle: int, length: int, whole: int) -> int:
    """Return where a window begins: around the middle, within the whole where it fits."""
    if length >= whole:
        return (whole - length) // 2
    return min(max(0, (twice_the_middle - length) // 2), whole - length)
