"""Brings Python for the reader's browser (Pyodide) once, and knows where it lies.

13 MB that most never need are no part of Consigne's own package: npm brings them, as its user has
set it up, or a file that was carried here. Each file is checked against its known digest.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from consigne.domain.errors import OperatorError

VERSION = "314.0.7"
FILES = {
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_stdlib.zip": "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
    "pyodide-lock.json": "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
}
_PACKAGE = f"pyodide@{VERSION}"
_LARGEST = 64 * 2**20


def installed(data_dir: Path) -> Path | None:
    """Return the folder of Python's files, if they are there."""
    folder = data_dir / "tools" / "python" / VERSION
    return folder if all((folder / name).is_file() for name in FILES) else None


def install(data_dir: Path, archive: Path | None = None) -> Path:
    """Bring Python into the data folder, from an archive of its npm package or by npm.

    Raises:
        OperatorError: It can't be brought, or is not what it should be.
    """
    parent = data_dir / "tools" / "python"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as work:
        unpacked = Path(work) / VERSION
        unpacked.mkdir()
        _unpack(archive or _fetch(Path(work)), unpacked)
        target = parent / VERSION
        for wheel in target.glob("*.whl"):  # packages brought before (python_wheels.py)
            wheel.rename(unpacked / wheel.name)
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target


def _fetch(work: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise OperatorError(
            f"npm is not here to bring {_PACKAGE}. Install it, or bring the package's file by "
            f"hand (npm pack {_PACKAGE}) and name it: consigne tools install python --from FILE"
        )
    done = subprocess.run(
        [npm, "pack", _PACKAGE, "--silent", "--ignore-scripts"],
        cwd=work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = next(work.glob("*.tgz"), None)
    if done.returncode != 0 or found is None:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise OperatorError(f"npm could not bring {_PACKAGE}: {said}")
    return found


def _unpack(archive: Path, into: Path) -> None:
    try:
        with tarfile.open(archive) as opened:
            for name, digest in FILES.items():
                member = opened.extractfile(f"package/{name}")
                body = member.read(_LARGEST) if member else b""
                if hashlib.sha256(body).hexdigest() != digest:
                    raise OperatorError(
                        f"{name} in {archive.name} is not the file of {_PACKAGE}. Nothing was "
                        "installed; bring the package from elsewhere."
                    )
                (into / name).write_bytes(body)
    except (OSError, tarfile.TarError, KeyError) as error:
        why = str(error).partition("\n")[0].rstrip(" :")
        raise OperatorError(f"{archive} is no archive of {_PACKAGE}: {why}") from None
