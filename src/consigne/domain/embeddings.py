"""Texts as vectors."""

import msgspec


class Embeddings(msgspec.Struct, frozen=True):
    """Vectors, one for each input, in order; the engines here give them unit length."""

    vectors: tuple[tuple[float, ...], ...]
    input_tokens: int
