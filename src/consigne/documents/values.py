"""What the rooms above speak of: documents and the passages found in them."""

from datetime import datetime
from typing import Literal

import msgspec


class Document(msgspec.Struct, frozen=True):
    """A file that a person gave."""

    id: str
    kind: Literal["text", "image"]
    filename: str
    media_type: str
    size: int
    """In bytes."""
    pages: int | None
    characters: int
    passages: int
    indexed: int
    """How many passages can be found by their meaning so far; all by their words."""
    excerpt: str
    cut: bool
    created_at: datetime


class Passage(msgspec.Struct, frozen=True):
    """A passage of a document."""

    document_id: str
    filename: str
    number: int
    page: int | None
    section: str
    start: int
    text: str


class Passages(msgspec.Struct, frozen=True):
    """A stretch of a document."""

    document: Document
    passages: tuple[Passage, ...]
    earlier: bool
    later: bool
