"""A GGUF is read to the letter, and a damaged one is named so, never more."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.domain.errors import ModelBroken, ModelNotSupported
from consigne.engines.gguf.convert import convert
from consigne.engines.gguf.reader import GgufFile
from reference.tiny_gguf import write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("reader") / "model.gguf", body="Q8_0")


def test_metadata_and_tensors_are_those_of_the_file(model: Path) -> None:
    reference = GGUFReader(model)
    with GgufFile(model) as file:
        for key, field in reference.fields.items():
            if key.startswith("GGUF."):
                continue
            ours, theirs = file.metadata[key], field.contents()
            if isinstance(ours, np.ndarray):
                ours = ours.tolist()
            assert ours == theirs, key
        assert file.tensors.keys() == {tensor.name for tensor in reference.tensors}
        for tensor in reference.tensors:
            ours = file.tensors[tensor.name]
            assert ours.shape == tuple(reversed([int(size) for size in tensor.shape]))
            assert ours.offset == tensor.data_offset
            raw = file.blocks(ours, 0, ours.rows)
            assert raw.tobytes() == tensor.data.tobytes()


@pytest.mark.parametrize("content", [b"", b"GG", b"hello, this is not a model", b"\x00" * 100])
def test_other_files_are_not_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelBroken, match=r"not a GGUF file.*other\.gguf|other\.gguf is not"):
        GgufFile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelBroken, match=r"nowhere\.gguf"):
        GgufFile(tmp_path / "nowhere.gguf")


def test_another_byte_order_and_version_are_refused(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    for version, what in ((b"\x00\x00\x00\x03", "big-endian"), (b"\x63\0\0\0", "version 99")):
        path = tmp_path / "odd.gguf"
        path.write_bytes(whole[:4] + version + whole[8:])
        with pytest.raises(ModelNotSupported, match=what):
            GgufFile(path)


@settings(max_examples=60)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_broken(model: Path, tmp_path: Path, share: float) -> None:
    whole = model.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelBroken):
        GgufFile(path)


@settings(max_examples=80)
@given(changes=st.lists(st.tuples(st.integers(4, 12_000), st.integers(0, 255)), min_size=1))
def test_a_damaged_header_never_shows_a_traceback(
    model: Path, tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    content = bytearray(model.read_bytes())
    for at, value in changes:
        content[at] = value
    path = tmp_path / "damaged.gguf"
    path.write_bytes(content)
    try:
        convert(path, tmp_path / "out")
        message = "damaged.gguf, in a place that does not matter"
    except (ModelBroken, ModelNotSupported) as error:
        message = error.message
    assert "damaged.gguf" in message


def test_weights_that_are_not_numbers_are_broken(tmp_path: Path) -> None:
    path = write_model(tmp_path / "nan.gguf", body="F16")
    content = bytearray(path.read_bytes())
    content[-2000:] = b"\xff" * 2000
    path.write_bytes(content)
    with pytest.raises(ModelBroken, match="NaN"):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
