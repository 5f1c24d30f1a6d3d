"""A part of a picture that a reader marked to be drawn anew.

A question holds it as a picture block whose address names the picture and, after ``#part=``,
which of 64 × 64 cells are marked: one bit each, row by row, in base 64 for URLs. Pages show the
question's text alone; models are not told of it.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

import msgspec
from PIL import Image

from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import ContentBlock, ImageBlock
from consigne.provenance import pictures as reading

CELLS: Final = 64
"""A side of the grid."""
_BYTES: Final = CELLS * CELLS // 8
_ADDRESS: Final = re.compile(r"/api/pictures/(img_\w+)/file#part=([\w-]+)")


class Part(msgspec.Struct, frozen=True):
    """A part of one picture."""

    picture_id: str
    cells: str
    """Which are marked, as the page sends them."""


def checked(part: Part) -> Part:
    """Return a part that marks something.

    Raises:
        InvalidRequest: It can't be read, or marks nothing.
    """
    if not any(_bits(part.cells)):
        raise InvalidRequest("Mark the part that is to be drawn anew.", param="part")
    return part


def as_block(part: Part) -> ImageBlock:
    """Return a part as a question holds it."""
    return ImageBlock("image/png", url=f"/api/pictures/{part.picture_id}/file#part={part.cells}")


def is_part(block: ContentBlock) -> bool:
    """Say whether a block is a marked part: what no model is told of."""
    return part_of([block]) is not None


def part_of(content: Sequence[ContentBlock]) -> Part | None:
    """Return the part that a question is about, if it is about one."""
    for block in content:
        if isinstance(block, ImageBlock) and (found := _ADDRESS.fullmatch(block.url or "")):
            return Part(found[1], found[2])
    return None


def mask(cells: str, width: int, height: int) -> bytes:
    """Return a mask of this size as grey PNG: what is marked is white.

    Raises:
        InvalidRequest: The cells can't be read.
    """
    import numpy as np

    marked = np.unpackbits(np.frombuffer(_bits(cells), np.uint8)).reshape(CELLS, CELLS) * 255
    grid = Image.fromarray(marked.astype(np.uint8), "L")
    return reading.to_png(grid.resize((width, height), Image.Resampling.NEAREST))


def _bits(cells: str) -> bytes:
    try:
        found = base64.urlsafe_b64decode(cells + "=" * (-len(cells) % 4))
    except (ValueError, binascii.Error):
        found = b""
    if len(found) != _BYTES:
        raise InvalidRequest(
            f"The part must have {CELLS * CELLS} bits, in base 64 for URLs.", param="part"
        )
    return found
