"""``consigne keys``: a key is made with its bounds, and the list shows them."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consigne.cli.main import cli
from consigne.domain.errors import ConsigneError


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--data-dir", str(tmp_path), "keys", *arguments])

    return run


def test_a_bounded_key_is_listed_with_its_bounds(keys) -> None:
    made = keys(
        *("create", "app", "--expires", "90d", "--models", "a, b", "--scopes", "embed,models"),
        *("--requests-per-minute", "1500", "--output-tokens-per-minute", "9"),
    )
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("sk-csn-")
    keys("create", "free")
    listed = keys("list").output
    assert "in use until 20" in listed
    assert "only embed, models; with a, b; 1,500 requests/min; 9 output tokens/min" in listed
    assert "everything" in listed


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--expires", "soon", "no length of time"),
        ("--scopes", "write", "no scope 'write'"),
        ("--models", ",", "1 to 100 models"),
    ],
)
def test_a_wrong_bound_is_refused_and_makes_no_key(
    keys, option: str, value: str, said: str
) -> None:
    result = keys("create", "app", option, value)
    assert result.exit_code != 0
    error = result.exception
    assert said in (error.message if isinstance(error, ConsigneError) else result.output)
    assert "There are no keys" in keys("list").output
