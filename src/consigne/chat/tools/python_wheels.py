"""Brings packages for Python in the reader's browser: numpy, matplotlib and what they need.

Pyodide's own list (``pyodide-lock.json``) names each package's file, its digest and what it needs;
the files come from where Pyodide publishes them, or from a folder that was carried here.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from consigne.chat.tools.python_package import VERSION
from consigne.domain.errors import OperatorError

USUAL = ("numpy", "pandas", "matplotlib")
"""What programs that look at figures and draw plots import."""
PUBLISHED = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
"""Source: https://pyodide.org/en/stable/usage/downloading-and-deploying.html"""
LOCK = "pyodide-lock.json"
_LARGEST = 256 * 2**20
_WAIT_S = 60.0


class Wheel(msgspec.Struct, frozen=True):
    """A package of Pyodide's list."""

    name: str
    file_name: str
    sha256: str
    depends: tuple[str, ...] = ()


class _Lock(msgspec.Struct, frozen=True):
    packages: dict[str, Wheel]


def listed(folder: Path) -> dict[str, Wheel]:
    """Return the packages that there are for the Python in this folder."""
    return msgspec.json.decode((folder / LOCK).read_bytes(), type=_Lock).packages


def present(folder: Path) -> tuple[str, ...]:
    """Return the names of the packages that are in the folder, with all that they need."""
    known = listed(folder)
    there = {name for name, wheel in known.items() if (folder / wheel.file_name).is_file()}
    return tuple(
        sorted(name for name in there if {each.name for each in _needed(known, [name])} <= there)
    )


def lock_of_present(folder: Path) -> bytes:
    """Return Pyodide's list with the packages alone that are in the folder."""
    content: dict[str, Any] = msgspec.json.decode((folder / LOCK).read_bytes())
    there = set(present(folder))
    content["packages"] = {k: v for k, v in content["packages"].items() if k in there}
    return msgspec.json.encode(content)


def bring(
    folder: Path,
    names: Iterable[str],
    source: str = PUBLISHED,
    hear: Callable[[str], None] = lambda name: None,
) -> tuple[str, ...]:
    """Bring packages and what they need into the folder of Python; return what is new.

    Args:
        folder: Where Python lies.
        names: Of the packages.
        source: The address of a folder of Pyodide's files, or its path.
        hear: Told the name of each package before it is brought.

    Raises:
        OperatorError: A package is not listed, can't be had, or is not the listed file. What was
            brought before stays and is not brought again.
    """
    known = listed(folder)
    new = []
    for wheel in _needed(known, names):
        target = folder / wheel.file_name
        if target.is_file():
            continue
        hear(wheel.name)
        body = _read(source, wheel.file_name)
        if hashlib.sha256(body).hexdigest() != wheel.sha256:
            raise OperatorError(
                f"{wheel.file_name} from {source} is not the file of Pyodide {VERSION}. It was not "
                "installed; bring it from elsewhere with --packages-from."
            )
        _write(target, body)
        new.append(wheel.name)
    return tuple(new)


def _needed(known: dict[str, Wheel], names: Iterable[str]) -> list[Wheel]:
    """Return the packages and what they need, the needed ones first."""
    found: dict[str, Wheel] = {}
    begun: set[str] = set()

    def add(name: str) -> None:
        wheel = known.get(name.strip().lower().replace("_", "-"))
        if wheel is None:
            raise OperatorError(
                f"Pyodide {VERSION} has no package {name!r}. Usual ones: {', '.join(USUAL)}."
            )
        if wheel.name in begun:
            return
        begun.add(wheel.name)
        for other in wheel.depends:
            add(other)
        found[wheel.name] = wheel

    for name in names:
        add(name)
    return list(found.values())


def _read(source: str, name: str) -> bytes:
    if not source.startswith(("http://", "https://")):
        try:
            return (Path(source) / name).read_bytes()
        except OSError as error:
            raise OperatorError(f"Can't read {name} in {source}: {error.strerror}.") from None
    import httpx

    try:
        with httpx.stream(
            "GET", f"{source.rstrip('/')}/{name}", timeout=_WAIT_S, follow_redirects=True
        ) as answer:
            answer.raise_for_status()
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST:
                    break
            return bytes(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OperatorError(
            f"Can't bring {name} from {source}: {str(error).partition(chr(10))[0]}. Copy Pyodide's "
            "files here by hand and name their folder: --packages-from FOLDER"
        ) from None


def _write(target: Path, body: bytes) -> None:
    descriptor, partial = tempfile.mkstemp(dir=target.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        Path(partial).chmod(0o644)
        Path(partial).replace(target)
    except OSError as error:
        with suppress(OSError):
            Path(partial).unlink()
        raise OperatorError(f"Can't write {target}: {error.strerror}.") from None
