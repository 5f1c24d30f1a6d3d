"""The models installed on this machine: one folder each, registered by one atomic rename."""

import builtins
import os
import re
import shutil
import time
from pathlib import Path

import msgspec

from consigne.domain.errors import ModelNotFound, OperatorError
from consigne.engines.base import InstalledModel, Manifest
from consigne.engines.image_folders import INDEX, own_facts, read_traits

BUILT_IN = Path(__file__).parents[1] / "image_model"
BUILT_IN_ID = "consigne-icons"
MANIFEST_NAME = "consigne-model.json"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,95}")
_CLOCK_TICK_NS = 50_000_000
"""A folder changed this recently may change again without a new modification time."""


class ModelLibrary:
    """The folder of installed models: ``models_dir/<id>/`` with ``consigne-model.json`` in each.

    Folders whose names begin with a dot are work in progress and never models. The image model that
    comes with the package (``BUILT_IN``) is listed last where it is given, unless one of its name
    is installed.
    """

    def __init__(self, models_dir: Path, built_in: Path | None = None) -> None:
        self.models_dir = models_dir
        self._folder = str(models_dir)
        self._built_in = _read_built_in(built_in) if built_in else None
        self._known: dict[str, InstalledModel] = {}
        self._faults: dict[str, str] = {}
        self._seen_ns = -1

    def list(self) -> list[InstalledModel]:
        """Return the installed models, oldest first.

        The disk is read again when the folder has changed, so that a model which another process
        installed or removed is seen; else the cost is one ``stat``.
        """
        self._refresh()
        found = sorted(self._known.values(), key=lambda m: (m.manifest.created, m.id))
        built_in = self._built_in
        return [*found, built_in] if built_in and built_in.id not in self._known else found

    def get(self, model_id: str) -> InstalledModel | None:
        """Return the model of this id, or ``None``."""
        self._refresh()
        found = self._known.get(model_id)
        if found is None and self._built_in and self._built_in.id == model_id:
            return self._built_in
        return found

    def faults(self) -> dict[str, str]:
        """Return the folders that are no usable models, with what is wrong with each."""
        self._refresh()
        return dict(self._faults)

    def work_dir(self, name: str) -> Path:
        """Return a folder on the models' own file system in which to prepare one.

        It is kept between calls of the same name, so that a cut download can go on.

        Raises:
            OperatorError: The folder can't be made.
        """
        path = self.models_dir / ".work" / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.models_dir, error) from None
        return path

    def install(self, staging_dir: Path, manifest: Manifest) -> InstalledModel:
        """Move a prepared folder into place under its manifest's id, replacing one of that id.

        The files reach the disk before the rename, so that even a power cut leaves either
        the whole model or none.

        Args:
            staging_dir: A folder on the same file system (see ``work_dir``); it is gone afterwards.
            manifest: What is known of the model.

        Raises:
            OperatorError: The id is no valid name, or the folder can't be written.
        """
        check_id(manifest.id)
        target = self.models_dir / manifest.id
        try:
            (staging_dir / MANIFEST_NAME).write_bytes(
                msgspec.json.format(msgspec.json.encode(manifest), indent=2)
            )
            _sync_tree(staging_dir)
            self._move_in(staging_dir, target)
        except OSError as error:
            raise _unwritable(self.models_dir, error) from None
        self._seen_ns = -1
        return InstalledModel(target, manifest)

    def remove(self, model_id: str) -> None:
        """Delete a model's folder; a process that has it loaded keeps it until it unloads.

        Raises:
            ModelNotFound: No model of this id is installed.
            OperatorError: The folder can't be changed.
        """
        found = self.get(model_id)
        if found is not None and found is self._built_in:
            raise OperatorError(f"The model '{model_id}' comes with Consigne; it can't be removed.")
        if found is None and model_id not in self._faults:
            raise ModelNotFound(f"No model '{model_id}' is installed. See: consigne models list")
        target = self.models_dir / model_id
        try:
            self._discard(target)
        except OSError as error:
            raise _unwritable(self.models_dir, error) from None
        self._seen_ns = -1

    def _move_in(self, staging_dir: Path, target: Path) -> None:
        if target.exists():
            aside = self._aside(target)
            target.rename(aside)
            staging_dir.rename(target)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            staging_dir.rename(target)
        _sync(self.models_dir)

    def _discard(self, target: Path) -> None:
        aside = self._aside(target)
        target.rename(aside)
        _sync(self.models_dir)
        shutil.rmtree(aside, ignore_errors=True)

    def _aside(self, target: Path) -> Path:
        aside = self.models_dir / ".work" / f"removed-{target.name}-{os.getpid()}-{time.time_ns()}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        return aside

    def _refresh(self) -> None:
        try:
            changed_ns = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 - on every request's way
        except FileNotFoundError:
            self._known, self._faults, self._seen_ns = {}, {}, -1
            return
        if changed_ns == self._seen_ns:
            return
        settled = time.time_ns() - changed_ns > _CLOCK_TICK_NS
        self._known, self._faults = _read(self.models_dir)
        self._seen_ns = changed_ns if settled else -1


def _read_built_in(folder: Path) -> InstalledModel | None:
    """Return the model that comes with the package, if this installation has it."""
    if not (folder / INDEX).is_file():
        return None
    own = own_facts(folder)
    files = _files(folder)
    manifest = Manifest(
        id=BUILT_IN_ID,
        name=str(own.get("name", "Consigne Icons")),
        modality="image",
        context=0,
        size_bytes=sum(path.stat().st_size for path in files),
        created=int((folder / INDEX).stat().st_mtime),
        source="built-in",
        license=str(own.get("license", "Apache-2.0")),
        languages=("en", "fr"),
        starter=True,
        image=read_traits(folder),
    )
    return InstalledModel(folder, manifest)


def check_id(model_id: str) -> None:
    """Refuse an id that could not be a folder's and a model's name.

    Raises:
        OperatorError: With the characters that are allowed.
    """
    if not _ID.fullmatch(model_id):
        raise OperatorError(
            f"'{model_id}' can't be a model's name: use lower-case letters, digits, '.', '-' "
            "and '_', beginning with a letter or digit, at most 96 of them."
        )


def _read(models_dir: Path) -> tuple[dict[str, InstalledModel], dict[str, str]]:
    known: dict[str, InstalledModel] = {}
    faults: dict[str, str] = {}
    for path in sorted(models_dir.iterdir()):
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            manifest = msgspec.json.decode((path / MANIFEST_NAME).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            faults[path.name] = f"its {MANIFEST_NAME} can't be read ({error})"
            continue
        if manifest.id == path.name:
            known[manifest.id] = InstalledModel(path, manifest)
        else:
            faults[path.name] = f"its {MANIFEST_NAME} is of the model '{manifest.id}'"
    return known, faults


def _files(folder: Path) -> builtins.list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _sync_tree(folder: Path) -> None:
    for path in _files(folder):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(models_dir: Path, error: OSError) -> OperatorError:
    return OperatorError(
        f"Can't write to the models' folder {models_dir}: {error.strerror or error}. "
        "Mend its rights or free space, or choose another folder with --data-dir."
    )
