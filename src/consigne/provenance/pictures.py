"""Pictures that strangers send, read with care, and pictures written in the form asked for."""

import io
import warnings
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from consigne.domain.errors import InvalidRequest, RequestTooLarge
from consigne.domain.images import PictureFormat

MOST_PIXELS: Final = 40_000_000
"""Of a picture that is read: a few bytes can claim to be any number of them."""
MOST_BYTES: Final = 50 * 2**20
FORMATS: Final = ("PNG", "JPEG", "WEBP")
SOURCE_SIDE: Final = 2048
"""Pixels a side of a picture to start from: no model here makes a larger one."""


def read(data: bytes, param: str = "image") -> Image.Image:
    """Return a picture, upright and decoded whole, in RGB or (where it is transparent) RGBA.

    Raises:
        InvalidRequest: It is no picture of a form that is read here, or is damaged.
        RequestTooLarge: It has too many pixels; none of them is decoded.
    """
    if len(data) > MOST_BYTES:
        raise RequestTooLarge(f"The picture is over {MOST_BYTES:,} bytes.", param=param)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            wide, high = picture.size
            if wide * high > MOST_PIXELS:
                raise RequestTooLarge(
                    f"The picture has {wide}x{high} pixels; at most {MOST_PIXELS:,} are read.",
                    param=param,
                )
            picture.load()
            return _in_colour(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError:
        raise InvalidRequest(
            "This is no picture that can be read here: send PNG, JPEG or WebP.", param=param
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise InvalidRequest(f"The picture is damaged: {error}.", param=param) from None


def _in_colour(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # grey in 16 bits: converted by itself it would be white
        import numpy as np

        high = np.asarray(picture).astype(np.uint32) >> 8
        picture = Image.fromarray(np.minimum(high, 255).astype(np.uint8), "L")
    clear = "A" in picture.getbands() or "transparency" in picture.info
    wanted = "RGBA" if clear else "RGB"
    return picture if picture.mode == wanted else picture.convert(wanted)


def at_most(picture: Image.Image, side: int = SOURCE_SIDE) -> Image.Image:
    """Return a picture with no side longer than this; a mask (mode L) stays black and white."""
    if max(picture.size) <= side:
        return picture
    scale = side / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    how = Image.Resampling.NEAREST if picture.mode == "L" else Image.Resampling.LANCZOS
    return picture.resize(size, how, reducing_gap=None if picture.mode == "L" else 2.0)


def to_png(picture: Image.Image) -> bytes:
    """Return a picture as PNG, without anything that came with it."""
    return encode(picture, "png", None)


def over_white(picture: Image.Image) -> Image.Image:
    """Return a picture in three colours; what was transparent is white."""
    if "A" not in picture.getbands():
        return picture.convert("RGB")
    solid = picture.convert("RGBA")
    ground = Image.new("RGBA", solid.size, "white")
    return Image.alpha_composite(ground, solid).convert("RGB")


def hole_of(picture: Image.Image) -> Image.Image:
    """Return a mask that says where a picture is transparent: white there, black elsewhere."""
    alpha = picture.convert("RGBA").getchannel("A")
    return alpha.point(lambda value: 255 if value < 128 else 0)


def encode(picture: Image.Image, kind: PictureFormat, compression: int | None) -> bytes:
    """Return a picture in a form; ``compression`` is the quality of JPEG and WebP, 0 to 100."""
    buffer = io.BytesIO()
    quality = 90 if compression is None else max(1, compression)
    clean = Image.new(picture.mode, picture.size)
    clean.paste(picture)
    match kind:
        case "png":
            clean.save(buffer, "PNG", compress_level=6)
        case "webp":
            clean.save(buffer, "WEBP", quality=quality, method=4)
        case "jpeg":
            over_white(clean).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
