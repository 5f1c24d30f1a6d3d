"""The encoder's graph (BERT's), from token ids to unit vectors, built from OpenVINO operations.

Shapes: B texts, T tokens, W width, H heads.
"""

from typing import Any

import numpy as np
import openvino as ov
import openvino.opset13 as op
from numpy.typing import NDArray

from consigne.engines.embedding.config import EncoderConfig
from consigne.engines.embedding.safetensors import Tensors

Node = Any
"""An openvino node; the package carries no types."""

_MASKED = -65504.0  # the lowest float16, so that no precision overflows


def build_model(tensors: Tensors, config: EncoderConfig) -> ov.Model:
    """Return the model: ``input_ids`` and ``attention_mask`` (B, T) in, ``vectors`` (B, W) out.

    Raises:
        ModelBroken: A tensor is missing, misshapen or damaged.
    """
    return _Builder(tensors, config).build()


class _Builder:
    def __init__(self, tensors: Tensors, config: EncoderConfig) -> None:
        self.tensors = tensors
        self.config = config

    def build(self) -> ov.Model:
        ids = _parameter("input_ids")
        mask = _parameter("attention_mask")
        seen = op.convert(mask, "f32")
        hidden = self.embeddings(ids)
        away = op.multiply(op.subtract(_number(1.0), seen), _number(_MASKED))
        bias = op.unsqueeze(away, _ints(1, 2))  # (B, 1, 1, T)
        for number in range(self.config.layers):
            hidden = self.layer(hidden, bias, f"encoder.layer.{number}.")
        vectors = op.normalize_l2(self.pool(hidden, seen), _ints(1), 1e-12, "max")
        vectors.output(0).set_names({"vectors"})
        return ov.Model([op.result(vectors)], [ids, mask], "consigne-embedding")

    def embeddings(self, ids: Node) -> Node:
        """(B, T) ids to (B, T, W): the sums of words, positions and the one token type."""
        c = self.config
        words = self.tensors.read("embeddings.word_embeddings.weight", c.vocabulary, c.width)
        places = self.tensors.read("embeddings.position_embeddings.weight", c.positions, c.width)
        places = places[c.first_position :]
        name = "embeddings.token_type_embeddings.weight"
        if name in self.tensors:
            types = 2 if c.first_position == 0 else 1
            places = places + self.tensors.read(name, types, c.width)[0]
        length = op.gather(op.shape_of(ids), _int(1), _int(0))
        steps = op.range(_int(0), length, _int(1), "i64")
        hidden = op.add(
            op.gather(op.constant(words), ids, _int(0)),
            op.gather(op.constant(np.ascontiguousarray(places)), steps, _int(0)),
        )
        return self.norm(hidden, "embeddings.LayerNorm.")

    def layer(self, hidden: Node, bias: Node, name: str) -> Node:
        c = self.config
        query, key, value = (
            self.heads(self.linear(hidden, f"{name}attention.self.{part}.", c.width, c.width))
            for part in ("query", "key", "value")
        )
        mixed = op.scaled_dot_product_attention(query, key, value, bias)  # (B, H, T, W/H)
        mixed = op.reshape(op.transpose(mixed, _ints(0, 2, 1, 3)), _ints(0, 0, c.width), True)
        mixed = self.linear(mixed, f"{name}attention.output.dense.", c.width, c.width)
        hidden = self.norm(op.add(hidden, mixed), f"{name}attention.output.LayerNorm.")
        inner = op.gelu(self.linear(hidden, f"{name}intermediate.dense.", c.width, c.inner), "erf")
        inner = self.linear(inner, f"{name}output.dense.", c.inner, c.width)
        return self.norm(op.add(hidden, inner), f"{name}output.LayerNorm.")

    def linear(self, hidden: Node, name: str, inputs: int, outputs: int) -> Node:
        weight = op.constant(self.tensors.read(f"{name}weight", outputs, inputs))
        bias = op.constant(self.tensors.read(f"{name}bias", outputs).reshape(1, 1, -1))
        return op.add(op.matmul(hidden, weight, False, True), bias)

    def norm(self, hidden: Node, name: str) -> Node:
        scale = self.tensors.read(f"{name}weight", self.config.width).reshape(1, 1, -1)
        shift = self.tensors.read(f"{name}bias", self.config.width).reshape(1, 1, -1)
        normal = op.mvn(hidden, _ints(2), True, self.config.epsilon, "inside_sqrt")
        return op.add(op.multiply(normal, op.constant(scale)), op.constant(shift))

    def heads(self, hidden: Node) -> Node:
        """(B, T, W) to (B, H, T, W/H)."""
        heads = self.config.heads
        split = op.reshape(hidden, _ints(0, 0, heads, self.config.width // heads), True)
        return op.transpose(split, _ints(0, 2, 1, 3))

    def pool(self, hidden: Node, seen: Node) -> Node:
        """(B, T, W) to (B, W): the first token, or the mean of those that are no padding."""
        if self.config.pooling == "first":
            return op.gather(hidden, _int(0), _int(1))
        total = op.reduce_sum(op.multiply(hidden, op.unsqueeze(seen, _int(2))), _int(1))
        return op.divide(total, op.reduce_sum(seen, _int(1), True))


def _parameter(name: str) -> Node:
    node = op.parameter([-1, -1], ov.Type.i64, name)
    node.output(0).set_names({name})
    return node


def _ints(*values: int) -> Node:
    return op.constant(np.array(values, np.int64))


def _int(value: int) -> Node:
    return op.constant(np.array(value, np.int64))


def _number(value: float) -> NDArray[np.float32]:
    return op.constant(np.array(value, np.float32))  # type: ignore[no-any-return]
