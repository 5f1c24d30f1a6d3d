"""Tokenizers as OpenVINO models: byte-level BPE, and SentencePiece's.

OpenVINO's own reading of a GGUF's tokenizer keeps only the last 8,192 tokens of a text, guesses
the word pattern where it does not know the file's, and drops visible markers (``<tool_call>``)
from answers; so the models are put together here, from the operations of openvino-tokenizers.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from consigne.domain.errors import ModelNotSupported
from consigne.engines.gguf.saving import save_model
from consigne.engines.vocabulary import byte_level_bytes

_CONTRACTIONS: Final = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_GPT2: Final = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_TAIL: Final = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3: Final = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_TAIL}"
_QWEN2: Final = rf"{_CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_TAIL}"
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_TEKKEN: Final = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_SPACE: Final = "▁"
"""What SentencePiece writes for a space (U+2581)."""
UNLIMITED: Final = 2**31 - 65
"""As many tokens as the operations can count; above it their arithmetic wraps around."""


class WordPattern(msgspec.Struct, frozen=True):
    """How a family of tokenizers cuts a text into words before merging."""

    splits: tuple[str, ...]
    """Regular expressions, each applied to the pieces that the one before it left."""
    composed: bool = False
    """Whether the text is first put in Unicode's normal form C."""
    adds_bos: bool = False
    """Whether a text starts with the beginning-of-text token where the file does not say."""


_LLAMA3_WORDS: Final = WordPattern((_LLAMA3,), adds_bos=True)
_QWEN2_WORDS: Final = WordPattern((_QWEN2,), composed=True)
_GPT2_WORDS: Final = WordPattern((_GPT2,))
_DIGITS_WORDS: Final = WordPattern((r"\p{N}", _GPT2))

WORD_PATTERNS: Final[dict[str, WordPattern]] = {
    "llama-bpe": _LLAMA3_WORDS,
    "llama3": _LLAMA3_WORDS,
    "llama-v3": _LLAMA3_WORDS,
    "smaug-bpe": _LLAMA3_WORDS,
    "falcon3": _LLAMA3_WORDS,
    "qwen2": _QWEN2_WORDS,
    "deepseek-r1-qwen": _QWEN2_WORDS,
    "gpt-2": _GPT2_WORDS,
    "olmo": _GPT2_WORDS,
    "smollm": _DIGITS_WORDS,
    "starcoder": _DIGITS_WORDS,
    "refact": _DIGITS_WORDS,
    "command-r": _DIGITS_WORDS,
    "codeshell": _DIGITS_WORDS,
    "tekken": WordPattern((_TEKKEN,), adds_bos=True),
}
"""By the name in ``tokenizer.ggml.pre``."""


class BpeTokenizer(msgspec.Struct, frozen=True):
    """What a byte-level BPE tokenizer is made of."""

    words: WordPattern
    tokens: tuple[bytes, ...]
    """What each id stands for."""
    merges: tuple[str, ...]
    """Pairs in the byte-level alphabet, with a space between, in order of rank."""
    markers: frozenset[int]
    """Ids whose text is found before anything else is cut: control and user-defined tokens."""
    hidden: frozenset[int]
    """Ids that never show in a text."""
    bos: int | None
    """Put before a text; none where the model wants none."""
    pad: int

    def encoding(self) -> list[Any]:
        """Return the steps from a text without markers to tokens."""
        from openvino_tokenizers import tokenizer_pipeline as steps

        return [
            *([steps.NormalizeUnicode("NFC")] if self.words.composed else []),
            *(
                steps.RegexSplitStep(pattern, behaviour="isolate", mergeable=False)
                for pattern in self.words.splits
            ),
            steps.BPETokenizationStep(
                vocab=list(self.tokens),
                merges=[_pair(merge) for merge in self.merges],
                added_tokens=_markers(self),
                cache_capacity=max(len(self.tokens) // 5, 20_000),
            ),
        ]

    def decoding(self) -> list[Any]:
        """Return the steps from tokens to a text's bytes."""
        from openvino_tokenizers import tokenizer_pipeline as steps

        return [steps.VocabDecoderStep(None, sorted(self.hidden)), steps.FuseStep()]


class SentencePieceTokenizer(msgspec.Struct, frozen=True):
    """What a BPE tokenizer of SentencePiece is made of.

    A text is not cut into words: of all pairs of neighbours that make a piece, those that make the
    piece of the best score are joined first. That is BPE with the pairs ranked by their pieces'.
    Source: Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226, and its library.
    """

    tokens: tuple[bytes, ...]
    """What each id stands for."""
    pieces: tuple[str, ...]
    """How each id is spelt: ``▁`` is a space, ``<0x0A>`` a byte."""
    scores: tuple[float, ...]
    """Of each piece; the best are joined first."""
    ordinary: frozenset[int]
    """Ids of pieces that are joined from others."""
    markers: frozenset[int]
    """As of ``BpeTokenizer``."""
    hidden: frozenset[int]
    bos: int | None
    pad: int
    unknown: int | None
    """Stands for characters that no piece and no byte covers."""
    leads: bool
    """Whether a space is put before a text."""

    def encoding(self) -> list[Any]:
        """Return the steps from a text without markers to tokens."""
        from openvino_tokenizers import tokenizer_pipeline as steps

        return [
            *([steps.RegexNormalizationStep.prepend_regex(_SPACE)] if self.leads else []),
            steps.RegexNormalizationStep.replace_spaces_metaspace(),
            steps.BPETokenizationStep(
                vocab=list(self.pieces),
                merges=self.merges(),
                unk_token="" if self.unknown is None else self.pieces[self.unknown],
                fuse_unk=True,
                byte_fallback=True,
                added_tokens={text.decode(): index for text, index in _markers(self).items()},
                cache_capacity=max(len(self.pieces) // 5, 20_000),
            ),
        ]

    def merges(self) -> list[str]:
        """Return the pairs that make pieces, in the order in which they are joined."""
        ids = {self.pieces[index]: index for index in self.ordinary}
        ranked = [
            (-self.scores[index], ids[left], ids[right], f"{left} {right}")
            for piece, index in ids.items()
            for left, right in ((piece[:cut], piece[cut:]) for cut in range(1, len(piece)))
            if left in ids and right in ids
        ]
        return [pair for *_, pair in sorted(ranked)]

    def decoding(self) -> list[Any]:
        """Return the steps from tokens to a text's bytes."""
        from openvino_tokenizers import tokenizer_pipeline as steps

        return [
            steps.VocabDecoderStep(list(self.tokens), sorted(self.hidden)),
            steps.FuseStep(),
            *([steps.RegexDecodingStep.strip_forward_space()] if self.leads else []),
        ]


Tokenizer = BpeTokenizer | SentencePieceTokenizer


def word_pattern(name: str, file_name: str) -> WordPattern:
    """Return the word pattern that a GGUF names.

    Raises:
        ModelNotSupported: An unknown one; cutting words otherwise would spoil every prompt.
    """
    if name not in WORD_PATTERNS:
        raise ModelNotSupported(
            f"{file_name} cuts words by the pattern {name or '(none named)'}, which is not known "
            f"here; known are {', '.join(WORD_PATTERNS)}. "
            "Pull the model as an OpenVINO folder, or a GGUF made by a recent converter."
        )
    return WORD_PATTERNS[name]


def save_models(tokenizer: Tokenizer, about: dict[str, Any], folder: Path) -> None:
    """Write ``openvino_tokenizer`` and ``openvino_detokenizer`` into ``folder``.

    Args:
        tokenizer: What to build.
        about: Run-time entries that OpenVINO GenAI reads: token ids and the chat template.
        folder: Where to.
    """
    import openvino as ov
    from openvino_tokenizers.utils import change_outputs_type, update_rt_info_with_environment

    pipeline = _pipeline(tokenizer)
    encoder = pipeline.get_tokenizer_ov_subgraph()
    decoder = pipeline.get_detokenizer_ov_subgraph()
    for result in encoder.get_results():
        if "token_type_ids" in result.get_output_tensor(0).get_names():
            encoder.remove_result(result)
    change_outputs_type(encoder, ov.Type.i64)
    # Set in place: a conversion step would fold the switch that shows or hides control tokens.
    decoder.get_parameters()[0].set_element_type(ov.Type.i64)
    decoder.validate_nodes_and_infer_types()
    for model, name in ((encoder, "tokenizer"), (decoder, "detokenizer")):
        update_rt_info_with_environment(model)  # without it GenAI ignores its own switches
        for key, value in about.items():
            model.set_rt_info(value, key)
        save_model(model, folder / f"openvino_{name}.xml")


def _pipeline(tokenizer: Tokenizer) -> Any:
    from openvino_tokenizers import tokenizer_pipeline as steps

    pipeline = steps.TokenizerPipeline()
    spelled = (each.decode() for each in _markers(tokenizer))
    pipeline.add_steps(steps.SpecialTokensSplit.from_string_iter(spelled))
    pipeline.add_steps(tokenizer.encoding())
    if tokenizer.bos is not None:
        # GenAI tells the text from the tokens added to it by the (inactive) truncation before it.
        pipeline.add_steps(steps.TruncationStep(UNLIMITED))
        start = steps.AddToken(_token_id=tokenizer.bos, token_type_id=0)
        text = steps.Sequence(token_type_id=0)
        pipeline.add_steps(steps.CombineSegmentsStep([start, text]))
    pipeline.add_steps(steps.PaddingStep(_token_id=tokenizer.pad, pad_right=False))
    pipeline.add_steps(tokenizer.decoding())
    pipeline.add_steps(steps.UTF8ValidateStep(steps.UTF8ReplaceMode.REPLACE))
    return pipeline


def _markers(tokenizer: Tokenizer) -> dict[bytes, int]:
    tokens = tokenizer.tokens
    return {tokens[index]: index for index in sorted(tokenizer.markers) if tokens[index]}


def _pair(merge: str) -> tuple[bytes, bytes]:
    left, _, right = merge.partition(" ")
    return byte_level_bytes(left), byte_level_bytes(right)
