"""What reading a file gives; it crosses the border of the child process as MessagePack."""

from typing import Literal

import msgspec


class Part(msgspec.Struct, frozen=True):
    """A stretch of a document's text, and where it stands."""

    text: str
    page: int | None = None
    """The page, or the slide, counted from one."""
    section: str = ""
    """The heading above it, or the name of the sheet."""


class Reading(msgspec.Struct, frozen=True, tag=True):
    """What is in a file: text in parts, or a picture."""

    kind: Literal["text", "image"]
    parts: tuple[Part, ...] = ()
    pages: int | None = None
    picture: bytes = b""
    """The picture as models take it: at most 1,568 pixels wide or high, without its metadata."""
    thumbnail: bytes = b""
    media_type: str = ""
    """Of picture and thumbnail."""
    cut: bool = False
    """Whether the file has more text than is read."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """Why a file can't be read."""

    code: str


class Unreadable(Exception):
    """Why a file can't be read, as a ``Refusal``'s code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
