"""The decoder's graph, built from OpenVINO operations in the patterns its passes look for.

The patterns matter: the paged-attention pass finds inputs by their friendly names and each cache
by its variable; the CPU plugin fuses rotary embedding, normalisation and attention by the shape of
the subgraph; adapters find a linear layer by its MatMul's friendly name, as optimum-intel names it.

Every operation of a step costs the time to start it on all threads, which for a small model is
much of the step. So linear layers of one input are one product, and offsets are columns of it.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import openvino as ov
import openvino.opset13 as op
from numpy.typing import NDArray
from openvino.op import assign, read_value
from openvino.opset1 import avg_pool

from consigne.engines.gguf.adapters import Product
from consigne.engines.gguf.config import DecoderConfig
from consigne.engines.gguf.fused import NORM, ROTARY
from consigne.engines.gguf.reader import GgufFile
from consigne.engines.gguf.weights import (
    Matrix,
    Part,
    alike,
    read_matrix,
    read_vector,
    rotary_order,
)

Node = Any
"""An openvino node or output; the package carries no types."""

MASKED: Final = -65504.0
"""Score of a masked position: the lowest float16, so that no precision overflows."""


def build_model(
    file: GgufFile, config: DecoderConfig, progress: Callable[[float], None]
) -> tuple[ov.Model, dict[str, Product]]:
    """Return the model with its weights, and what its matrix products stand for.

    ``progress`` hears the share of layers done.

    Raises:
        ModelBroken: A tensor that can't be read, or that holds infinities or NaN.
    """
    builder = _Builder(file, config)
    return builder.build(progress), builder.products


class _Builder:
    def __init__(self, file: GgufFile, config: DecoderConfig) -> None:
        self.file = file
        self.config = config
        self.sinks: list[Node] = []
        self.variables: list[Node] = []
        self.constants: dict[tuple[str, bytes, tuple[int, ...]], Node] = {}
        self.zero_blocks: dict[int, Node] = {}
        self.products: dict[str, Product] = {}

    def build(self, progress: Callable[[float], None]) -> ov.Model:
        c = self.config
        ids = _parameter("input_ids", ov.Type.i64, 2)
        mask = _parameter("attention_mask", ov.Type.i64, 2)
        positions = _parameter("position_ids", ov.Type.i64, 2)
        self.beams = _parameter("beam_idx", ov.Type.i32, 1)
        self.shape = shape = op.shape_of(ids)
        self.batch = op.gather(shape, self.ints(0), self.ints(0))
        self.cosine, self.sine = self.rotary_tables(positions)
        self.mask = self.causal_mask(shape, mask)
        self.empty, self.repeated = self.cache_shapes()
        self.table = read_matrix(self.file, Part("token_embd.weight"))
        hidden = self.embedding(self.table, ids)
        for layer in range(c.layers):
            hidden = self.layer(hidden, layer)
            progress((layer + 1) / c.layers)
        hidden = self.norm(hidden, "output_norm.weight", 3)
        (logits,) = self.linear(hidden, [("output", "lm_head")])
        logits.output(0).set_names({"logits"})
        result = op.result(logits)
        result.set_friendly_name("logits")
        inputs = [ids, mask, positions, self.beams]
        return ov.Model([result], self.sinks, inputs, "consigne")

    # Constants are shared: thousands of small ones cost time at every load.

    def constant(self, value: NDArray[Any]) -> Node:
        key = (value.dtype.str, value.tobytes(), value.shape)
        if key not in self.constants:
            self.constants[key] = op.constant(value)
        return self.constants[key]

    def ints(self, *values: int) -> Node:
        return self.constant(np.array(values, np.int64))

    def integer(self, value: int) -> Node:
        return self.constant(np.array(value, np.int64))

    def floats(self, value: float, rank: int) -> Node:
        return self.constant(np.full((1,) * rank, value, np.float32))

    # Inputs

    def rotary_tables(self, positions: Node) -> tuple[Node, Node]:
        """Cosine and sine of every position's angles, (B, 1, T, head size)."""
        rope = self.config.rope
        inverse = np.array(rope.inverse_frequencies, np.float32).reshape(1, -1, 1)
        batch = op.concat([self.batch, self.ints(1), self.ints(1)], 0)
        inverse = op.broadcast(self.constant(inverse), batch, broadcast_spec="BIDIRECTIONAL")
        steps = op.convert(op.unsqueeze(positions, self.integer(1)), "f32")
        angles = op.transpose(op.matmul(inverse, steps, False, False), self.ints(0, 2, 1))
        angles = op.concat([angles, angles], -1)
        tables = []
        for table in (op.cos(angles), op.sin(angles)):
            if rope.magnitude != 1.0:
                table = op.multiply(table, self.floats(rope.magnitude, 3))  # noqa: PLW2901
            tables.append(op.unsqueeze(table, self.integer(1)))
        return tables[0], tables[1]

    def causal_mask(self, shape: Node, mask: Node) -> Node:
        """0 where a token may look, else ``MASKED``: (B, 1, T, S)."""
        zero, one = self.integer(0), self.integer(1)
        new = op.gather(shape, one, zero)
        total = op.gather(op.shape_of(mask), one, zero)
        rows = op.unsqueeze(op.range(op.subtract(total, new), total, one, "i64"), one)
        columns = op.unsqueeze(op.range(zero, total, one, "i64"), zero)
        causal = op.unsqueeze(op.less_equal(columns, rows), self.ints(0, 1))
        present = op.unsqueeze(op.greater(mask, zero), self.ints(1, 2))
        allowed = op.logical_and(causal, present)
        low = self.constant(np.array(MASKED, np.float32))
        return op.select(allowed, self.constant(np.array(0, np.float32)), low)

    def embedding(self, table: Matrix, ids: Node) -> Node:
        """Rows of the table, (B, T, width)."""
        ids = op.convert(ids, "i32")
        hidden = op.gather(self.weight(table), ids, self.constant(np.array(0, np.int32)))
        hidden.set_friendly_name("__module.model.embed_tokens/aten::embedding/Gather")
        if not table.digits:
            return hidden
        lengths = self.ints(table.columns, table.digits * table.block)
        values, digits = op.variadic_split(hidden, self.integer(-1), lengths).outputs()
        digits = op.reshape(digits, self.ints(0, 0, table.digits, table.block), True)
        lengths = self.ints(table.groups, table.block - table.groups)
        offsets = op.reduce_sum(digits, self.ints(2), False)
        offsets = op.variadic_split(offsets, self.integer(-1), lengths).output(0)
        offsets = op.multiply(offsets, self.floats(1 / table.group, 3))
        grouped = op.reshape(values, self.ints(0, 0, table.groups, -1), True)
        whole = op.add(grouped, op.unsqueeze(offsets, self.integer(-1)))
        return op.reshape(whole, self.ints(0, 0, table.columns), True)

    # The body

    def layer(self, hidden: Node, number: int) -> Node:
        tensors, module = f"blk.{number}.", f"model.layers.{number}."

        def linear(value: Node, *parts: tuple[str, str]) -> list[Node]:
            names = [(tensors + tensor, module + name) for tensor, name in parts]
            return self.linear(value, names)

        value = self.norm(hidden, f"{tensors}attn_norm.weight", 3)
        attended = self.attention(*self.heads(value, number), number)
        (attended,) = linear(attended, ("attn_output", "self_attn.o_proj"))
        hidden = op.add(hidden, attended)
        value = self.norm(hidden, f"{tensors}ffn_norm.weight", 3)
        gate, up = linear(value, ("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"))
        (down,) = linear(op.multiply(op.swish(gate), up), ("ffn_down", "mlp.down_proj"))
        return op.add(hidden, down)

    def heads(self, value: Node, layer: int) -> tuple[Node, Node, Node]:
        """Queries, keys and values of (B, T, width), each (B, heads, T, head size); turned."""
        c = self.config
        tensors, module = f"blk.{layer}.attn_", f"model.layers.{layer}.self_attn."
        names = [(f"{tensors}{each}", f"{module}{each}_proj") for each in "qkv"]
        counts = [c.heads, c.kv_heads, c.kv_heads]
        found: list[Node] = [None] * 3
        turned = False
        for indexes, node in self.joined(value, names):
            sizes = [counts[index] for index in indexes]
            shape = self.ints(0, 0, sum(sizes), c.head_size)
            each = op.transpose(op.reshape(node, shape, True), self.ints(0, 2, 1, 3))
            if indexes[:2] == [0, 1] and not c.head_norms:
                # One rotary embedding for queries and keys: fewer operations load and run sooner.
                turned = True
                each, *rest = self.split(each, 1, [sum(sizes[:2]), *sizes[2:]])
                parts = [*self.split(self.rotated(each, f"{layer}.qk"), 1, sizes[:2]), *rest]
            else:
                parts = self.split(each, 1, sizes)
            for index, part in zip(indexes, parts, strict=True):
                found[index] = part
        query, key, values = found
        if c.head_norms:
            query = self.norm(query, f"{tensors}q_norm.weight", 4)
            key = self.norm(key, f"{tensors}k_norm.weight", 4)
        if not turned:
            query, key = self.rotated(query, f"{layer}.q"), self.rotated(key, f"{layer}.k")
        return query, key, values

    def attention(self, query: Node, key: Node, value: Node, layer: int) -> Node:
        """Attention over the cache; (B, heads, T, head size) in, (B, T, width) out."""
        c = self.config
        name = f"past_key_values.{layer}.{{0}}present.{layer}.{{0}}"
        key = self.cached(key, name.format("key"))
        value = self.cached(value, name.format("value"))
        mixed = op.scaled_dot_product_attention(query, key, value, self.mask, causal=False)
        mixed = op.transpose(mixed, self.ints(0, 2, 1, 3))
        return op.reshape(mixed, self.ints(0, 0, c.heads * c.head_size), True)

    def split(self, value: Node, axis: int, sizes: list[int]) -> list[Node]:
        if len(sizes) == 1:
            return [value]
        parts: list[Node] = op.variadic_split(
            value, self.integer(axis), self.ints(*sizes)
        ).outputs()
        return parts

    def norm(self, value: Node, name: str, rank: int) -> Node:
        """Root-mean-square normalisation over the last axis."""
        size = self.config.width if rank == 3 else self.config.head_size
        weight = read_vector(self.file, name, size)
        square = op.power(value, self.floats(2.0, rank))
        mean = op.reduce_mean(square, self.ints(-1), True)
        root = op.sqrt(op.add(mean, self.floats(self.config.norm_epsilon, rank)))
        scale = op.constant(weight.reshape((1,) * (rank - 1) + (-1,)))
        node = op.multiply(op.divide(value, root), scale)
        node.set_friendly_name(f"{NORM}{name}")
        return node

    def rotated(self, value: Node, name: str) -> Node:
        """The rotary embedding, halves' order; (B, heads, T, head size)."""
        half = self.config.head_size // 2
        first, second = self.split(value, 3, [half, half])
        turned = op.concat([op.multiply(second, self.floats(-1.0, 4)), first], -1)
        node = op.add(op.multiply(value, self.cosine), op.multiply(turned, self.sine))
        node.set_friendly_name(f"{ROTARY}{name}")
        return node

    def cache_shapes(self) -> tuple[Node, Node]:
        """An empty cache, and the shape that gives each query head its key-value head."""
        c = self.config
        one, size = self.ints(1), self.ints(c.head_size)
        shape = op.concat([self.batch, self.ints(c.kv_heads), self.ints(0), size], 0)
        empty = op.broadcast(self.constant(np.array(0, np.float32)), shape)
        group = self.ints(c.heads // c.kv_heads)
        return empty, op.concat([self.batch, one, group, one, one], 0)

    def cached(self, new: Node, name: str) -> Node:
        """Append to the cache and return all of it, one head for every query head."""
        c = self.config
        info = ov.op.util.VariableInfo()
        info.data_shape = ov.PartialShape([-1, c.kv_heads, -1, c.head_size])
        info.data_type = ov.Type.f32
        info.variable_id = name
        variable = ov.op.util.Variable(info)
        past = op.gather(read_value(self.empty, variable), self.beams, self.integer(0))
        whole = op.concat([past, new], -2)
        self.sinks.append(assign(whole, variable))
        if c.kv_heads == c.heads:
            return whole
        whole = op.unsqueeze(whole, self.integer(2))
        whole = op.broadcast(whole, self.repeated, broadcast_spec="BIDIRECTIONAL")
        return op.reshape(whole, self.ints(0, c.heads, -1, c.head_size), True)

    # Weights

    def weight(self, matrix: Matrix) -> Node:
        """The matrix as float32 (rows, all columns), decompressed on the fly."""
        if matrix.scales is None:
            if matrix.values.get_element_type() == ov.Type.f32:
                return matrix.values
            return op.convert(matrix.values, "f32")
        node = op.multiply(op.convert(matrix.values, "f32"), matrix.scales)
        return op.reshape(node, self.ints(matrix.rows, matrix.all_columns), False)

    def linear(self, value: Node, names: list[tuple[str, str]]) -> list[Node]:
        """Linear layers of one input, as pairs of a tensor's name and a module's.

        Those that are stored alike become one matrix product: fewer and larger ones are faster.
        """
        results: list[Node] = [None] * len(names)
        for indexes, node in self.joined(value, names):
            rows = [self.file.tensors[self.stored(names[index][0])].rows for index in indexes]
            for index, part in zip(indexes, self.split(node, -1, rows), strict=True):
                results[index] = part
        return results

    def joined(self, value: Node, names: list[tuple[str, str]]) -> Iterator[tuple[list[int], Node]]:
        """Those products, each with the indexes of the layers whose rows it holds."""
        for indexes in alike(self.file, [self.stored(tensor) for tensor, _ in names]):
            yield indexes, self.product(value, [names[index] for index in indexes])

    def product(self, value: Node, parts: list[tuple[str, str]]) -> Node:
        """One matrix product for all ``parts``, with their biases."""
        name = _joined([module for _, module in parts])
        matrix = self.matrix([tensor for tensor, _ in parts])
        self.products[name] = Product(
            tuple(module.rpartition(".")[2] for _, module in parts),
            tuple(self.file.tensors[self.stored(tensor)].rows for tensor, _ in parts),
            matrix.columns,
            matrix.all_columns,
        )
        node = op.matmul(self.with_means(value, matrix), self.weight(matrix), False, True)
        node.set_friendly_name(f"__module.{name}/ov_ext::linear/MatMul")
        if any(f"{tensor}.bias" in self.file.tensors for tensor, _ in parts):
            biases = np.concatenate([self.bias(tensor) for tensor, _ in parts])
            node = op.add(node, op.constant(biases.reshape(1, 1, -1)))
            node.set_friendly_name(f"__module.{name}/ov_ext::linear/Add")
        return node

    def stored(self, tensor: str) -> str:
        """The name of a linear layer's weights in the file."""
        tied = tensor == "output" and self.config.tied
        return "token_embd.weight" if tied else f"{tensor}.weight"

    def matrix(self, tensors: list[str]) -> Matrix:
        if tensors == ["output"] and self.config.tied:
            return self.table
        parts = (Part(self.stored(each), self.rotary_pairs(each)) for each in tensors)
        return read_matrix(self.file, *parts)

    def bias(self, tensor: str) -> NDArray[np.float32]:
        rows = self.file.tensors[self.stored(tensor)].rows
        if f"{tensor}.bias" not in self.file.tensors:
            return np.zeros(rows, np.float32)
        vector = read_vector(self.file, f"{tensor}.bias", rows)
        pairs = self.rotary_pairs(tensor)
        return rotary_order(vector, pairs) if pairs else vector

    def rotary_pairs(self, tensor: str) -> int:
        """The size of the heads that a GGUF stores with interleaved rotary pairs."""
        interleaved = self.config.architecture == "llama" and tensor.endswith(("attn_q", "attn_k"))
        return self.config.head_size if interleaved else 0

    def with_means(self, value: Node, matrix: Matrix) -> Node:
        """The input, followed by its groups' means once for each digit of the offsets."""
        if not matrix.digits:
            return value
        # Pooling is one operation where a sum takes two, and the faster one.
        size = [matrix.group]
        means = avg_pool(value, size, [0], [0], size, True)
        unused = matrix.block - matrix.groups
        spare = [self.zeros(unused)] if unused else []
        return op.concat([value, *([means, *spare] * matrix.digits)], -1)

    def zeros(self, count: int) -> Node:
        """Zeros, (B, T, count); made once in a step."""
        if count not in self.zero_blocks:
            shape = op.concat([self.shape, self.ints(count)], 0)
            self.zero_blocks[count] = op.broadcast(self.constant(np.array(0, np.float32)), shape)
        return self.zero_blocks[count]


def _joined(modules: list[str]) -> str:
    """Return the name of the layer that stands for several: ``qk_proj`` for q_proj and k_proj."""
    if len(modules) == 1:
        return modules[0]
    parent = modules[0].rpartition(".")[0]
    stems = [module.rpartition(".")[2].removesuffix("_proj") for module in modules]
    separator = "" if all(len(stem) == 1 for stem in stems) else "_"
    return f"{parent}.{separator.join(stems)}_proj"


def _parameter(name: str, kind: Any, rank: int) -> Node:
    node = op.parameter([-1] * rank, kind, name)
    node.output(0).set_names({name})
    node.set_friendly_name(name)  # the paged-attention pass looks for this name
    return node
