"""Two things in one picture: their artwork side by side, on one ground."""

import numpy as np

from consigne.training.images.artwork import Picture


def together(left: Picture, right: Picture) -> Picture:
    """Return two square pictures (premultiplied RGBA, of one even size) at half size in one."""
    size = len(left)
    sheet = np.zeros_like(left)
    top = size // 4
    for at, picture in enumerate((left, right)):
        halved = picture.reshape(size // 2, 2, size // 2, 2, 4).mean((1, 3)).round()
        side = slice(at * (size // 2), (at + 1) * (size // 2))
        sheet[top : top + size // 2, side] = halved.astype(np.uint8)
    return sheet
