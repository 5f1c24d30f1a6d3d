"""Settings come from file, environment and flags, in that order; a fault is one line."""

from pathlib import Path

import pytest

from consigne.domain.errors import OperatorError
from consigne.settings import load_settings


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    config = write(
        tmp_path / "consigne.toml", "[server]\nport = 1\nhost = '127.0.0.2'\nmax_body_bytes = 9\n"
    )
    settings = load_settings(
        {"server": {"port": 3, "host": None}},
        config=config,
        environ={"CONSIGNE_SERVER__PORT": "2", "CONSIGNE_SERVER__MAX_BODY_BYTES": "7"},
    )
    assert settings.server.port == 3
    assert settings.server.host == "127.0.0.2"
    assert settings.server.max_body_bytes == 7


def test_lists_and_tables_in_the_environment_are_json(tmp_path: Path) -> None:
    environ = {
        "CONSIGNE_DATA_DIR": str(tmp_path),
        "CONSIGNE_SERVER__CORS_ORIGINS": '["https://a.example"]',
        "CONSIGNE_MODELS__ALIASES": '{"gpt-4o-mini": "m"}',
    }
    settings = load_settings(environ=environ)
    assert settings.data_dir == tmp_path
    assert settings.server.cors_origins == ("https://a.example",)
    assert settings.models.aliases == {"gpt-4o-mini": "m"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 'red'", "colour"),
        ("[server]\nprot = 1", "prot"),
        ("[server]\nport = 'many'", "server.port"),
        ("[server", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    config = write(tmp_path / "consigne.toml", text)
    with pytest.raises(OperatorError) as caught:
        load_settings(config=config, environ={})
    assert said in caught.value.message
    assert str(config) in caught.value.message
    assert "\n" not in caught.value.message.strip()


def test_a_named_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"absent\.toml"):
        load_settings(environ={"CONSIGNE_CONFIG": str(tmp_path / "absent.toml")})
