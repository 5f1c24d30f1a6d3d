"""Pictures: what is asked for, and the events of their making.

A stream is one ``ImagesStart``, then for each picture its ``ImageProgress`` and ``ImagePartial``
and one ``ImageMade``, and a last ``ImagesStop``. What can't go on raises a ``ConsigneError``.
"""

from typing import Literal

import msgspec

from consigne.domain.languages import Language

PictureFormat = Literal["png", "webp", "jpeg"]

MEDIA_TYPES: dict[PictureFormat, str] = {
    "png": "image/png",
    "webp": "image/webp",
    "jpeg": "image/jpeg",
}


class ImageTraits(msgspec.Struct, frozen=True, kw_only=True):
    """How an image model draws when it is not told otherwise, and within which bounds."""

    width: int
    """In pixels, by default."""
    height: int
    steps: int
    """Denoising steps by default."""
    guidance: float
    """How closely to follow the words by default; models that were distilled want 0 or 1."""
    multiple: int = 8
    """Width and height are multiples of it."""
    min_side: int = 64
    max_side: int = 2048
    resizes: bool = False
    """Whether it draws well at its own size only: larger pictures are drawn there and enlarged."""
    edits: bool = False
    """Whether it can start from a picture, and draw a part of one anew."""
    negative: bool = True
    """Whether it heeds what must not be there."""
    knows: bool = False
    """Whether it can tell which instructions are beyond it (see ``ImagesStart.confidence``)."""
    redraws: bool = False
    """Whether a picture of its own changes best by changed words and the same seed."""


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures asked for, whatever dialect it came in; ``None`` leaves it to the model."""

    model: str
    prompt: str
    negative_prompt: str = ""
    n: int = 1
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    """Of the first picture; each further one adds 1. The same seed gives the same picture."""
    steps: int | None = None
    guidance: float | None = None
    effort: float = 1.0
    """Share of the model's own steps, where ``steps`` leaves them open."""
    source: bytes | None = None
    """A picture to start from, as PNG."""
    mask: bytes | None = None
    """Of the source's size, as grey PNG: what is white is drawn anew."""
    strength: float | None = None
    """How much of the source is given up: 0 keeps it, 1 keeps nothing."""
    partials: int = 0
    """How many unfinished states of each picture to show."""
    user: str | None = None
    """The caller's own opaque name for the person who asks."""


class ImageUsage(msgspec.Struct, frozen=True):
    """What the making of pictures used."""

    images: int = 0
    steps: int = 0
    """Denoising steps, of all pictures together."""
    pixels: int = 0
    """Drawn, of all pictures together."""
    input_tokens: int = 0
    """Of the instruction, in the model's own tokens; 0 where unknown."""


class ImagesStart(msgspec.Struct, frozen=True, tag="images_start"):
    """The work begins; what was left open is decided."""

    model: str
    width: int
    height: int
    steps: int
    seed: int
    guidance: float = 0.0
    confidence: float | None = None
    """How sure the model is to know what is asked for, 0 to 1; ``None`` where it can't tell."""
    known: bool = True
    """Whether the confidence is above the model's own threshold."""
    cells: int = 1
    """How many things are drawn, each by itself, and set side by side."""
    left_out: tuple[str, ...] = ()
    """What the instruction says and the picture will not show, in its own words."""
    language: Language = "en"
    """Of the instruction."""


class ImageProgress(msgspec.Struct, frozen=True, tag="image_progress"):
    """A picture has come so far."""

    index: int
    step: int
    steps: int


class ImagePartial(msgspec.Struct, frozen=True, tag="image_partial"):
    """A picture's unfinished state."""

    index: int
    number: int
    """Counts the states of one picture, from 0."""
    data: bytes
    """As PNG."""


class ImageMade(msgspec.Struct, frozen=True, tag="image_made"):
    """A picture is whole."""

    index: int
    data: bytes
    """As PNG, or as its provider sent it."""
    seed: int | None
    width: int
    height: int
    revised_prompt: str = ""
    """What was drawn instead of the instruction, where the model rewrote it."""


class ImagesStop(msgspec.Struct, frozen=True, tag="images_stop"):
    """All pictures are whole."""

    usage: ImageUsage


ImageEvent = ImagesStart | ImageProgress | ImagePartial | ImageMade | ImagesStop
