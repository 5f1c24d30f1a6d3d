"""Pictures: checked by decoding them, made as small as models take them. Runs in the child."""

import io
from pathlib import Path

from consigne.documents.reading.values import Reading, Unreadable

LONGEST_SIDE = 1568
"""Pixels; what is larger is made smaller by the models themselves."""
THUMBNAIL_SIDE = 320
MOST_PIXELS = 100_000_000


def kind_of(head: bytes) -> str | None:
    """Return the format that a picture's first bytes tell, if it is a picture."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return None


def read(path: Path, kind: str) -> Reading:
    """Return a picture and its thumbnail.

    Raises:
        Unreadable: It is damaged, or has too many pixels.
    """
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    with Image.open(path, formats=[kind]) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise Unreadable("too_large")
        image = ImageOps.exif_transpose(opened)
        see_through = image.has_transparency_data
        image = image.convert("RGBA" if see_through else "RGB")
    encoded = []
    for side in (LONGEST_SIDE, THUMBNAIL_SIDE):
        image.thumbnail((side, side))
        target = io.BytesIO()
        if see_through:
            image.save(target, "PNG")
        else:
            image.save(target, "JPEG", quality=88)
        encoded.append(target.getvalue())
    media_type = "image/png" if see_through else "image/jpeg"
    return Reading("image", picture=encoded[0], thumbnail=encoded[1], media_type=media_type)
