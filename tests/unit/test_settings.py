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


PROVIDER = """
[[providers]]
name = "up"
kind = "openai"
base_url = "https://api.example/v1"
api_key_env = "UP_KEY"
"""
MODEL = """
[[providers.models]]
id = "m"
context = 4096
"""


def test_providers_are_tables_in_the_file(tmp_path: Path) -> None:
    config = write(tmp_path / "consigne.toml", PROVIDER + MODEL)
    (provider,) = load_settings(config=config, environ={}).providers
    assert provider.base_url == "https://api.example/v1"
    assert provider.models[0].capabilities == ("tools", "structured_output")
    assert load_settings(config=config, environ={}).has_text_provider


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PROVIDER + PROVIDER, "providers[1].name"),
        (PROVIDER.replace('"openai"', '"bedrock"'), "kind"),
        (PROVIDER.replace("https:", "ftp:"), "base_url"),
        (PROVIDER.replace("api.example", "[oops"), "base_url"),
        (PROVIDER + 'proxy = "nowhere"', "proxy"),
        (PROVIDER + 'api_key = "k"', "not both"),
        (PROVIDER + "timeout_s = 0", "timeouts"),
        (PROVIDER + 'headers = {"a b" = "c"}', "headers"),
        (PROVIDER + 'headers = {"a" = "c\\nd"}', "headers"),
        (PROVIDER + MODEL + MODEL, "models[1].id"),
        (PROVIDER + MODEL.replace("4096", "0"), "context"),
        (PROVIDER + MODEL + 'capabilities = ["flying"]', "flying"),
        (PROVIDER + MODEL + "contxt = 1", "contxt"),
        (PROVIDER + MODEL + "prompt_cache = true", "prompt_cache"),
        (PROVIDER.replace('"openai"', '"anthropic"') + MODEL + "embedding = true", "vectors"),
    ],
)
def test_a_wrong_provider_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    config = write(tmp_path / "consigne.toml", text)
    with pytest.raises(OperatorError) as caught:
        load_settings(config=config, environ={})
    assert said in caught.value.message
    assert "\n" not in caught.value.message.strip()
