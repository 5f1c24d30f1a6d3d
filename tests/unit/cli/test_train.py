"""``consigne train images``: what it says when it cannot begin."""

from pathlib import Path

import pytest

from consigne.cli import main
from consigne.training.images import stages


def test_an_unknown_stage_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["train", "images", str(tmp_path), "--stage", "denoising"]) == 2
    assert "there is no stage 'denoising'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[denoiser]\nminuts = 3\n", "minuts"),
        ("[denoiser\n", "no configuration"),
        (None, "no file"),
    ],
)
def test_a_bad_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    path = tmp_path / "training.toml"
    if text is not None:
        path.write_text(text)
    assert main.run(["train", "images", str(tmp_path / "work"), "--config", str(path)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "work").exists()


def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stages, "_NEEDED", ("torch_of_another_world",))
    assert main.run(["train", "images", str(tmp_path)]) == 2
    assert "consigne[train]" in capsys.readouterr().err
