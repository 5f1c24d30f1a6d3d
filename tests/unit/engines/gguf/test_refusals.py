"""What can't be built is refused by name, with a form of the model that works."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.convert import convert
from reference.tiny_gguf import LAYERS, WIDTH, write_model


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"expert_count": 8}, "mixture-of-experts"),
        ({"attention.sliding_window": 128}, "sliding-window"),
        ({"attention.causal": False}, "causal"),
        ({"attention.max_alibi_bias": 8.0}, "ALiBi"),
        ({"logit_scale": 0.5}, "scaled logits"),
        ({"attention.value_length": 32}, "values of another size"),
        ({"rope.dimension_count": 32}, "partial rotary"),
        ({"rope.scaling.type": "longrope"}, "longrope"),
        ({"attention.head_count_kv": [2, 2]}, "layer to layer"),
        ({"split.count": 3}, "split over several files"),
        ({"tokenizer.ggml.model": "rwkv"}, "rwkv"),
        ({"tokenizer.ggml.pre": "unheard-of"}, "unheard-of"),
    ],
)
def test_forms_that_are_not_built_are_named(
    tmp_path: Path, metadata: dict[str, Any], named: str
) -> None:
    path = write_model(tmp_path / "model.gguf", metadata=metadata)
    with pytest.raises(ModelNotSupported, match=named) as caught:
        convert(path, tmp_path / "out")
    assert "Pull" in caught.value.message
    assert "model.gguf" in caught.value.message
    assert list(tmp_path.iterdir()) == [path]


def test_another_architecture_is_named(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.gguf", "gemma3")
    with pytest.raises(ModelNotSupported, match=r"gemma3.*hf:OpenVINO/"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["blk.0.ssm_a", "per_layer_embd.weight", "blk.0.attn_qkv.weight"])
def test_unknown_tensors_are_named(tmp_path: Path, name: str) -> None:
    path = write_model(tmp_path / "model.gguf", extra={name: np.zeros((4, 32), np.float32)})
    with pytest.raises(ModelNotSupported, match=name):
        convert(path, tmp_path / "out")


def test_a_window_wider_than_the_context_is_no_window(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.gguf", metadata={"attention.sliding_window": 512})
    assert convert(path, tmp_path / "out").context == 512


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"block_count": LAYERS + 1}, f"blk.{LAYERS}"),
        ({"block_count": None}, "block_count"),
        ({"attention.head_count_kv": 3}, "contradicts itself"),
        ({"feed_forward_length": 100}, "ffn_"),
        ({"context_length": 0}, "context_length"),
        ({"rope.freq_base": 0.0}, "rope.freq_base"),
        ({"block_count": 2**31 - 1}, "layers in"),
    ],
)
def test_contradictions_are_a_broken_file(
    tmp_path: Path, metadata: dict[str, Any], named: str
) -> None:
    path = write_model(tmp_path / "model.gguf", metadata=metadata)
    with pytest.raises(ModelBroken, match=named):
        convert(path, tmp_path / "out")


def test_a_layer_too_many_is_refused(tmp_path: Path) -> None:
    extra = {f"blk.{LAYERS}.attn_norm.weight": np.ones(WIDTH, np.float32)}
    path = write_model(tmp_path / "model.gguf", extra=extra)
    with pytest.raises(ModelNotSupported, match=f"blk.{LAYERS}.attn_norm"):
        convert(path, tmp_path / "out")
