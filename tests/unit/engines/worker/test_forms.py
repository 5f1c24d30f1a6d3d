"""Which form of a model the pipeline is given."""

from pathlib import Path

import openvino
import pytest

from consigne.engines.gguf.convert import convert
from consigne.engines.gguf.fused import FILE_NAME
from consigne.engines.worker.forms import fused_form
from reference.tiny_gguf import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return convert(write_model(tmp_path / "model.gguf"), tmp_path / "model").path


def test_the_fused_form_lies_in_a_folder_that_loads_and_goes(model: Path) -> None:
    with fused_form(model, "CPU") as form:
        assert form is not None
        graph = (form.folder / "openvino_model.xml").read_bytes()
        assert graph == (model / FILE_NAME).read_bytes()
        for name in ("openvino_model.bin", "config.json", "generation_config.json"):
            assert (form.folder / name).read_bytes() == (model / name).read_bytes()
        assert [path.name for path in form.properties["extensions"]] == [
            "libopenvino_intel_cpu_plugin.so"
        ]
    assert not form.folder.exists()
    assert (model / "openvino_model.bin").is_file()


def test_a_form_of_another_runtime_is_passed_over(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "get_version", lambda: "2031.1.0-1-releases/2031/1")
    with fused_form(model, "CPU") as form:
        assert form is None


def test_another_device_and_another_model_have_none(model: Path) -> None:
    with fused_form(model, "GPU") as form:
        assert form is None
    (model / FILE_NAME).unlink()
    with fused_form(model, "CPU") as form:
        assert form is None
