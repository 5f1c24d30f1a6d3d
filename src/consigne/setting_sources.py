"""Where settings come from: a TOML file and the environment, each as one nested dictionary."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from consigne.domain.errors import OperatorError

ENV_PREFIX = "CONSIGNE_"


def find_config(environ: Mapping[str, str], data_dir: Path) -> Path | None:
    """Return the settings file: the one that is named, else the first that is there."""
    if named := environ.get("CONSIGNE_CONFIG"):
        return Path(named)
    candidates = (Path("consigne.toml"), data_dir / "consigne.toml")
    return next((path for path in candidates if path.is_file()), None)


def from_file(path: Path | None) -> dict[str, Any]:
    """Return what a settings file says.

    Raises:
        OperatorError: It can't be read, or is no TOML.
    """
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OperatorError(f"Can't read the settings file {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"The settings file {path} is not valid TOML: {error}.") from None


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the environment says."""
    found: dict[str, Any] = {}
    for key, value in environ.items():
        if not key.startswith(ENV_PREFIX) or key == "CONSIGNE_CONFIG":
            continue
        *tables, leaf = key.removeprefix(ENV_PREFIX).lower().split("__")
        level = found
        for table in tables:
            level = level.setdefault(table, {})
        level[leaf] = _structured(value)
    return found


def _structured(value: str) -> Any:
    """Lists and tables are written as JSON in the environment."""
    if value[:1] not in ("[", "{"):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are set."""
    return {
        key: without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with what ``over`` says instead."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged
