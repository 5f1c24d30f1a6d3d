"""A converted model computes what the file says, whatever its architecture and block format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import OperatorError
from consigne.engines.gguf.blocks import FORMATS
from consigne.engines.gguf.convert import ConvertedModel, convert
from consigne.engines.gguf.fused import FILE_NAME, version_of
from reference.decoder import ReferenceDecoder
from reference.openvino_logits import logits
from reference.tiny_gguf import TEMPLATE, write_model

YARN = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 4.0,
    "rope.scaling.original_context_length": 128,
}
LINEAR = {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0}

Check = Callable[..., ConvertedModel]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def run(tolerance: float = 1e-4, agreement: float = 1.0, **form: Any) -> ConvertedModel:
        path = write_model(tmp_path / "model.gguf", **form)
        converted = convert(path, tmp_path / "out")
        reference = ReferenceDecoder(path)
        size = len(reference.tensors["token_embd.weight"])
        tokens = np.random.default_rng(3).integers(0, size, 80).tolist()
        expected = reference.forward(tokens)
        found = logits(converted.path, tokens, prefill=60)
        assert np.abs(found - expected).max() < tolerance * np.abs(expected).max()
        assert (found.argmax(-1) == expected.argmax(-1)).mean() >= agreement
        fused = logits(converted.path, tokens, 60, FILE_NAME)
        assert np.abs(fused - found).max() < 1e-5 * np.abs(found).max()
        return converted

    return run


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("form", [{}, {"output": "F32", "head_size": 32, "biases": True}], ids=str)
def test_architectures(check: Check, architecture: str, form: dict[str, Any]) -> None:
    assert check(architecture=architecture, **form).architecture == architecture


WITH_OFFSETS = sorted(name for name, form in FORMATS.items() if form.digits)
"""Their offsets are written in digits (``offsets.py``), which leaves a little; random weights show
it most, since their groups differ more than any trained model's."""


@pytest.mark.parametrize("name", [*sorted(FORMATS.keys() - {*WITH_OFFSETS}), "F16", "BF16"])
def test_every_block_format_in_the_body_and_the_embedding(check: Check, name: str) -> None:
    converted = check(body=name, embedding=name)
    assert converted.quantization == name
    assert converted.inexact == ()


@pytest.mark.parametrize("name", WITH_OFFSETS)
def test_every_block_format_with_offsets(check: Check, name: str) -> None:
    converted = check(0.003, 0.98, body=name, embedding=name)
    assert converted.quantization == name
    assert converted.inexact == ()


def test_an_untied_head_of_another_format(check: Check) -> None:
    check(0.003, 0.98, body="Q4_K", embedding="Q4_K", output="Q6_K")


def test_formats_with_a_code_book_are_near_and_said_to_be_inexact(check: Check) -> None:
    assert check(0.05, 0.95, body="IQ3_XXS").inexact == ("IQ3_XXS",)


@pytest.mark.parametrize(
    ("architecture", "metadata"), [("llama", LINEAR), ("qwen2", YARN), ("qwen3", YARN)]
)
def test_rotary_scaling(check: Check, architecture: str, metadata: dict[str, Any]) -> None:
    check(architecture=architecture, metadata=metadata)


def test_llama_3_rotary_factors(check: Check) -> None:
    check(rope_factors=True)


def test_norms_stored_as_half_floats(check: Check) -> None:
    check(norms="F16")


@pytest.mark.parametrize(("architecture", "norms"), [("llama", 5), ("qwen3", 9)])
def test_the_fused_form_holds_the_runtime_s_operations(
    tmp_path: Path, architecture: str, norms: int
) -> None:
    folder = convert(write_model(tmp_path / "m.gguf", architecture=architecture), tmp_path / "out")
    graph = (folder.path / FILE_NAME).read_text()
    assert graph.count('type="RMS"') == norms
    assert graph.count('type="RoPE"') == (2 if architecture == "llama" else 4)
    for gone in ("ReduceMean", "Sqrt", "Divide", "Power"):
        assert f'type="{gone}"' not in graph
    assert version_of(folder.path / FILE_NAME) == ov.get_version()
    assert version_of(folder.path / "absent.xml") == ""


def test_weights_stay_compressed_while_they_run(tmp_path: Path) -> None:
    convert(write_model(tmp_path / "m.gguf", body="Q4_1", embedding="Q8_0"), tmp_path / "out")
    compiled = ov.Core().compile_model(tmp_path / "out" / "openvino_model.xml", "CPU")
    largest = 0
    for node in compiled.get_runtime_model().get_ordered_ops():
        about = node.get_rt_info()
        if str(about["layerType"].astype(str)) == "Const":
            kind = str(about["outputPrecisions"].astype(str))
            if kind in ("f32", "f16", "bf16"):
                shape = node.get_output_partial_shape(0)
                largest = max(largest, int(np.prod([d.get_length() for d in shape])))
    groups = 256 // 32 + 3  # of a row: those of its weights, and three of digits
    assert 0 < largest <= 2 * 512 * groups  # scales of the largest matrix


def test_the_folder_says_what_the_model_is(tmp_path: Path) -> None:
    metadata = {
        "general.name": "Tiny",
        "general.license": "apache-2.0",
        "general.languages": ["en", "fr"],
    }
    path = write_model(tmp_path / "model.gguf", metadata=metadata)
    converted = convert(path, tmp_path / "out")
    assert (converted.name, converted.license, converted.languages) == (
        "Tiny",
        "apache-2.0",
        ("en", "fr"),
    )
    assert converted.parameters == sum(
        weights.size for weights in ReferenceDecoder(path).tensors.values()
    )
    files = {each.name: each.stat().st_size for each in converted.path.iterdir()}
    assert converted.size_bytes == sum(files.values())
    assert files.keys() == {
        *("openvino_model.xml", "openvino_fused.xml", "openvino_model.bin"),
        *("openvino_tokenizer.xml", "openvino_tokenizer.bin"),
        *("openvino_detokenizer.xml", "openvino_detokenizer.bin"),
        *("config.json", "generation_config.json", "chat_template.jinja", "vocabulary.msgpack"),
        "linear_layers.json",
    }
    assert (converted.path / "chat_template.jinja").read_text() == TEMPLATE
    roles = msgspec.json.decode((converted.path / "generation_config.json").read_bytes())
    assert roles == {"bos_token_id": 0, "eos_token_id": [2, 0], "pad_token_id": 0}


def test_what_was_there_is_replaced_only_by_a_whole_model(tmp_path: Path) -> None:
    out = tmp_path / "models" / "out"
    convert(write_model(tmp_path / "one.gguf"), out)
    before = (out / "openvino_model.bin").read_bytes()

    def stop(share: float, phrase: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    second = write_model(tmp_path / "two.gguf", seed=1)
    with pytest.raises(KeyboardInterrupt):
        convert(second, out, stop)
    assert [each.name for each in out.parent.iterdir()] == ["out"]
    assert (out / "openvino_model.bin").read_bytes() == before
    convert(second, out)
    assert [each.name for each in out.parent.iterdir()] == ["out"]
    assert (out / "openvino_model.bin").read_bytes() != before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model.gguf")
    (tmp_path / "file").touch()
    with pytest.raises(OperatorError, match=r"Can't write the model to .*file/out"):
        convert(path, tmp_path / "file" / "out")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_model(tmp_path / "model.gguf")

    def full(model: object, target: Path, **_: object) -> None:
        target.write_text("half a mod")
        raise RuntimeError("Exception from serialize.cpp:1:\nNo space left")

    monkeypatch.setattr(ov, "save_model", full)
    with pytest.raises(OperatorError, match=r"Can't write the model to .*out.*is the disk full"):
        convert(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    heard: list[float] = []
    path = write_model(tmp_path / "model.gguf")
    convert(path, tmp_path / "out", lambda share, phrase: heard.append(share))
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0.0, 1.0)


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1), prefill=st.integers(1, 30))
def test_the_cache_gives_what_a_whole_prompt_gives(
    tmp_path_factory: pytest.TempPathFactory, seed: int, prefill: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    out = convert(write_model(folder / "m.gguf", body="Q4_0", seed=seed), folder / "out").path
    tokens = np.random.default_rng(seed).integers(0, 250, 30).tolist()
    whole, stepwise = logits(out, tokens, prefill=30), logits(out, tokens, prefill=prefill)
    assert np.abs(whole - stepwise).max() < 1e-3
