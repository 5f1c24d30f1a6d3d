"""Pictures as arrays and as PNG, in the worker."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
"""Height × width × 3, red, green, blue."""


def to_png(pixels: Pixels, width: int, height: int) -> bytes:
    """Return a picture as PNG, resized where it was drawn at another size."""
    picture = Image.fromarray(pixels, "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """Return a picture's width and height."""
    picture = Image.open(io.BytesIO(data))
    return picture.width, picture.height


def from_png(data: bytes, width: int, height: int) -> Pixels:
    """Return a picture at this size; what has another shape is cut at its longer side."""
    picture = _fitted(Image.open(io.BytesIO(data)).convert("RGB"), width, height)
    return np.ascontiguousarray(picture, dtype=np.uint8)


def mask_from_png(data: bytes, width: int, height: int) -> Pixels:
    """Return a mask at this size as three equal channels, each pixel black or white."""
    grey = _fitted(Image.open(io.BytesIO(data)).convert("L"), width, height)
    marked = (np.asarray(grey) >= 128).astype(np.uint8) * 255
    return np.ascontiguousarray(np.repeat(marked[:, :, None], 3, axis=2))


def patched(source: Pixels, drawn: Pixels, mask: Pixels) -> Pixels:
    """Return the source with what is marked (white) taken from what was drawn.

    What is not marked stays as it is, to the bit; within the marks the seam is soft.
    """
    high, wide, _ = mask.shape
    marked = Image.fromarray(mask[:, :, 0], "L")
    soft = marked.filter(ImageFilter.GaussianBlur(max(1.0, min(high, wide) / 100)))
    share = np.clip(np.asarray(soft, np.float32)[:, :, None] / 127.5 - 0.5, 0, 1)
    share = np.where(mask[:, :, :1] > 0, share, 0)
    return np.asarray(np.round(source * (1 - share) + drawn * share), dtype=np.uint8)


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    if picture.size == (width, height):
        return picture
    wide, high = picture.size
    scale = min(wide / width, high / height)
    across, down = width * scale, height * scale
    left, top = (wide - across) / 2, (high - down) / 2
    box = (left, top, left + across, top + down)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)
