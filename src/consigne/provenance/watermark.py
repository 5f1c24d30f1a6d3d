"""An imperceptible mark in a picture's pixels: made with Consigne.

The signs of about eleven hundred low frequencies of the brightness follow a fixed pattern. Such
frequencies survive compression and scaling, since the mark is written and read at one small size,
whatever the picture's own; a cut, a turn or a mirror image loses it. The pattern is public: the
mark says that a picture was generated, the signed credentials say by whom.

Literature: Cox, Kilian, Leighton, Shamoon, "Secure spread spectrum watermarking for multimedia",
IEEE Transactions on Image Processing 6 (12), 1997; the sign rule is a dither modulation of one bit.
"""

import io
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 128
"""Pixels a side of the picture in which the mark is written and read."""
THRESHOLD: Final = 5.0
"""Standard deviations of agreement beyond which the mark is there: by chance once in 3 million."""
_LOWEST, _HIGHEST = 6, 48
"""The band, by the sum of a frequency's two indices."""
_LEVELS: Final = ((2.5, 16.0), (4.0, 24.0), (6.0, 36.0), (8.0, 64.0))
"""How far from zero a coefficient is moved to its side, and the largest one, on the wrong side,
that is moved at all. The first level that endures is taken: easy pictures get a faint mark."""
_ENDURED: Final = 13.0
"""The agreement that must be left after a JPEG of quality 75."""
_ROUNDS: Final = 2
"""What rounding and the ends of the scale take away is put back in the next round."""
_HEADROOM: Final = 2.0
"""Levels that pure white and black give up, so that the mark has room there, too."""
_SEED: Final = 0xC0451643

Plane = NDArray[np.float64]


def embed(picture: Image.Image) -> Image.Image:
    """Return the picture with the mark; transparency is kept."""
    colours = picture.convert("RGB")
    marked = colours
    for margin, largest in _LEVELS:
        marked = _embed(colours, margin, largest)
        if strength(_compressed(marked)) > _ENDURED:
            break
    if "A" in picture.getbands():
        marked.putalpha(picture.getchannel("A"))
    return marked


def _embed(colours: Image.Image, margin: float, largest: float) -> Image.Image:
    base = np.clip(np.asarray(colours, dtype=np.float32), _HEADROOM, 255 - _HEADROOM)
    marked = colours
    for _ in range(_ROUNDS):
        change = Image.fromarray(_change(_brightness(marked), margin, largest).astype(np.float32))
        base = base + np.asarray(change.resize(colours.size, Image.Resampling.BICUBIC))[:, :, None]
        marked = Image.fromarray(np.clip(np.rint(base), 0, 255).astype(np.uint8))
    return marked


def _compressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=75)
    return Image.open(buffer)


def strength(picture: Image.Image) -> float:
    """Return how many standard deviations the picture agrees with the mark beyond chance."""
    signs = np.sign(_transform(_brightness(picture.convert("RGB")))[_band()])
    return float((signs * _pattern()).sum() / np.sqrt(len(signs)))


def is_marked(picture: Image.Image) -> bool:
    """Say whether the mark is there."""
    return strength(picture) > THRESHOLD


def _change(brightness: Plane, margin: float, largest: float) -> Plane:
    """Return what is to be added to the small picture's brightness."""
    band, pattern = _band(), _pattern()
    found = _transform(brightness)
    wanted = found[band]
    side = wanted * pattern
    weak = (side < margin) & (side > -largest)
    moved = np.zeros_like(found)
    moved[band] = np.where(weak, pattern * margin - wanted, 0.0)
    basis = _basis()
    change: Plane = basis.T @ moved @ basis
    return change


def _brightness(picture: Image.Image) -> Plane:
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


def _transform(plane: Plane) -> Plane:
    basis = _basis()
    found: Plane = basis @ plane @ basis.T
    return found


@lru_cache(maxsize=1)
def _basis() -> Plane:
    """Return the orthonormal cosine basis (DCT-II), one frequency a row."""
    index = np.arange(SIDE)
    rows: Plane = np.cos(np.pi * (index[None, :] + 0.5) * index[:, None] / SIDE) * np.sqrt(2 / SIDE)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float64)


@lru_cache(maxsize=1)
def _band() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    down, across = np.indices((SIDE, SIDE))
    total = down + across
    inside = (total >= _LOWEST) & (total < _HIGHEST)
    rows, columns = np.nonzero(inside)
    return rows, columns


@lru_cache(maxsize=1)
def _pattern() -> Plane:
    """Return the mark: one sign for each coefficient of the band."""
    generator = np.random.Generator(np.random.PCG64(_SEED))
    signs: Plane = generator.choice(np.array([-1.0, 1.0]), size=len(_band()[0]))
    return signs
