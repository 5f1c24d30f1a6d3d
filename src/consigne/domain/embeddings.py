"""Texts as vectors."""

import msgspec

Embeddable = str | tuple[int, ...]
"""A text, or the tokens of one in the model's own vocabulary."""


class Embeddings(msgspec.Struct, frozen=True):
    """Vectors, one for each input, in order; the engines here give them unit length."""

    vectors: tuple[tuple[float, ...], ...]
    input_tokens: int
