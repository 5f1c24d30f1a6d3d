"""What the preparations of all sources have in common: space, checks, conversion, description."""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from consigne.domain import sources as world
from consigne.domain.errors import ModelBroken, OperatorError
from consigne.domain.models import Capabilities, Modality
from consigne.engines.base import Manifest
from consigne.engines.downloads.progress import Phase
from consigne.engines.downloads.sources import Facts, Source, label, planned_id
from consigne.engines.image_folders import own_facts, read_traits

StepReport = Callable[[Phase, int, int], None]
"""Phase, bytes done, bytes in all."""

_CHUNK = 2**20
_SPARE = 64 * 2**20
"""Bytes left free beyond what a model needs."""


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk can't hold.

    Raises:
        OperatorError: With the bytes needed and free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise OperatorError(
            f"The disk of {folder} has {size(free)} free, and this model needs "
            f"{size(needed + _SPARE)} while it is installed. Free some space, or choose another "
            "folder with --data-dir."
        )


def sha256_of(path: Path, advance: Callable[[int], None] = lambda _: None) -> str:
    """Return a file's SHA-256 in hexadecimal; ``advance`` is told the bytes of each piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            advance(len(chunk))
    return digest.hexdigest()


def hash_files(folder: Path, report: StepReport, known: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of each file by its path inside the folder; ``known`` are not read."""
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    total = sum((folder / name).stat().st_size for name in names if name not in known)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        report("install", done, total)

    return {name: known.get(name) or sha256_of(folder / name, advance) for name in names}


def convert_gguf(gguf: Path, out_dir: Path, report: StepReport) -> Facts:
    """Convert a GGUF file into an OpenVINO folder; return what the file says of its model.

    Raises:
        ModelNotSupported: The file's architecture or weights are not covered.
        ModelBroken: The file is damaged.
    """
    from consigne.engines.gguf.convert import convert

    total = gguf.stat().st_size
    shutil.rmtree(out_dir, ignore_errors=True)
    made = convert(gguf, out_dir, lambda share, _: report("convert", int(share * total), total))
    return Facts(
        name=made.name,
        license=made.license,
        languages=made.languages,
        parameters=made.parameters,
    )


def describe(
    folder: Path,
    source: Source,
    *,
    said: Facts,
    revision: str = "",
    report: StepReport,
    modality: Modality = "text",
    starter: bool = False,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    """Return the manifest of a model's OpenVINO folder.

    Args:
        folder: The folder.
        source: Where it came from; what is known of it there goes before all else.
        said: What its own files say of it; the model card fills what is still open.
        revision: The commit of the hub's repository.
        report: Told how far the hashing has come.
        modality: What the model makes.
        starter: Whether it is the small model of the first start.
        known: SHA-256 of files that were hashed before, by path.

    Raises:
        ModelBroken: Its configuration can't be read.
    """
    config = read_json(folder / "config.json")
    facts, files = source.facts, hash_files(folder, report, known)
    return Manifest(
        id=planned_id(source),
        name=facts.name or said.name or planned_id(source),
        modality=modality,
        context=_context(config),
        size_bytes=sum((folder / path).stat().st_size for path in files),
        created=int(world.now().timestamp()),
        source=label(source) + (f"@{revision}" if revision else ""),
        capabilities=_capabilities(folder) if modality == "text" else Capabilities(),
        license=facts.license or _spdx(said.license) or _license(folder),
        languages=facts.languages or said.languages or _languages(folder),
        parameters=facts.parameters or said.parameters,
        starter=starter,
        files=files,
    )


def describe_image(
    folder: Path,
    source: Source,
    *,
    revision: str = "",
    report: StepReport,
    known: Mapping[str, str] = MappingProxyType({}),
) -> Manifest:
    """Return the manifest of an image model's folder (see ``describe``).

    Raises:
        ModelBroken: Its configuration can't be read.
    """
    facts, files = source.facts, hash_files(folder, report, known)
    own = own_facts(folder)
    return Manifest(
        id=planned_id(source),
        name=facts.name or str(own.get("name", "")) or planned_id(source),
        modality="image",
        context=0,
        size_bytes=sum((folder / path).stat().st_size for path in files),
        created=int(world.now().timestamp()),
        source=label(source) + (f"@{revision}" if revision else ""),
        license=facts.license or str(own.get("license", "")) or _license(folder),
        languages=facts.languages or tuple(own.get("languages", ())) or _languages(folder),
        parameters=facts.parameters,
        image=facts.image or read_traits(folder),
        files=files,
    )


def read_json(path: Path) -> dict[str, object]:
    """Return a JSON file's object.

    Raises:
        ModelBroken: It can't be read as one.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except FileNotFoundError:
        raise ModelBroken(f"The model has no {path.name}: it is not whole.") from None
    except msgspec.MsgspecError as error:
        raise ModelBroken(f"The model's {path.name} can't be read: {error}.") from None


def size(count: float) -> str:
    """Return a byte count for people, in decimal units: ``98 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _context(config: dict[str, object]) -> int:
    for key in ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length"):
        value = config.get(key)
        if isinstance(value, int) and value > 0:
            return value
    return 2048


def _capabilities(folder: Path) -> Capabilities:
    from consigne.engines.prompts import Prompter

    template, bos, eos = chat_template(folder)
    capabilities = Prompter(template, bos_token=bos, eos_token=eos).capabilities
    return msgspec.structs.replace(capabilities, structured_output=True, logprobs=True)


def chat_template(folder: Path) -> tuple[str, str, str]:
    """Return a model folder's chat template, and its first and last tokens' texts.

    The template is empty where the folder has none.
    """
    path = folder / "tokenizer_config.json"
    settings = read_json(path) if path.is_file() else {}
    found = settings.get("chat_template", "")
    if isinstance(found, list):
        named = {entry.get("name"): entry.get("template") for entry in found}
        found = named.get("default", "")
    file = folder / "chat_template.jinja"
    template = file.read_text("utf-8") if file.is_file() else str(found or "")
    return template, _token(settings.get("bos_token")), _token(settings.get("eos_token"))


def _token(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""


_SPDX = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "gpl-3.0": "GPL-3.0-only",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
}


def _license(folder: Path) -> str:
    values = _card(folder, "license")
    return _spdx(values[0]) if values else ""


def _spdx(text: str) -> str:
    return _SPDX.get(text.lower(), text)


def _languages(folder: Path) -> tuple[str, ...]:
    return tuple(code for code in _card(folder, "language") if re.fullmatch(r"[a-z]{2}", code))


def _card(folder: Path, key: str) -> list[str]:
    """Return a field of the model card's front matter: one value or a list of them."""
    path = folder / "README.md"
    if not path.is_file():
        return []
    head = re.match(r"---\n(.*?)\n---", path.read_text("utf-8", "replace"), re.DOTALL)
    if head is None:
        return []
    found = re.search(rf"^{key}:[ ]*(.*)\n?((?:[ ]*- .*\n?)*)", head[1], re.MULTILINE)
    if found is None:
        return []
    listed: Iterable[str] = re.findall(r"- (\S+)", found[2]) or re.split(r"[\[\],\s]+", found[1])
    return [item.strip("'\"") for item in listed if item]
