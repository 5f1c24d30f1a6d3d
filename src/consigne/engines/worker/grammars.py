"""Tries a grammar out, in a process of its own, before a model is bound by it.

The engine compiles a request's grammar inside the step that samples its first token: one that does
not compile throws there and leaves the pipeline unusable, and one that explodes (a repetition of a
repetition) would hold up every other request for minutes. So each new grammar is compiled first
here, by the same compiler over the same vocabulary, with a model of almost nothing; if that takes
too long, the process is killed.
"""

import itertools
import resource
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from consigne.domain.errors import InvalidRequest
from consigne.engines.prompts.prompt import Grammar
from consigne.engines.worker.protocol import Frames, frame

if TYPE_CHECKING:
    import openvino
    import openvino_genai

_WIDTH: Final = 32
_MEMORY_BYTES: Final = 8 * 2**30
"""Of address space, most of it never touched; a grammar that needs more is refused."""


class Trial(msgspec.Struct, frozen=True, array_like=True):
    """A grammar to compile."""

    number: int
    grammar: Grammar


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What came of it: why it does not compile, or nothing."""

    number: int
    fault: str | None = None


class Compiler:
    """Compiles grammars for one vocabulary, and survives those that don't compile."""

    def __init__(self, folder: Path, tokens: int) -> None:
        """Prepare to compile for the model in ``folder``, which knows ``tokens`` tokens."""
        import openvino_genai

        self._tokenizer = openvino_genai.Tokenizer(folder)
        self._tokens = tokens
        self._numbers = itertools.count()
        self._pipeline: openvino_genai.ContinuousBatchingPipeline | None = None

    def check(self, grammar: Grammar) -> None:
        """Compile a grammar.

        Raises:
            InvalidRequest: It does not compile; the message says why.
        """
        import openvino
        import openvino_genai

        from consigne.engines.prompts import structured_output

        if self._pipeline is None:
            self._pipeline = _pipeline(self._tokenizer, self._tokens)
        request = openvino_genai.GenerationConfig(max_new_tokens=1)
        try:
            request.structured_output_config = structured_output(grammar)
            prompt = openvino.Tensor(np.zeros((1, 1), np.int64))
            handle = self._pipeline.add_request(next(self._numbers), prompt, request)
            while self._pipeline.has_non_finished_requests():
                self._pipeline.step()
            handle.read_all()
        except (RuntimeError, MemoryError) as error:
            self._pipeline = None
            raise InvalidRequest(_reason(error)) from error


def main() -> None:
    """Compile what comes over the socket ``argv[1]`` for the model in ``argv[2]``."""
    from consigne.engines.worker.main import die_with_the_host

    die_with_the_host()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    compiler = Compiler(Path(sys.argv[2]), int(sys.argv[3]))
    frames, decoder = Frames(), msgspec.msgpack.Decoder(Trial)
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        while data := sock.recv(2**16):
            for body in frames.feed(data):
                trial = decoder.decode(body)
                fault = None
                try:
                    compiler.check(trial.grammar)
                except InvalidRequest as error:
                    fault = error.message
                sock.sendall(frame(msgspec.msgpack.encode(Verdict(trial.number, fault))))


def _reason(error: Exception) -> str:
    """Return the last line of what the compiler says, without the place in its source."""
    lines = [line for line in str(error).splitlines() if line.strip()] or ["it does not compile"]
    return lines[-1].rsplit(".cc:", 1)[-1].split(": ", 1)[-1].strip()[:300]


def _pipeline(
    tokenizer: "openvino_genai.Tokenizer", logits: int
) -> "openvino_genai.ContinuousBatchingPipeline":
    import openvino
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = 4
    with tempfile.TemporaryDirectory(prefix="consigne-") as folder:
        path = Path(folder) / "openvino_model.xml"
        openvino.save_model(_smallest_model(logits), path, compress_to_fp16=False)
        return openvino_genai.ContinuousBatchingPipeline(
            folder, tokenizer, scheduler, "CPU", INFERENCE_NUM_THREADS=1
        )


def _smallest_model(logits: int) -> "openvino.Model":
    """Return a decoder of one head and no weights that satisfies the paged-attention pass."""
    import openvino
    import openvino.opset13 as op
    from openvino.op import assign, read_value, util

    def parameter(name: str, kind: Any, rank: int) -> Any:
        node = op.parameter([-1] * rank, kind, name)
        node.output(0).set_names({name})
        node.set_friendly_name(name)
        return node

    def ints(*values: int) -> Any:
        return op.constant(np.array(values, np.int64))

    names = ("input_ids", "attention_mask", "position_ids")
    ids, mask, positions = (parameter(name, openvino.Type.i64, 2) for name in names)
    beams = parameter("beam_idx", openvino.Type.i32, 1)
    batch = op.gather(op.shape_of(ids), ints(0), op.constant(np.int64(0)))
    row = op.constant(np.zeros((1, _WIDTH), np.float32))
    first = op.multiply(op.convert(op.add(ids, positions), "i32"), op.constant(np.int32(0)))
    hidden = op.gather(row, first, op.constant(np.int32(0)))
    head = op.transpose(op.reshape(hidden, ints(0, 0, 1, _WIDTH), True), ints(0, 2, 1, 3))
    sinks, cached = [], []
    for kind in ("key", "value"):
        info = util.VariableInfo()
        info.data_shape = openvino.PartialShape([-1, 1, -1, _WIDTH])
        info.data_type = openvino.Type.f32
        info.variable_id = f"past_key_values.0.{kind}present.0.{kind}"
        variable = util.Variable(info)
        empty = op.concat([batch, ints(1), ints(0), ints(_WIDTH)], 0)
        past = read_value(op.broadcast(op.constant(np.float32(0)), empty), variable)
        whole = op.concat([op.gather(past, beams, op.constant(np.int64(0))), head], -2)
        sinks.append(assign(whole, variable))
        cached.append(whole)
    seen = op.unsqueeze(op.convert(mask, "f32"), ints(1, 2))
    mixed = op.scaled_dot_product_attention(head, *cached, seen, causal=False)
    mixed = op.reduce_mean(op.transpose(mixed, ints(0, 2, 1, 3)), ints(2, 3), False)
    ones = op.constant(np.ones((1, 1, logits), np.float32))
    answer = op.multiply(op.unsqueeze(mixed, ints(2)), ones)
    answer.output(0).set_names({"logits"})
    result = op.result(answer)
    return openvino.Model([result], sinks, [ids, mask, positions, beams], "trial")


if __name__ == "__main__":
    main()
