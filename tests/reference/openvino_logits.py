"""Logits of an OpenVINO language model, at settings without any approximation."""

from pathlib import Path

import numpy as np
import openvino as ov
from numpy.typing import NDArray

EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
}


def logits(
    folder: Path, tokens: list[int], prefill: int, graph: str = "openvino_model.xml"
) -> NDArray[np.float32]:
    """Return the logits after each token: the first ``prefill`` at once, then one by one."""
    core = ov.Core()
    core.get_property("CPU", "FULL_DEVICE_NAME")  # the plugin's own operations are known from here
    model = core.read_model(folder / graph, folder / "openvino_model.bin")
    compiled = core.compile_model(model, "CPU", EXACT)
    request = compiled.create_infer_request()
    pieces = [tokens[:prefill], *([token] for token in tokens[prefill:])]
    found, done = [], 0
    for piece in pieces:
        total = done + len(piece)
        request.infer(
            {
                "input_ids": np.array([piece]),
                "attention_mask": np.ones((1, total), np.int64),
                "position_ids": np.arange(done, total)[None],
                "beam_idx": np.zeros(1, np.int32),
            }
        )
        found.append(np.array(request.get_output_tensor(0).data[0]))
        done = total
    return np.concatenate(found)
