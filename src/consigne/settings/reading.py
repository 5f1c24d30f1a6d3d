"""The settings, from a file, the environment and the command line."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from consigne.domain.errors import OperatorError
from consigne.settings.checks import check
from consigne.settings.values import Settings, default_data_dir

ENV_PREFIX = "CONSIGNE_"


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings.

    Args:
        overrides: What the command line set, nested as the settings are; ``None`` values are
            passed over.
        config: The settings file; by default ``consigne.toml`` in the working directory or
            in the data folder, if there is one.
        environ: The environment; by default the process's own.

    Raises:
        OperatorError: A file that can't be read, an unknown key, a value of the wrong type.
    """
    environ = os.environ if environ is None else environ
    from_env = _from_environment(environ)
    from_flags = _without_none(overrides or {})
    data_dir = Path(from_flags.get("data_dir") or from_env.get("data_dir") or default_data_dir())
    path = config or _find_config(environ, data_dir)
    merged = _merge(_merge(_from_file(path), from_env), from_flags)
    try:
        settings = msgspec.convert(merged, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        origin = f" (settings file: {path})" if path else ""
        raise OperatorError(f"The settings are wrong: {error}{origin}.") from None
    check(settings)
    return msgspec.structs.replace(settings, data_dir=settings.data_dir.expanduser().absolute())


def _find_config(environ: Mapping[str, str], data_dir: Path) -> Path | None:
    if named := environ.get("CONSIGNE_CONFIG"):
        return Path(named)
    candidates = (Path("consigne.toml"), data_dir / "consigne.toml")
    return next((path for path in candidates if path.is_file()), None)


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise OperatorError(f"Can't read the settings file {path}: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"The settings file {path} is not valid TOML: {error}.") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
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


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, Mapping):
            merged[key] = _merge(below, value)
        else:
            merged[key] = value
    return merged


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path):
        return Path(value)
    raise TypeError(f"unexpected {type(value).__name__}")
