"""Token ids as exact bytes, and bytes as whole characters.

A worker streams an answer by looking up each token's bytes: no detokeniser runs, and what a token
stands for never depends on its neighbours.
"""

import codecs
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.domain.errors import ModelBroken

FILE_NAME: Final = "vocabulary.msgpack"
"""Where a model's folder keeps its vocabulary."""

_BYTE_TOKEN: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE: Final = "▁"
"""What SentencePiece writes for a space (U+2581)."""


class Vocabulary(msgspec.Struct, frozen=True):
    """What each token id stands for."""

    tokens: tuple[bytes, ...]
    special: frozenset[int] = frozenset()
    """Control tokens: never part of an answer's text."""
    eos_ids: tuple[int, ...] = ()
    """Tokens that end an answer."""
    strip_leading_space: bool = False
    """Whether the first token of a text carries a space that is not the text's (SentencePiece)."""

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Return the vocabulary stored at ``path`` by ``save``.

        Raises:
            ModelBroken: The file is missing or damaged.
        """
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=Vocabulary)
        except (OSError, msgspec.MsgspecError) as error:
            raise ModelBroken(f"The vocabulary {path} can't be read: {error}.") from None

    def save(self, path: Path) -> None:
        """Store the vocabulary at ``path``."""
        path.write_bytes(msgspec.msgpack.encode(self))

    @classmethod
    def from_tokenizer_json(cls, path: Path) -> "Vocabulary":
        """Return the vocabulary of a Hugging Face ``tokenizer.json``.

        The ids that end an answer come from the ``generation_config.json`` or ``config.json``
        beside it, where there is one.

        Raises:
            ModelBroken: The file is missing, damaged, or of a kind whose bytes can't be told.
        """
        try:
            content = msgspec.json.decode(path.read_bytes())
            return _from_tokenizer(content, _eos_ids(path.parent))
        except (OSError, msgspec.MsgspecError) as error:
            raise ModelBroken(f"The tokenizer {path} can't be read: {error}.") from None
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ModelBroken(f"The tokenizer {path} has an unknown form.") from None

    def __len__(self) -> int:
        """Return how many ids there are."""
        return len(self.tokens)

    def token_bytes(self, token: int) -> bytes:
        """Return the exact bytes a token adds to a text; none for control tokens and unused ids."""
        if not 0 <= token < len(self.tokens) or token in self.special:
            return b""
        return self.tokens[token]

    def is_special(self, token: int) -> bool:
        """Return whether a token is a control token, which never shows in a text."""
        return token in self.special

    def decode(self, tokens: Iterable[int]) -> str:
        """Return the text of a whole sequence of tokens."""
        raw = b"".join(map(self.token_bytes, tokens))
        if self.strip_leading_space:
            raw = raw.removeprefix(b" ")
        return raw.decode("utf-8", "replace")


class Utf8Stream:
    """Turns bytes, however they are cut, into text of whole characters.

    Bytes that can't be part of any character become U+FFFD at once, and what follows them is
    read afresh.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        """Return the characters that ``piece`` completes."""
        return self._decoder.decode(piece)

    def finish(self) -> str:
        """Return what is left at the end: U+FFFD if a character was cut, else nothing."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest


@cache
def byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level BPE vocabulary stands for (GPT-2's).

    Printable Latin-1 characters stand for themselves; the other bytes are numbered from U+0100.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable}
    alphabet |= {chr(0x100 + index): byte for index, byte in enumerate(others)}
    return alphabet


def byte_level_bytes(token: str) -> bytes:
    """Return the bytes of a byte-level BPE token; text that is not in its alphabet is UTF-8."""
    alphabet = byte_alphabet()
    try:
        return bytes([alphabet[character] for character in token])
    except KeyError:
        return token.encode("utf-8")


def sentencepiece_bytes(token: str) -> bytes:
    """Return the bytes of a SentencePiece token: ``▁`` is a space, ``<0x0A>`` a byte."""
    if match := _BYTE_TOKEN.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace(_SPACE, " ").encode("utf-8")


def _from_tokenizer(content: dict[str, Any], eos_ids: tuple[int, ...]) -> Vocabulary:
    model = content["model"]
    raw = model["vocab"]
    if isinstance(raw, list):  # Unigram: [token, score] pairs, in the order of ids
        entries = {pair[0]: index for index, pair in enumerate(raw)}
    else:
        entries = dict(raw)
    decoders = _steps(content.get("decoder"))
    kinds = {step.get("type") for step in decoders}
    added = content.get("added_tokens") or []
    count = max([*entries.values(), *(token["id"] for token in added)], default=-1) + 1
    to_bytes = byte_level_bytes if "ByteLevel" in kinds else sentencepiece_bytes
    if not kinds & {"ByteLevel", "ByteFallback", "Metaspace", "Replace"}:
        raise ValueError(kinds)
    tokens = [b""] * count
    for token, index in entries.items():
        tokens[index] = to_bytes(token)
    for token in added:
        tokens[token["id"]] = token["content"].encode("utf-8")
    special = frozenset(token["id"] for token in added if token.get("special"))
    strips = any(
        (step.get("type") == "Strip" and step.get("start"))
        or (step.get("type") == "Metaspace" and step.get("prepend_scheme", "always") != "never")
        for step in decoders
    )
    return Vocabulary(tuple(tokens), special, eos_ids, strips)


def _steps(decoder: dict[str, Any] | None) -> Sequence[dict[str, Any]]:
    if decoder is None:
        return ()
    if decoder.get("type") == "Sequence":
        return decoder["decoders"]  # type: ignore[no-any-return]
    return (decoder,)


def _eos_ids(folder: Path) -> tuple[int, ...]:
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        if not path.is_file():
            continue
        value = msgspec.json.decode(path.read_bytes()).get("eos_token_id")
        if isinstance(value, int):
            return (value,)
        if isinstance(value, list):
            return tuple(value)
    return ()
