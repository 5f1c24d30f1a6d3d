"""The decoder's graph, built from OpenVINO operations in the patterns its passes look for.

The patterns matter: the paged-attention pass finds inputs by their friendly names and each cache
by its variable; the CPU plugin fuses rotary embedding, normalisation and attention by the shape of
the subgraph; adapters find a linear layer by its MatMul's friendly name, as optimum-intel names it.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import openvino as ov
import openvino.opset13 as op
from numpy.typing import NDArray
from openvino.op import assign, read_value

from consigne.engines.gguf.config import DecoderConfig
from consigne.engines.gguf.reader import GgufFile
from consigne.engines.gguf.weights import Matrix, read_matrix, read_vector, rotary_order

Node = Any
"""An openvino node or output; the package carries no types."""

MASKED: Final = -65504.0
"""Score of a masked position: the lowest float16, so that no precision overflows."""
END: Final = 2**63 - 1


def build_model(
    file: GgufFile, config: DecoderConfig, progress: Callable[[float], None]
) -> ov.Model:
    """Return the model with its weights; ``progress`` hears the share of layers done.

    Raises:
        ModelBroken: A tensor that can't be read, or that holds infinities or NaN.
    """
    return _Builder(file, config).build(progress)


class _Builder:
    def __init__(self, file: GgufFile, config: DecoderConfig) -> None:
        self.file = file
        self.config = config
        self.sinks: list[Node] = []
        self.variables: list[Node] = []
        self.constants: dict[tuple[str, bytes, tuple[int, ...]], Node] = {}
        self.summed: dict[int, Node] = {}
        self.summed_input: Node = None

    def build(self, progress: Callable[[float], None]) -> ov.Model:
        c = self.config
        ids = _parameter("input_ids", ov.Type.i64, 2)
        mask = _parameter("attention_mask", ov.Type.i64, 2)
        positions = _parameter("position_ids", ov.Type.i64, 2)
        self.beams = _parameter("beam_idx", ov.Type.i32, 1)
        shape = op.shape_of(ids)
        self.batch = op.gather(shape, self.ints(0), self.ints(0))
        self.cosine, self.sine = self.rotary_tables(positions)
        self.mask = self.causal_mask(shape, mask)
        table = read_matrix(self.file, "token_embd.weight")
        hidden = self.embedding(table, ids)
        for layer in range(c.layers):
            hidden = self.layer(hidden, layer)
            progress((layer + 1) / c.layers)
        hidden = self.norm(hidden, "output_norm.weight", c.width)
        head = table if c.tied else read_matrix(self.file, "output.weight")
        logits = self.linear(hidden, head, "output.bias", "lm_head")
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
        zero = self.constant(np.array(0, np.int32))
        hidden = op.gather(self.weight(table), ids, zero)
        hidden.set_friendly_name("__module.model.embed_tokens/aten::embedding/Gather")
        if table.offsets is None:
            return hidden
        groups = table.values.shape[1]
        grouped = op.reshape(hidden, self.ints(0, 0, groups, -1), True)
        offsets = op.unsqueeze(op.gather(table.offsets, ids, zero), self.integer(-1))
        return op.reshape(op.add(grouped, offsets), self.ints(0, 0, table.columns), True)

    # The body

    def layer(self, hidden: Node, number: int) -> Node:
        c = self.config
        tensors, module = f"blk.{number}.", f"model.layers.{number}."

        def linear(value: Node, tensor: str, name: str, rotary: bool = False) -> Node:
            pairs = c.head_size if rotary and c.architecture == "llama" else 0
            matrix = read_matrix(self.file, f"{tensors}{tensor}.weight", pairs)
            return self.linear(value, matrix, f"{tensors}{tensor}.bias", module + name, pairs)

        value = self.norm(hidden, f"{tensors}attn_norm.weight", c.width)
        query = self.heads(linear(value, "attn_q", "self_attn.q_proj", True), c.heads)
        key = self.heads(linear(value, "attn_k", "self_attn.k_proj", True), c.kv_heads)
        values = self.heads(linear(value, "attn_v", "self_attn.v_proj"), c.kv_heads)
        if c.head_norms:
            query = self.norm(query, f"{tensors}attn_q_norm.weight", c.head_size)
            key = self.norm(key, f"{tensors}attn_k_norm.weight", c.head_size)
        attended = self.attention(query, key, values, number)
        hidden = op.add(hidden, linear(attended, "attn_output", "self_attn.o_proj"))
        value = self.norm(hidden, f"{tensors}ffn_norm.weight", c.width)
        gate = op.swish(linear(value, "ffn_gate", "mlp.gate_proj"))
        value = op.multiply(gate, linear(value, "ffn_up", "mlp.up_proj"))
        return op.add(hidden, linear(value, "ffn_down", "mlp.down_proj"))

    def attention(self, query: Node, key: Node, value: Node, layer: int) -> Node:
        """Attention over the cache; (B, T, heads, head size) in, (B, T, width) out."""
        c = self.config
        query, key, value = (self.swapped(each) for each in (query, key, value))
        query, key = self.rotated(query), self.rotated(key)
        name = f"past_key_values.{layer}.{{0}}present.{layer}.{{0}}"
        key = self.cached(key, name.format("key"))
        value = self.cached(value, name.format("value"))
        mixed = op.scaled_dot_product_attention(query, key, value, self.mask, causal=False)
        return op.reshape(self.swapped(mixed), self.ints(0, 0, c.heads * c.head_size), True)

    def heads(self, value: Node, count: int) -> Node:
        return op.reshape(value, self.ints(0, 0, count, self.config.head_size), True)

    def swapped(self, value: Node) -> Node:
        return op.transpose(value, self.ints(0, 2, 1, 3))

    def norm(self, value: Node, name: str, size: int) -> Node:
        """Root-mean-square normalisation over the last axis."""
        weight = read_vector(self.file, name, size)
        rank = (
            3
            if size == self.config.width and "_q_norm" not in name and "_k_norm" not in name
            else 4
        )
        square = op.power(value, self.floats(2.0, rank))
        mean = op.reduce_mean(square, self.ints(-1), True)
        root = op.sqrt(op.add(mean, self.floats(self.config.norm_epsilon, rank)))
        normal = op.multiply(op.divide(self.floats(1.0, rank), root), value)
        return op.multiply(normal, op.constant(weight.reshape((1,) * (rank - 1) + (-1,))))

    def rotated(self, value: Node) -> Node:
        """The rotary embedding, halves' order; (B, heads, T, head size)."""
        half, step, axis = self.ints(self.config.head_size // 2), self.ints(1), self.ints(3)
        first = op.slice(value, self.ints(0), half, step, axis)
        second = op.slice(value, half, self.ints(END), step, axis)
        turned = op.concat([op.multiply(second, self.floats(-1.0, 4)), first], -1)
        return op.add(op.multiply(value, self.cosine), op.multiply(turned, self.sine))

    def cached(self, new: Node, name: str) -> Node:
        """Append to the cache and return all of it, one head for every query head."""
        c = self.config
        info = ov.op.util.VariableInfo()
        info.data_shape = ov.PartialShape([-1, c.kv_heads, -1, c.head_size])
        info.data_type = ov.Type.f32
        info.variable_id = name
        variable = ov.op.util.Variable(info)
        kv_heads, size = self.ints(c.kv_heads), self.ints(c.head_size)
        empty = op.concat([self.batch, kv_heads, self.ints(0), size], 0)
        past = read_value(op.broadcast(self.constant(np.array(0, np.float32)), empty), variable)
        whole = op.concat([op.gather(past, self.beams, self.integer(0)), new], -2)
        self.sinks.append(assign(whole, variable))
        if c.kv_heads == c.heads:
            return whole
        one = self.ints(1)
        repeated = op.concat([self.batch, one, self.ints(c.heads // c.kv_heads), one, one], 0)
        whole = op.unsqueeze(whole, self.integer(2))
        whole = op.broadcast(whole, repeated, broadcast_spec="BIDIRECTIONAL")
        return op.reshape(whole, self.ints(0, c.heads, -1, c.head_size), True)

    # Weights

    def weight(self, matrix: Matrix) -> Node:
        """The matrix without its offsets as float32 (rows, columns), decompressed on the fly."""
        if matrix.scales is None:
            if matrix.values.get_element_type() == ov.Type.f32:
                return matrix.values
            return op.convert(matrix.values, "f32")
        kind = matrix.scales.get_element_type().get_type_name()
        node = op.multiply(op.convert(matrix.values, kind), matrix.scales)
        node = op.reshape(node, self.ints(matrix.rows, matrix.columns), False)
        return node if kind == "f32" else op.convert(node, "f32")

    def linear(
        self, value: Node, matrix: Matrix, bias: str, name: str, rotary_head: int = 0
    ) -> Node:
        node = op.matmul(value, self.weight(matrix), False, True)
        node.set_friendly_name(f"__module.{name}/ov_ext::linear/MatMul")
        if matrix.offsets is not None:
            sums = self.group_sums(value, matrix)
            node = op.add(node, op.matmul(sums, matrix.offsets, False, True))
        if bias in self.file.tensors:
            vector = read_vector(self.file, bias, matrix.rows)
            if rotary_head:
                vector = rotary_order(vector, rotary_head)
            node = op.add(node, op.constant(vector.reshape(1, 1, -1)))
            node.set_friendly_name(f"__module.{name}/ov_ext::linear/Add")
        return node

    def group_sums(self, value: Node, matrix: Matrix) -> Node:
        """The sum of each group of inputs: what offsets are multiplied with."""
        if self.summed_input is not value:
            self.summed_input, self.summed = value, {}
        groups = matrix.values.shape[1]
        if groups not in self.summed:
            grouped = op.reshape(value, self.ints(0, 0, groups, -1), True)
            self.summed[groups] = op.reduce_sum(grouped, self.ints(-1), False)
        return self.summed[groups]


def _parameter(name: str, kind: Any, rank: int) -> Node:
    node = op.parameter([-1] * rank, kind, name)
    node.output(0).set_names({name})
    node.set_friendly_name(name)  # the paged-attention pass looks for this name
    return node
