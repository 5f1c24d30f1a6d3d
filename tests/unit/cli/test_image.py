"""``consigne image`` and ``verify``: what cannot be is told before anything is drawn."""

from pathlib import Path

import pytest
from PIL import Image

from consigne.cli import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "fox.gif"], "must end in .png"),
        (["-o", "there/fox.png"], "no folder there"),
        (["-o", "taken.png"], "exists already"),
        (["-o", "taken.png", "--n", "2", "--mask", "taken.png"], "--mask needs --from"),
        (["-o", "folder.png", "--force"], "is a folder"),
        (["-o", "-", "--n", "2"], "one picture"),
        (["--from", "nothing.png"], "Can't read nothing.png"),
        (["--from", "taken.png", "--strength", "nan"], "--strength is no number"),
        (["--size", "12cm"], "write 512 or 768x512"),
        (["--seed", "9" * 20], "--seed"),
        (["--n", "11"], "--n"),
        (["--model", "nothing"], "consigne models list"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (8, 8)).save("taken.png")
    Path("folder.png").mkdir()
    assert main.run(["--data-dir", str(tmp_path / "data"), "image", "a fox", *arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""
    assert {path.name for path in tmp_path.iterdir()} - {"data"} == {"taken.png", "folder.png"}
