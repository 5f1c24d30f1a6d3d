"""A LoRA adapter on a converted model does what adding it to the weights would do."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from consigne.domain.errors import ModelNotSupported
from consigne.engines.gguf.adapters import fit_adapter
from consigne.engines.gguf.convert import convert
from reference.decoder import ReferenceDecoder
from reference.tiny_gguf import FEED_FORWARD, LAYERS, WIDTH, write_model

RANK, ALPHA, TOKENS = 4, 0.5, 24
MODULES = {
    "self_attn.q_proj": ("attn_q", 4 * 64, WIDTH),
    "self_attn.k_proj": ("attn_k", 2 * 64, WIDTH),
    "self_attn.v_proj": ("attn_v", 2 * 64, WIDTH),
    "self_attn.o_proj": ("attn_output", WIDTH, 4 * 64),
    "mlp.gate_proj": ("ffn_gate", FEED_FORWARD, WIDTH),
    "mlp.up_proj": ("ffn_up", FEED_FORWARD, WIDTH),
    "mlp.down_proj": ("ffn_down", WIDTH, FEED_FORWARD),
}

Weights = dict[str, NDArray[np.float32]]


def _adapter() -> Weights:
    random = np.random.default_rng(11)
    weights: Weights = {}
    for layer in range(LAYERS):
        for module, (_, rows, columns) in MODULES.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            for half, shape in (("lora_A", (RANK, columns)), ("lora_B", (rows, RANK))):
                values = 0.2 * random.standard_normal(shape)
                weights[f"{name}.{half}.weight"] = values.astype(np.float32)
    return weights


def _save(weights: Weights, path: Path) -> None:
    """Write a safetensors file: the length of a JSON header, the header, the numbers."""
    header, body = {}, b""
    for name, values in weights.items():
        end = len(body) + values.nbytes
        header[name] = {
            "dtype": "F32",
            "shape": values.shape,
            "data_offsets": [len(body), end],
        }
        body += values.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def _merge(reference: ReferenceDecoder, weights: Weights) -> None:
    for layer in range(LAYERS):
        for module, (part, rows, _) in MODULES.items():
            name = f"base_model.model.model.layers.{layer}.{module}"
            delta = weights[f"{name}.lora_B.weight"] @ weights[f"{name}.lora_A.weight"]
            if reference.architecture == "llama" and part in ("attn_q", "attn_k"):
                # A GGUF interleaves the halves of each head's rotary pairs.
                delta = delta.reshape(-1, 2, 32, delta.shape[1]).swapaxes(1, 2).reshape(rows, -1)
            reference.tensors[f"blk.{layer}.{part}.weight"] += ALPHA * delta


@pytest.mark.parametrize(("architecture", "body"), [("llama", "Q4_1"), ("qwen3", "Q8_0")])
def test_an_adapter_is_as_good_as_merged(tmp_path: Path, architecture: str, body: str) -> None:
    import openvino as ov
    import openvino_genai

    path = write_model(tmp_path / "model.gguf", architecture, body=body)
    folder = convert(path, tmp_path / "out").path
    weights = _adapter()
    _save(fit_adapter(weights, folder), tmp_path / "adapter.safetensors")
    adapter = openvino_genai.Adapter(tmp_path / "adapter.safetensors")
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.num_kv_blocks = 16
    pipeline = openvino_genai.ContinuousBatchingPipeline(
        *(folder, openvino_genai.Tokenizer(folder), scheduler, "CPU"),
        adapters=openvino_genai.AdapterConfig(adapter, ALPHA),
        INFERENCE_PRECISION_HINT="f32",
        KV_CACHE_PRECISION="f32",
        DYNAMIC_QUANTIZATION_GROUP_SIZE=0,
    )
    prompt = [20, 40, 60, 80, 100]

    def answer(adapters: "openvino_genai.AdapterConfig") -> list[int]:
        config = openvino_genai.GenerationConfig(max_new_tokens=TOKENS, ignore_eos=True)
        config.adapters = adapters
        tokens = ov.Tensor(np.array([prompt], np.int64))
        return list(pipeline.generate([tokens], [config])[0].m_generation_ids[0])

    reference = ReferenceDecoder(path)
    plain = reference.greedy(prompt, TOKENS, set())
    _merge(reference, weights)
    merged = reference.greedy(prompt, TOKENS, set())
    assert plain != merged
    assert answer(openvino_genai.AdapterConfig(adapter, ALPHA)) == merged
    assert answer(openvino_genai.AdapterConfig()) == plain


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("model.layers.9.self_attn.q_proj", (4 * 64, WIDTH)),  # a layer that is not there
        ("model.layers.0.self_attn.q_proj", (3 * 64, WIDTH)),
        ("model.layers.0.self_attn.k_proj", (2 * 64, WIDTH + 1)),
    ],
)
def test_an_adapter_of_another_model_is_refused(
    tmp_path: Path, layer: str, shape: tuple[int, int]
) -> None:
    folder = convert(write_model(tmp_path / "model.gguf", body="Q4_1"), tmp_path / "out").path
    weights = {
        f"base_model.model.{layer}.lora_A.weight": np.zeros((RANK, shape[1]), np.float32),
        f"base_model.model.{layer}.lora_B.weight": np.zeros((shape[0], RANK), np.float32),
    }
    with pytest.raises(ModelNotSupported, match=r"layers\.\d\.self_attn"):
        fit_adapter(weights, folder)
