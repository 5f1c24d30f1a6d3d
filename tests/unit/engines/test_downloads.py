"""What a source means, which files of it are taken, and how progress is told."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.errors import Conflict, ModelNotSupported, OperatorError
from consigne.engines.downloads import Facts, Progress, add, pull
from consigne.engines.downloads.folders import NEEDED, choose_gguf, openvino_files
from consigne.engines.downloads.locks import locked
from consigne.engines.downloads.progress import Meter
from consigne.engines.downloads.sources import (
    HubSource,
    PathSource,
    WheelSource,
    label,
    model_id,
    parse,
    planned_id,
)
from consigne.engines.library import ModelLibrary, check_id


def test_sources_known_by_name_are_pinned_by_version_and_hash() -> None:
    for name in ("starter", "minilm"):
        source = parse(name)
        assert isinstance(source, WheelSource)
        assert "==" in source.requirement
        assert len(source.sha256) == 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf:Qwen/Qwen3-0.6B", HubSource("Qwen/Qwen3-0.6B")),
        ("hf:a/b:c.Q4_0.gguf", HubSource("a/b", "c.Q4_0.gguf")),
        ("hf:a/b:sub/c.gguf@v1.0", HubSource("a/b", "sub/c.gguf", "v1.0")),
        ("hf:a/b@refs/pr/1", HubSource("a/b", "", "refs/pr/1")),
    ],
)
def test_hub_sources(text: str, expected: HubSource) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "hf:", "hf:a", "hf:a/b/c", "qwen3", "hf:a/b:", "hf:a/b@"])
def test_anything_else_is_refused_with_the_known_forms(text: str) -> None:
    with pytest.raises(OperatorError, match="hf:OWNER/REPO"):
        parse(text)


def test_a_path_is_no_source_and_the_message_names_the_right_command(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=f"consigne models add {tmp_path}"):
        parse(str(tmp_path))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (HubSource("OpenVINO/Qwen3-0.6B-int4-ov"), "qwen3-0.6b-int4"),
        (HubSource("Qwen/Qwen2.5-0.5B-Instruct-GGUF"), "qwen2.5-0.5b-instruct"),
        (HubSource("a/b", "sub/Tiny_Model.Q4_0.gguf"), "tiny_model.q4_0"),
        (HubSource("a/b", facts=Facts(id="mine")), "mine"),
        (PathSource("/tmp/My Models/Some Model.gguf"), "some-model"),
        (PathSource("/tmp/folder/"), "folder"),
    ],
)
def test_a_model_is_named_after_its_source(source: HubSource | PathSource, name: str) -> None:
    assert planned_id(source) == name


@given(st.text())
def test_every_name_becomes_a_valid_id(text: str) -> None:
    check_id(model_id(text))


def test_labels_hold_no_revision() -> None:
    assert label(HubSource("a/b", "c.gguf", "v1")) == "hf:a/b:c.gguf"


class TestChoosingFiles:
    def test_an_openvino_folder_takes_what_belongs_to_it_and_nothing_else(self) -> None:
        extra = ["README.md", "chat_template.jinja", "tokenizer.json", "LICENSE"]
        other = ["pytorch_model.bin", "model.safetensors", ".gitattributes", "sub/x.json"]
        assert openvino_files([*NEEDED, *extra, *other], "it") == sorted([*NEEDED, *extra])

    @pytest.mark.parametrize("missing", NEEDED)
    def test_what_is_missing_is_named(self, missing: str) -> None:
        names = [name for name in NEEDED if name != missing]
        with pytest.raises(ModelNotSupported, match=missing):
            openvino_files(names, "it")

    def test_models_that_read_images_are_refused(self) -> None:
        with pytest.raises(ModelNotSupported, match="images"):
            openvino_files([*NEEDED, "openvino_language_model.xml"], "it")

    @pytest.mark.parametrize(
        ("names", "best"),
        [
            (["m.Q8_0.gguf", "m.Q4_K_M.gguf", "m.Q2_K.gguf"], "m.Q4_K_M.gguf"),
            (["m-q8_0.gguf", "m-q4_0.gguf", "m-f16.gguf"], "m-q4_0.gguf"),
            (["m-bf16.gguf", "m-f16.gguf"], "m-bf16.gguf"),
            (["m-IQ4_XS.gguf", "m-Q6_K.gguf", "mmproj-F16.gguf"], "m-Q6_K.gguf"),
            (["m-Q4_K_S.gguf", "m-Q4_K_M-00001-of-00002.gguf"], "m-Q4_K_S.gguf"),
            (["only.gguf"], "only.gguf"),
        ],
    )
    def test_of_several_ggufs_the_preferred_one_is_taken(self, names: list[str], best: str) -> None:
        assert choose_gguf(names, "", "it") == best
        assert choose_gguf(reversed(names), "", "it") == best

    def test_split_ggufs_are_refused_by_name(self) -> None:
        part = "m-Q4_K_M-00001-of-00002.gguf"
        with pytest.raises(ModelNotSupported, match="split"):
            choose_gguf([part], part, "it")
        with pytest.raises(ModelNotSupported, match="split"):
            choose_gguf([part], "", "it")

    def test_a_missing_file_lists_those_that_are_there(self) -> None:
        with pytest.raises(ModelNotSupported, match=r"a\.gguf, b\.gguf"):
            choose_gguf(["b.gguf", "a.gguf"], "c.gguf", "it")

    def test_a_repository_of_raw_weights_says_which_form_to_look_for(self) -> None:
        with pytest.raises(ModelNotSupported, match="-GGUF"):
            choose_gguf(["model.safetensors"], "", "it")


class TestMeter:
    def test_rate_and_time_left(self) -> None:
        now, seen = 0.0, list[Progress]()
        meter = Meter(seen.append, clock=lambda: now)
        for second in range(4):
            now = float(second)
            meter.update("download", second * 100, 1000)
        assert seen[-1] == Progress("download", 300, 1000, 100.0, 7.0)

    def test_reports_are_thinned_but_the_last_always_comes(self) -> None:
        now, seen = 0.0, list[Progress]()
        meter = Meter(seen.append, clock=lambda: now)
        for count in range(1, 1001):
            now = count / 10_000
            meter.update("download", count, 1000)
        assert seen[0].done_bytes == 1
        assert seen[-1].done_bytes == 1000
        assert len(seen) <= 3

    def test_a_new_phase_begins_anew(self) -> None:
        now, seen = 0.0, list[Progress]()
        meter = Meter(seen.append, clock=lambda: now)
        meter.update("download", 50, 100)
        meter.update("verify", 1, 100)
        assert [report.phase for report in seen] == ["download", "verify"]
        assert seen[-1].bytes_per_s == 0.0


def test_two_installations_of_one_model_exclude_each_other(tmp_path: Path) -> None:
    with locked(tmp_path / "m"), pytest.raises(Conflict, match="already"), locked(tmp_path / "m"):
        pytest.fail("the second got the lock")
    with locked(tmp_path / "m"), locked(tmp_path / "other"):
        pass


def test_adding_what_is_not_there(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path / "models")
    with pytest.raises(OperatorError, match=r"There is no .*nowhere"):
        asyncio.run(add(tmp_path / "nowhere", library))
    with pytest.raises(OperatorError, match="can't be a model's name"):
        asyncio.run(pull("hf:a/b", library, facts=Facts(id="Bad Name")))
