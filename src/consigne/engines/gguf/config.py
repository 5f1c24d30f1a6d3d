"""What a GGUF says of its model: dimensions, rotary embedding, and whether we can build it."""

import math
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.reader import GgufFile

ARCHITECTURES: Final = ("llama", "qwen2", "qwen3")

MAX_HEAD_SIZE: Final = 4096
"""Beyond any model's; what a damaged file says is not allocated."""

ADVICE: Final = (
    "Pull the model as an OpenVINO folder (such as hf:OpenVINO/Qwen3-8B-int4-ov), "
    "or a GGUF of a llama, qwen2 or qwen3 model."
)

_BODY: Final = frozenset(
    f"{part}.{kind}"
    for part in (
        *("attn_q", "attn_k", "attn_v", "attn_output", "attn_norm", "attn_q_norm", "attn_k_norm"),
        *("ffn_gate", "ffn_up", "ffn_down", "ffn_norm"),
    )
    for kind in ("weight", "bias")
    if kind == "weight" or not part.endswith("norm")
)
_HEAD: Final = frozenset(
    ("token_embd.weight", "output_norm.weight", "output.weight", "output.bias", "rope_freqs.weight")
)
_INERT: Final = {
    "expert_count": "mixture-of-experts layers",
    "attention.max_alibi_bias": "ALiBi positions",
    "attention.clamp_kqv": "clamped attention",
    "logit_scale": "scaled logits",
    "residual_scale": "scaled residuals",
    "embedding_scale": "scaled embeddings",
    "attention.scale": "an attention scale of its own",
}
"""Settings that we can only serve when they are absent or zero, and what they stand for."""


class Rope(msgspec.Struct, frozen=True):
    """The rotary embedding's frequencies, scaling included."""

    inverse_frequencies: tuple[float, ...]
    """One for each pair of a head's dimensions, in radians a position."""
    magnitude: float = 1.0
    """Factor on cosine and sine (YaRN's attention factor)."""


class DecoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A llama-like decoder's dimensions."""

    architecture: Literal["llama", "qwen2", "qwen3"]
    layers: int
    width: int
    """Of the residual stream."""
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    norm_epsilon: float
    context: int
    vocabulary: int
    rope_base: float
    rope: Rope
    tied: bool
    """Whether the output head is the embedding table."""
    head_norms: bool
    """Whether queries and keys are normalised per head."""


def read_config(file: GgufFile) -> DecoderConfig:
    """Return the model's dimensions, having checked that every part of it can be built.

    Raises:
        ModelNotSupported: By name: another architecture, experts, sliding windows, an unknown
            tensor, another rotary scaling.
        ModelBroken: Required entries or tensors are missing or contradict themselves.
    """
    meta = _Metadata(file)
    width, heads = meta.positive("embedding_length"), meta.positive("attention.head_count")
    head_size = meta.positive("attention.key_length", width // heads)
    if head_size > MAX_HEAD_SIZE or head_size % 2:
        raise ModelBroken(f"{file.path} contradicts itself: attention heads of size {head_size}.")
    _refuse_extras(file, meta, head_size)
    config = DecoderConfig(
        architecture=meta.architecture,
        layers=meta.positive("block_count"),
        width=width,
        feed_forward=meta.positive("feed_forward_length"),
        heads=heads,
        kv_heads=meta.positive("attention.head_count_kv", heads),
        head_size=head_size,
        norm_epsilon=meta.above(0.0, "attention.layer_norm_rms_epsilon"),
        context=meta.positive("context_length"),
        vocabulary=_shape(file, "token_embd.weight", 2)[0],
        rope_base=meta.number("rope.freq_base", 10000.0),
        rope=_rope(file, meta, head_size),
        tied="output.weight" not in file.tensors,
        head_norms="blk.0.attn_q_norm.weight" in file.tensors,
    )
    _check_counts(file, config)
    _check_tensors(file, config)
    return config


def _check_counts(file: GgufFile, config: DecoderConfig) -> None:
    if config.layers > len(file.tensors):
        raise ModelBroken(
            f"{file.path} contradicts itself: {config.layers} layers in {len(file.tensors)} "
            "tensors. Download it again."
        )
    if config.heads % config.kv_heads:
        raise ModelBroken(
            f"{file.path} contradicts itself: {config.heads} heads "
            f"over {config.kv_heads} key-value heads. Download it again."
        )


class _Metadata:
    """The entries of the model's own architecture, with their types checked."""

    def __init__(self, file: GgufFile) -> None:
        self.path = file.path
        self.entries = file.metadata
        name = self.entries.get("general.architecture")
        if name not in ARCHITECTURES:
            raise ModelNotSupported(f"{file.path.name} is a {name} model. {ADVICE}")
        if self.entries.get("split.count", 1) not in (0, 1):
            raise ModelNotSupported(
                f"{file.path.name} is one part of a GGUF split over several files. "
                "Pull a GGUF that is a single file."
            )
        self.architecture: Literal["llama", "qwen2", "qwen3"] = name

    def get(self, key: str) -> Any:
        return self.entries.get(f"{self.architecture}.{key}")

    def number(self, key: str, default: float | None = None) -> float:
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            if value is None:
                raise ModelBroken(f"{self.path}: {self.architecture}.{key} is missing.")
            raise ModelNotSupported(
                f"{self.path.name}: {key} differs from layer to layer. {ADVICE}"
            )
        if not math.isfinite(value):
            raise ModelBroken(f"{self.path}: {self.architecture}.{key} is {value}.")
        return value

    def above(self, limit: float, key: str, default: float | None = None) -> float:
        value = self.number(key, default)
        if value <= limit:
            raise ModelBroken(f"{self.path}: {self.architecture}.{key} is {value}.")
        return value

    def positive(self, key: str, default: int | None = None) -> int:
        value = self.number(key, default)
        if value != int(value) or not 0 < value < 2**31:
            raise ModelBroken(f"{self.path}: {self.architecture}.{key} is {value}.")
        return int(value)


def _refuse_extras(file: GgufFile, meta: _Metadata, head_size: int) -> None:
    def refuse(what: str) -> None:
        raise ModelNotSupported(f"{file.path.name} has {what}, which is not built here. {ADVICE}")

    for key, what in _INERT.items():
        if meta.get(key):
            refuse(what)
    window = meta.get("attention.sliding_window")
    if window is not None and not (
        isinstance(window, int) and (window == 0 or window >= meta.positive("context_length"))
    ):
        refuse("sliding-window attention")
    if meta.get("attention.causal") is False:
        refuse("attention that is not causal")
    if meta.positive("attention.value_length", head_size) != head_size:
        refuse("values of another size than keys")
    if meta.positive("rope.dimension_count", head_size) != head_size:
        refuse("partial rotary embedding")
    unknown = [name for name in file.tensors if not _known(name)]
    if unknown:
        refuse(f"the unknown tensor {unknown[0]}")


def _known(name: str) -> bool:
    first, _, rest = name.partition(".")
    if first != "blk":
        return name in _HEAD
    number, _, part = rest.partition(".")
    return number.isdecimal() and part in _BODY


def _rope(file: GgufFile, meta: _Metadata, size: int) -> Rope:
    base = meta.above(1.0, "rope.freq_base", 10000.0)
    exponents = np.arange(0, size, 2, dtype=np.float64) / size
    inverse = 1.0 / base**exponents
    kind = meta.get("rope.scaling.type")
    magnitude = 1.0
    if kind in (None, "none", ""):
        pass
    elif kind == "linear":
        inverse /= meta.above(0.0, "rope.scaling.factor", 1.0)
    elif kind == "yarn":
        inverse, magnitude = _yarn(inverse, base, meta)
    else:
        raise ModelNotSupported(
            f"{file.path.name} scales its rotary embedding by {kind}, which is not built here. "
            f"{ADVICE}"
        )
    if "rope_freqs.weight" in file.tensors:
        from consigne.engines.gguf.weights import read_vector

        factors = read_vector(file, "rope_freqs.weight", len(inverse))
        inverse = inverse / factors
    if not np.all(np.isfinite(inverse)):
        raise ModelBroken(f"{file.path}: its rotary frequencies are not finite numbers.")
    return Rope(tuple(inverse.tolist()), magnitude)


def _yarn(
    inverse: NDArray[np.float64], base: float, meta: _Metadata
) -> tuple[NDArray[np.float64], float]:
    """YaRN: fast dimensions keep their frequency, slow ones are interpolated, a ramp between.

    Source: Peng et al., "YaRN", 2023, with the paper's bounds of 32 and 1 rotations.
    """
    factor = meta.above(0.0, "rope.scaling.factor")
    original = meta.positive("rope.scaling.original_context_length")
    fast = meta.above(0.0, "rope.scaling.yarn_beta_fast", 32.0)
    slow = meta.above(0.0, "rope.scaling.yarn_beta_slow", 1.0)
    size = 2 * len(inverse)

    def dimension(rotations: float) -> float:
        return size * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = max(math.floor(dimension(fast)), 0)
    high = min(math.ceil(dimension(slow)), size - 1)
    ramp = np.clip((np.arange(size // 2) - low) / max(high - low, 0.001), 0, 1)
    scaled = inverse / factor * ramp + inverse * (1 - ramp)
    attention = meta.above(0.0, "rope.scaling.attn_factor", 1.0)
    return scaled, attention * (0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0)


def _shape(file: GgufFile, name: str, rank: int) -> tuple[int, ...]:
    tensor = file.tensors.get(name)
    if tensor is None:
        raise ModelBroken(f"{file.path}: the tensor {name} is missing. Download it again.")
    if len(tensor.shape) != rank:
        raise ModelBroken(f"{file.path}: the tensor {name} has shape {tensor.shape}.")
    return tensor.shape


def _check_tensors(file: GgufFile, config: DecoderConfig) -> None:
    c = config
    query, keys = c.heads * c.head_size, c.kv_heads * c.head_size
    matrices: dict[str, tuple[int, ...]] = {
        "attn_q": (query, c.width),
        "attn_k": (keys, c.width),
        "attn_v": (keys, c.width),
        "attn_output": (c.width, query),
        "ffn_gate": (c.feed_forward, c.width),
        "ffn_up": (c.feed_forward, c.width),
        "ffn_down": (c.width, c.feed_forward),
    }
    norms = {"attn_norm": c.width, "ffn_norm": c.width}
    if c.head_norms:
        norms |= {"attn_q_norm": c.head_size, "attn_k_norm": c.head_size}
    expected: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (c.vocabulary, c.width),
        "output_norm.weight": (c.width,),
    }
    if not c.tied:
        expected["output.weight"] = (c.vocabulary, c.width)
    for layer in range(c.layers):
        for part, shape in matrices.items():
            expected[f"blk.{layer}.{part}.weight"] = shape
            if f"blk.{layer}.{part}.bias" in file.tensors:
                expected[f"blk.{layer}.{part}.bias"] = shape[:1]
        expected |= {f"blk.{layer}.{part}.weight": (size,) for part, size in norms.items()}
    if "output.bias" in file.tensors:
        expected["output.bias"] = (c.vocabulary,)
    for name, shape in expected.items():
        if _shape(file, name, len(shape)) != shape:
            raise ModelBroken(
                f"{file.path}: the tensor {name} has shape {file.tensors[name].shape}, "
                f"not {shape}. Download it again."
            )
    surplus = file.tensors.keys() - expected.keys() - {"rope_freqs.weight"}
    if surplus:
        raise ModelNotSupported(
            f"{file.path.name} has the tensor {min(surplus)} in an unknown place. {ADVICE}"
        )
