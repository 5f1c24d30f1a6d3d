"""Reads skills: folders with a SKILL.md, or the same as a zip. Nothing of them is ever run."""

import io
import re
import zipfile
from pathlib import Path, PurePosixPath

import msgspec

from consigne.domain.errors import InvalidRequest

LARGEST_ZIP = 2 * 2**20
LARGEST_UNPACKED = 4 * 2**20
MOST_FILES = 100
LONGEST_BODY = 40_000
LONGEST_DESCRIPTION = 1024

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)(.*)\Z", re.DOTALL)
_ENTRY = "SKILL.md"


class Bundle(msgspec.Struct, frozen=True):
    """A skill as it was read."""

    name: str
    description: str
    body: str
    files: dict[str, str]
    """Its other texts by their paths."""


def from_text(text: str, files: dict[str, str] | None = None) -> Bundle:
    """Return the skill of a SKILL.md.

    Raises:
        InvalidRequest: It has no front matter with a good name and a description.
    """
    match = _FRONT.match(text.lstrip("\ufeff"))
    if match is None:
        raise InvalidRequest("SKILL.md begins with '---', its name and description, then '---'.")
    import yaml

    try:
        front = yaml.safe_load(match.group(1))
    except yaml.YAMLError:
        raise InvalidRequest("The lines between '---' in SKILL.md are no YAML.") from None
    if not isinstance(front, dict):
        raise InvalidRequest("The lines between '---' in SKILL.md name no fields.")
    name, description = front.get("name"), front.get("description")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest("A skill's name has lower-case letters, digits and '-', 64 at most.")
    if not isinstance(description, str) or not description.strip():
        raise InvalidRequest("A skill needs a description: it says when the skill fits.")
    body = match.group(2).replace("\x00", "").strip()
    if len(body) > LONGEST_BODY:
        raise InvalidRequest(f"SKILL.md has more than {LONGEST_BODY:,} characters.")
    short = " ".join(description.split())[:LONGEST_DESCRIPTION]
    return Bundle(name, short, body, files or {})


def from_folder(folder: Path) -> Bundle:
    """Return the skill of a folder.

    Raises:
        InvalidRequest: It is none, or too large.
        OSError: It can't be read.
    """
    found: dict[str, bytes] = {}
    root = folder.resolve()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.resolve().is_relative_to(root):
            if path.stat().st_size > LARGEST_UNPACKED:
                raise InvalidRequest(f"{path.name} is larger than {LARGEST_UNPACKED:,} bytes.")
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        _check_size(found)
    return _bundle(found)


def from_zip(data: bytes) -> Bundle:
    """Return the skill of a zip: SKILL.md at its root or in its one folder.

    Raises:
        InvalidRequest: It is no zip, too large, or names files outside itself.
    """
    if len(data) > LARGEST_ZIP:
        raise InvalidRequest(f"The file has {len(data):,} bytes; {LARGEST_ZIP:,} are the most.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _bundle(_unpacked(archive))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise InvalidRequest("This is no zip file that can be read.") from None


def _unpacked(archive: zipfile.ZipFile) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES:
        raise InvalidRequest(f"The zip holds {len(entries)} files; {MOST_FILES} are the most.")
    for entry in entries:
        name = _safe(entry)
        with archive.open(entry) as file:
            # What the directory says of sizes may be a lie.
            found[name] = file.read(LARGEST_UNPACKED + 1)
        _check_size(found)
    tops = {name.partition("/")[0] for name in found}
    if _ENTRY not in found and len(tops) == 1:
        return {name.partition("/")[2]: body for name, body in found.items()}
    return found


def _safe(entry: zipfile.ZipInfo) -> str:
    path = PurePosixPath(entry.filename)
    link = (entry.external_attr >> 16) & 0o170000 == 0o120000
    outside = path.is_absolute() or ".." in path.parts or "\\" in entry.filename
    if outside or link or ":" in path.parts[0]:
        raise InvalidRequest(f"The zip names '{entry.filename[:80]}', which is not inside it.")
    return path.as_posix()


def _check_size(found: dict[str, bytes]) -> None:
    if len(found) > MOST_FILES or sum(map(len, found.values())) > LARGEST_UNPACKED:
        raise InvalidRequest(
            f"A skill has {MOST_FILES} files and {LARGEST_UNPACKED:,} bytes at most."
        )


def _bundle(found: dict[str, bytes]) -> Bundle:
    if _ENTRY not in found:
        raise InvalidRequest("There is no SKILL.md at the top.")
    texts: dict[str, str] = {}
    for name, body in found.items():
        try:
            texts[name] = body.decode()
        except UnicodeDecodeError:
            if name == _ENTRY:
                raise InvalidRequest("SKILL.md is not UTF-8 text.") from None
    others = {name: text for name, text in texts.items() if name != _ENTRY and "\x00" not in text}
    return from_text(texts[_ENTRY], others)
