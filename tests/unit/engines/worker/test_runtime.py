"""OpenVINO in two halves: the first loads a model, the second brings the rest."""

import subprocess
import sys
from pathlib import Path

from consigne.engines.gguf.convert import convert
from reference.tiny_gguf import write_model

PROGRAM = """
import sys
from consigne.engines.worker.runtime import import_all, import_pipeline

import_pipeline()
import openvino_genai
assert "numpy" not in sys.modules
assert "openvino.opset1" not in sys.modules
tokenizer = openvino_genai.Tokenizer(sys.argv[1])
assert "numpy" not in sys.modules
import_all()
ids = tokenizer.encode("Hello").input_ids
import openvino
import openvino_tokenizers
assert isinstance(ids, openvino.Tensor)
assert ids.data.shape[0] == 1
assert openvino.Core().available_devices
assert openvino.opset13.relu
import_all()
import_pipeline()
assert sys.modules["openvino"] is openvino
"""


def test_a_tokenizer_works_before_all_is_imported_and_all_works_after(tmp_path: Path) -> None:
    model = convert(write_model(tmp_path / "model.gguf"), tmp_path / "model").path
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
