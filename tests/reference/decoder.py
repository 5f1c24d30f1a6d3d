"""An exact decoder in numpy: what a llama, qwen2 or qwen3 GGUF says, in float32, step by step.

It reads files with the gguf package and keeps llama's interleaved rotary pairs as they are in the
file, so that it shares nothing with the code it judges.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, dequantize
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class ReferenceDecoder:
    """A model in float32 with its cache; ``forward`` may be called again with what follows."""

    def __init__(self, path: Path) -> None:
        reader = GGUFReader(path)
        self._meta = {key: field.contents() for key, field in reader.fields.items()}
        self.tensors: dict[str, Floats] = {
            tensor.name: dequantize(tensor.data, tensor.tensor_type)
            .astype(np.float32)
            .reshape(tuple(int(size) for size in reversed(tensor.shape)))
            for tensor in reader.tensors
        }
        self.architecture = str(self._meta["general.architecture"])
        self.layers = int(self._get("block_count"))
        self.heads = int(self._get("attention.head_count"))
        self.kv_heads = int(self._get("attention.head_count_kv", self.heads))
        width = int(self._get("embedding_length"))
        self.size = int(self._get("attention.key_length", width // self.heads))
        self.epsilon = float(self._get("attention.layer_norm_rms_epsilon"))
        self.frequencies, self.magnitude = self._rope()
        self.reset()

    def reset(self) -> None:
        """Forget the cache."""
        self.position = 0
        self._keys: list[Floats | None] = [None] * self.layers
        self._values: list[Floats | None] = [None] * self.layers

    def forward(self, tokens: list[int]) -> Floats:
        """Return the logits after each of ``tokens``, (T, vocabulary)."""
        hidden = self.tensors["token_embd.weight"][tokens]
        positions = np.arange(self.position, self.position + len(tokens))
        for layer in range(self.layers):
            hidden = self._layer(hidden, layer, positions)
        self.position += len(tokens)
        head = self.tensors.get("output.weight", self.tensors["token_embd.weight"])
        logits: Floats = self._norm(hidden, "output_norm.weight") @ head.T
        return logits + self.tensors.get("output.bias", np.float32(0))

    def greedy(self, prompt: list[int], count: int, stop: set[int]) -> list[int]:
        """Return the most likely answer, up to ``count`` tokens, without its end token."""
        self.reset()
        logits = self.forward(prompt)[-1]
        answer: list[int] = []
        while len(answer) < count:
            token = int(logits.argmax())
            if token in stop:
                break
            answer.append(token)
            logits = self.forward([token])[-1]
        return answer

    def _get(self, key: str, default: Any = None) -> Any:
        return self._meta.get(f"{self.architecture}.{key}", default)

    def _rope(self) -> tuple[NDArray[np.float64], float]:
        base = float(self._get("rope.freq_base", 10000.0))
        pairs = np.arange(self.size // 2)
        frequencies = base ** (-2.0 * pairs / self.size)
        magnitude = 1.0
        kind = self._get("rope.scaling.type")
        factor = float(self._get("rope.scaling.factor", 1.0))
        if kind == "linear":
            frequencies = frequencies / factor
        if kind == "yarn":
            original = float(self._get("rope.scaling.original_context_length"))
            # In rotations over the original context: above 32 untouched, below 1 interpolated.
            at = [
                self.size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))
                for turns in (32.0, 1.0)
            ]
            low, high = max(math.floor(at[0]), 0), min(math.ceil(at[1]), self.size - 1)
            for pair in pairs:
                share = min(1.0, max(0.0, (pair - low) / max(0.001, high - low)))
                frequencies[pair] *= share / factor + (1 - share)
            magnitude = 1.0 + 0.1 * math.log(factor)
        if "rope_freqs.weight" in self.tensors:
            frequencies = frequencies / self.tensors["rope_freqs.weight"]
        return frequencies, magnitude

    def _layer(self, hidden: Floats, layer: int, positions: NDArray[np.int64]) -> Floats:
        name = f"blk.{layer}."
        inputs = self._norm(hidden, name + "attn_norm.weight")
        query = self._linear(inputs, name + "attn_q").reshape(len(inputs), self.heads, -1)
        key = self._linear(inputs, name + "attn_k").reshape(len(inputs), self.kv_heads, -1)
        value = self._linear(inputs, name + "attn_v").reshape(len(inputs), self.kv_heads, -1)
        if name + "attn_q_norm.weight" in self.tensors:
            query = self._norm(query, name + "attn_q_norm.weight")
            key = self._norm(key, name + "attn_k_norm.weight")
        query, key = self._rotate(query, positions), self._rotate(key, positions)
        mixed = self._attend(query, key, value, layer)
        hidden = hidden + self._linear(mixed, name + "attn_output")
        inputs = self._norm(hidden, name + "ffn_norm.weight")
        gate = self._linear(inputs, name + "ffn_gate")
        gate = gate / (1 + np.exp(-gate)) * self._linear(inputs, name + "ffn_up")
        return hidden + self._linear(gate, name + "ffn_down")

    def _attend(self, query: Floats, key: Floats, value: Floats, layer: int) -> Floats:
        past_keys, past_values = self._keys[layer], self._values[layer]
        if past_keys is not None and past_values is not None:
            key, value = np.concatenate([past_keys, key]), np.concatenate([past_values, value])
        self._keys[layer], self._values[layer] = key, value
        repeat = self.heads // self.kv_heads
        keys, values = np.repeat(key, repeat, 1), np.repeat(value, repeat, 1)
        scores = np.einsum("qhd,khd->hqk", query, keys) / math.sqrt(self.size)
        new, total = scores.shape[1:]
        scores[:, np.arange(total)[None] > np.arange(total - new, total)[:, None]] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed: Floats = np.einsum("hqk,khd->qhd", weights, values).reshape(new, -1)
        return mixed

    def _rotate(self, heads: Floats, positions: NDArray[np.int64]) -> Floats:
        angles = positions[:, None, None] * self.frequencies
        cosine = (np.cos(angles) * self.magnitude).astype(np.float32)
        sine = (np.sin(angles) * self.magnitude).astype(np.float32)
        half = self.size // 2
        if self.architecture == "llama":
            first, second = heads[..., 0::2], heads[..., 1::2]
        else:
            first, second = heads[..., :half], heads[..., half:]
        turned = (first * cosine - second * sine, first * sine + second * cosine)
        if self.architecture == "llama":
            return np.stack(turned, -1).reshape(heads.shape)
        return np.concatenate(turned, -1)

    def _norm(self, value: Floats, name: str) -> Floats:
        mean = np.square(value).mean(-1, keepdims=True)
        normal: Floats = value / np.sqrt(mean + np.float32(self.epsilon)) * self.tensors[name]
        return normal

    def _linear(self, value: Floats, name: str) -> Floats:
        result: Floats = value @ self.tensors[name + ".weight"].T
        return result + self.tensors.get(name + ".bias", np.float32(0))


def mean_loss(logits: Floats, tokens: list[int]) -> float:
    """Return the mean negative log-likelihood of each token after the first, in nats."""
    exact = logits[:-1].astype(np.float64)
    exact -= exact.max(-1, keepdims=True)
    totals = np.log(np.exp(exact).sum(-1))
    chosen = exact[np.arange(len(tokens) - 1), tokens[1:]]
    return float((totals - chosen).mean())
