"""``consigne models``: what is printed, what is asked, what is removed."""

import io
import json
import sys
from pathlib import Path

import pytest

from consigne.cli import main, progress
from consigne.engines.base import Manifest
from consigne.engines.downloads import Progress
from consigne.engines.library import ModelLibrary


class Models:
    """Runs ``consigne models`` on a data folder of its own."""

    def __init__(self, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._data_dir = data_dir
        self._capsys = capsys
        self.library = ModelLibrary(data_dir / "models")
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        code = main.run(["--data-dir", str(self._data_dir), "models", *arguments])
        self.out, self.err = self._capsys.readouterr()
        return code

    def install(self, model_id: str) -> None:
        staging = self.library.work_dir(model_id)
        (staging / "openvino_model.bin").write_bytes(b"x" * 2000)
        manifest = Manifest(
            id=model_id,
            name=model_id.upper(),
            modality="text",
            context=8192,
            size_bytes=2000,
            created=1,
            source="hf:a/b@c",
            license="MIT",
            languages=("en", "fr"),
            files={"openvino_model.bin": "0" * 64},
        )
        self.library.install(staging, manifest)


@pytest.fixture
def models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Models:
    return Models(tmp_path, capsys)


def test_an_empty_list_says_where_to_begin(models: Models) -> None:
    assert models("list") == 0
    assert "consigne models pull starter" in models.out
    assert models("list", "--json") == 0
    assert json.loads(models.out) == []


def test_the_list_shows_what_matters_and_what_is_broken(models: Models) -> None:
    models.install("tiny")
    (models.library.models_dir / "half").mkdir()
    assert models("list") == 0
    assert models.out.splitlines()[1].split() == [
        "tiny",
        "text",
        "2",
        "kB",
        "8,192",
        "MIT",
        "en,",
        "fr",
    ]
    assert "half is no model" in models.err
    models("list", "--json")
    (shown,) = json.loads(models.out)
    assert (shown["id"], shown["size_bytes"]) == ("tiny", 2000)


def test_info(models: Models) -> None:
    models.install("tiny")
    assert models("info", "tiny") == 0
    assert "hf:a/b@c" in models.out
    assert str(models.library.models_dir / "tiny") in models.out
    assert models("info", "tiny", "--json") == 0
    assert json.loads(models.out)["files"] == {"openvino_model.bin": "0" * 64}
    assert models("info", "none") == 2
    assert models.err == "consigne: No model 'none' is installed. Installed: tiny.\n"


def test_removing_asks_first(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    models.install("tiny")
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert models("remove", "tiny") == 130
    assert models.library.get("tiny")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert models("remove", "tiny") == 0
    assert models.library.get("tiny") is None


def test_removing_without_asking(models: Models) -> None:
    models.install("tiny")
    assert models("remove", "tiny", "--yes") == 0
    assert models("remove", "tiny", "--yes") == 2
    assert "No model 'tiny'" in models.err


@pytest.mark.parametrize("source", ["nonsense", "hf:x", "/"])
def test_pulling_from_nowhere_is_one_line(models: Models, source: str) -> None:
    assert models("pull", source) == 2
    assert models.err.startswith("consigne: ")
    assert len(models.err.splitlines()) == 1


def test_suggestions(models: Models) -> None:
    assert models("suggest") == 0
    assert "hf:OpenVINO/" in models.out
    assert models("suggest", "--json") == 0
    shown = json.loads(models.out)
    assert set(shown) == {"as_of", "machine", "suggestions"}


def test_progress_without_a_terminal_is_a_few_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.shown("tiny") as report:
        for count in range(1001):
            report(Progress("download", count * 1000, 1_000_000))
        report(Progress("convert"))
        report(Progress("install", 5, 5))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Downloading tiny: 1 MB 0%"
    assert "Downloading tiny: 1 MB 100%" in lines
    assert len(lines) == 7


def test_progress_on_a_terminal_is_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    with progress.shown("tiny") as report:
        report(Progress("download", 500_000, 1_000_000))
        report(Progress("download", 1_000_000, 1_000_000))
    shown = capsys.readouterr().err
    assert "Downloading tiny" in shown
    assert "1.0" in shown
