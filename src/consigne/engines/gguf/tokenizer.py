"""The tokenizer of a GGUF: as OpenVINO models, as a table of bytes, and its chat template."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.config import ADVICE
from consigne.engines.gguf.reader import GgufFile, floats, integers, text, texts
from consigne.engines.gguf.tokenizer_graph import (
    BpeTokenizer,
    SentencePieceTokenizer,
    save_models,
    word_pattern,
)
from consigne.engines.vocabulary import Vocabulary, byte_level_bytes, sentencepiece_bytes

NORMAL: Final = 1
UNKNOWN: Final = 2
CONTROL: Final = 3
USER_DEFINED: Final = 4
UNUSED: Final = 5
HIDDEN: Final = (UNKNOWN, CONTROL, UNUSED)
"""Token types of ggml that never show in a text."""
MARKERS: Final = (CONTROL, USER_DEFINED)
"""Token types whose text is always one token, wherever it stands."""

TURN_ENDS: Final = frozenset(
    (
        *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>"),
        *("<|end|>", "<|return|>", "<end_of_turn>", "<EOT>", "</s>", "<|end_of_turn|>"),
    )
)
"""Control tokens that end an answer in one chat format or another."""


class SpecialIds(msgspec.Struct, frozen=True):
    """Ids with a role of their own."""

    bos: int | None
    eos: tuple[int, ...]
    """The file's own end token first, then those of its chat format."""
    pad: int | None


def read_vocabulary(file: GgufFile, size: int) -> Vocabulary:
    """Return what each token id stands for; ids beyond the file's tokens stand for nothing.

    Raises:
        ModelNotSupported: A tokenizer that is neither byte-level BPE nor SentencePiece's.
        ModelBroken: The list of tokens is missing or longer than the embedding table.
    """
    spelt = _spelt_as(file)
    tokens = texts(file.metadata, "tokenizer.ggml.tokens")
    if not tokens or len(tokens) > size:
        raise ModelBroken(
            f"{file.path}: it has {len(tokens)} tokens for {size} embeddings. Download it again."
        )
    kinds = integers(file.metadata, "tokenizer.ggml.token_type")
    special = frozenset(index for index, kind in enumerate(kinds) if kind in HIDDEN)
    raw = [
        token.encode() if index in special else spelt(token) for index, token in enumerate(tokens)
    ]
    raw += [b""] * (size - len(raw))
    return Vocabulary(tuple(raw), special, special_ids(file).eos, _leads(file))


def _spelt_as(file: GgufFile) -> Callable[[str], bytes]:
    """Return what gives the bytes of a token as it is spelt in the file."""
    match text(file.metadata, "tokenizer.ggml.model"):
        case "gpt2":
            return byte_level_bytes
        case "llama":
            return sentencepiece_bytes
        case other:
            raise ModelNotSupported(
                f"{file.path.name} has a {other or 'missing'} tokenizer; only byte-level BPE "
                f"(gpt2) and SentencePiece's BPE (llama) are read here. {ADVICE}"
            )


def _leads(file: GgufFile) -> bool:
    """Say whether a space is put before a text, which is none of its own."""
    if text(file.metadata, "tokenizer.ggml.model") != "llama":
        return False
    return bool(file.metadata.get("tokenizer.ggml.add_space_prefix", True))


def special_ids(file: GgufFile) -> SpecialIds:
    """Return the ids with a role of their own."""
    tokens = texts(file.metadata, "tokenizer.ggml.tokens")
    kinds = integers(file.metadata, "tokenizer.ggml.token_type")

    def role(name: str) -> int | None:
        value = file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        return value if isinstance(value, int) and 0 <= value < len(tokens) else None

    ends = [role("eos"), role("eot"), role("eom")]
    ends += [
        index
        for index, (token, kind) in enumerate(zip(tokens, kinds, strict=False))
        if kind == CONTROL and token in TURN_ENDS
    ]
    eos = tuple(dict.fromkeys(end for end in ends if end is not None))
    pad = role("padding")
    return SpecialIds(
        bos=role("bos"),
        eos=eos,
        pad=pad if pad is not None else next(iter(eos), None),
    )


def chat_template(file: GgufFile) -> str:
    """Return the chat template, in Jinja; empty for a model that is not made for chat."""
    return text(file.metadata, "tokenizer.chat_template")


def save_tokenizer(file: GgufFile, vocabulary: Vocabulary, folder: Path) -> None:
    """Write the tokenizer and the detokenizer as OpenVINO models into ``folder``.

    Raises:
        ModelNotSupported: The file cuts words by a pattern that is not known here.
    """
    ids = special_ids(file)
    sentencepiece = _spelt_as(file) is sentencepiece_bytes
    tokenizer = (_sentencepiece if sentencepiece else _byte_level)(file, vocabulary, ids)
    about = {
        "bos_token_id": ids.bos,
        "eos_token_id": next(iter(ids.eos), None),
        "pad_token_id": ids.pad,
        "chat_template": chat_template(file) or None,
    }
    known = {key: value for key, value in about.items() if value is not None}
    save_models(tokenizer, known, folder)


def _byte_level(file: GgufFile, vocabulary: Vocabulary, ids: SpecialIds) -> BpeTokenizer:
    words = word_pattern(text(file.metadata, "tokenizer.ggml.pre"), file.path.name)
    starts = file.metadata.get("tokenizer.ggml.add_bos_token", words.adds_bos)
    return BpeTokenizer(
        words=words,
        tokens=vocabulary.tokens,
        merges=texts(file.metadata, "tokenizer.ggml.merges"),
        markers=_of_kind(file, *MARKERS),
        hidden=vocabulary.special,
        bos=ids.bos if starts else None,
        pad=ids.pad or 0,
    )


def _sentencepiece(
    file: GgufFile, vocabulary: Vocabulary, ids: SpecialIds
) -> SentencePieceTokenizer:
    pieces = texts(file.metadata, "tokenizer.ggml.tokens")
    scores = floats(file.metadata, "tokenizer.ggml.scores")
    if len(scores) != len(pieces):
        raise ModelBroken(
            f"{file.path}: it has {len(scores)} scores for {len(pieces)} tokens. Download it again."
        )
    starts = file.metadata.get("tokenizer.ggml.add_bos_token", True)
    spare = tuple(f"<spare_{index}>" for index in range(len(pieces), len(vocabulary.tokens)))
    return SentencePieceTokenizer(
        tokens=vocabulary.tokens,
        pieces=pieces + spare,
        scores=scores,
        ordinary=_of_kind(file, NORMAL),
        markers=_of_kind(file, *MARKERS),
        hidden=vocabulary.special,
        bos=ids.bos if starts else None,
        pad=ids.pad or 0,
        unknown=next(iter(sorted(_of_kind(file, UNKNOWN))), None),
        leads=vocabulary.strip_leading_space,
    )


def _of_kind(file: GgufFile, *wanted: int) -> frozenset[int]:
    kinds = integers(file.metadata, "tokenizer.ggml.token_type")
    return frozenset(index for index, kind in enumerate(kinds) if kind in wanted)


def save_configuration(folder: Path, name: str, content: dict[str, Any]) -> None:
    """Write a configuration file, leaving out what is not known."""
    known = {key: value for key, value in content.items() if value is not None}
    (folder / name).write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=2))
