"""Tiny random models as GGUF files, of any architecture and block format."""

from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
from numpy.typing import NDArray

from consigne.engines.vocabulary import byte_alphabet

WIDTH, FEED_FORWARD, HEADS, KV_HEADS, LAYERS = 256, 512, 4, 2, 2
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MERGES = ("h e", "l l", "he ll", "hell o", "Ġ w", "o r", "Ġw or", "l d", "Ġwor ld", "Ġ Ġ", "Ã ©")
START = "<|endoftext|>"
CONTROL_TOKENS = (START, "<|im_start|>", "<|im_end|>")
USER_TOKENS = ("<tool_call>",)


class Words(NamedTuple):
    """A vocabulary: what each token is, of which kind, and the scores of SentencePiece's."""

    tokens: list[str]
    kinds: list[int]
    scores: list[float] | None = None


def vocabulary() -> tuple[list[str], list[int]]:
    """Return a byte-level vocabulary and its token types."""
    letters = sorted(byte_alphabet(), key=byte_alphabet().__getitem__)
    words = [merge.replace(" ", "") for merge in MERGES]
    tokens = [*CONTROL_TOKENS, *USER_TOKENS, *letters, *words]
    kinds = [3] * len(CONTROL_TOKENS) + [4] * len(USER_TOKENS)
    return tokens, kinds + [1] * (len(tokens) - len(kinds))


def random_blocks(
    name: str, rows: int, columns: int, random: np.random.Generator, scale: float = 0.05
) -> NDArray[np.uint8]:
    """Return random raw blocks of the format ``name`` whose weights are about ``scale`` wide."""
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    try:
        weights = random.standard_normal((rows, columns)).astype(np.float32) * scale
        return gguf.quants.quantize(weights, kind).view(np.uint8).reshape(rows, -1)
    except NotImplementedError:
        raw = random.integers(0, 256, (rows * columns // elements, size), dtype=np.uint8)
    for start, span in _HALVES[name].items():
        halves = (random.uniform(0.5, 1.0, len(raw)) * scale / span).astype("<f2")
        raw[:, start : start + 2] = halves.view(np.uint8).reshape(-1, 2)
    return raw.reshape(rows, -1)


_HALVES = {
    "Q2_K": {80: 15, 82: 8},
    "Q3_K": {108: 32},
    "Q4_K": {0: 300, 2: 50},
    "Q5_K": {0: 600, 2: 50},
    "Q6_K": {208: 1000},
    "IQ4_NL": {0: 60},
    "IQ4_XS": {0: 1000},
    "IQ3_XXS": {0: 100},
}
"""Where the scales of a format lie in its blocks, and what their integers span."""


def write_model(
    path: Path,
    architecture: str = "llama",
    *,
    body: str = "F32",
    embedding: str = "F32",
    output: str | None = None,
    metadata: dict[str, Any] | None = None,
    biases: bool = False,
    norms: str = "F32",
    rope_factors: bool = False,
    head_size: int | None = None,
    extra: dict[str, NDArray[Any]] | None = None,
    seed: int = 0,
    words: Words | None = None,
) -> Path:
    """Write a tiny random model and return its path.

    ``metadata`` adds entries, replaces them, or takes them away (``None``); keys that don't
    belong to the tokenizer or the file as a whole are the architecture's own.
    """
    random = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    words = words or Words(*vocabulary())
    tokens, kinds = words.tokens, words.kinds
    size = head_size or WIDTH // HEADS
    for key, value in (_entries(tokens, head_size) | (metadata or {})).items():
        common = key.startswith(("tokenizer.", "general.", "split."))
        _add(writer, key if common else f"{architecture}.{key}", value)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    if words.scores:
        writer.add_token_scores(words.scores)
    else:
        writer.add_token_merges(list(MERGES))
    tensors = _Tensors(writer, random, norms)
    tensors.matrix("token_embd", len(tokens), WIDTH, embedding)
    if output:
        tensors.matrix("output", len(tokens), WIDTH, output)
    tensors.norm("output_norm", WIDTH)
    if rope_factors:
        writer.add_tensor("rope_freqs.weight", random.uniform(1, 8, size // 2).astype(np.float32))
    for layer in range(LAYERS):
        tensors.layer(layer, body, size, biases or architecture == "qwen2")
        if architecture == "qwen3":
            tensors.norm(f"blk.{layer}.attn_q_norm", size)
            tensors.norm(f"blk.{layer}.attn_k_norm", size)
    for name, values in (extra or {}).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _entries(tokens: list[str], head_size: int | None) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "block_count": LAYERS,
        "context_length": 512,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.ggml.bos_token_id": tokens.index(START if START in tokens else "<s>"),
        "tokenizer.ggml.padding_token_id": tokens.index(START if START in tokens else "</s>"),
        "tokenizer.chat_template": TEMPLATE,
    }
    if head_size:
        entries["attention.key_length"] = entries["attention.value_length"] = head_size
    return entries


class _Tensors:
    """Adds random tensors to a file."""

    def __init__(self, writer: gguf.GGUFWriter, random: np.random.Generator, norms: str) -> None:
        self.writer = writer
        self.random = random
        self.norms = gguf.GGMLQuantizationType[norms]

    def matrix(self, name: str, rows: int, columns: int, kind: str) -> None:
        raw = random_blocks(kind, rows, columns, self.random)
        quantization = gguf.GGMLQuantizationType[kind]
        self.writer.add_tensor(f"{name}.weight", raw, raw_dtype=quantization)

    def norm(self, name: str, length: int) -> None:
        values = (1 + 0.1 * self.random.standard_normal(length)).astype(np.float32)
        raw = gguf.quants.quantize(values[None], self.norms)[0]
        self.writer.add_tensor(f"{name}.weight", raw, raw_dtype=self.norms)

    def layer(self, number: int, body: str, size: int, biases: bool) -> None:
        shapes = {
            "attn_q": (HEADS * size, WIDTH),
            "attn_k": (KV_HEADS * size, WIDTH),
            "attn_v": (KV_HEADS * size, WIDTH),
            "attn_output": (WIDTH, HEADS * size),
            "ffn_gate": (FEED_FORWARD, WIDTH),
            "ffn_up": (FEED_FORWARD, WIDTH),
            "ffn_down": (WIDTH, FEED_FORWARD),
        }
        for part, (rows, columns) in shapes.items():
            self.matrix(f"blk.{number}.{part}", rows, columns, body)
            if biases and part in ("attn_q", "attn_k", "attn_v"):
                values = (0.1 * self.random.standard_normal(rows)).astype(np.float32)
                self.writer.add_tensor(f"blk.{number}.{part}.bias", values)
        for part in ("attn_norm", "ffn_norm"):
            self.norm(f"blk.{number}.{part}", WIDTH)


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case None:
            return
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case list():
            writer.add_array(key, value)
        case _:
            raise TypeError(value)
