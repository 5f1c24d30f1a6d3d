"""The clients that tests run, and what installs them: ``python tests/support/clients.py``.

Python clients go to environments of their own in the cache, Node's beside its lock file; each is
made once for each state of the file that pins it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

HERE = Path(__file__).parents[1] / "clients"
NODE = HERE / "node"
ENVIRONMENTS = ("frameworks", "llamaindex", "instructor", "tools")


def environment(name: str) -> Path:
    """Return where the environment of this name is, or will be."""
    cache = Path(os.environ.get("TEST_CACHE_DIR") or platformdirs.user_cache_dir("consigne"))
    pinned = (HERE / f"requirements-{name}.txt").read_bytes()
    state = hashlib.sha256(pinned + sys.version.encode()).hexdigest()[:16]
    return cache / "test-clients" / f"{name}-{state}"


def missing(name: str) -> str:
    """Return what to do to have the environment (or ``node``), empty where it is there."""
    stamp = _node_stamp() if name == "node" else environment(name) / "complete"
    if stamp.exists():
        return ""
    return f"the clients of {name!r} are missing: run `python tests/support/clients.py`"


def _node_stamp() -> Path:
    state = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()[:16]
    return NODE / "node_modules" / f".complete-{state}"


def _install_python(name: str) -> None:
    folder = environment(name)
    shutil.rmtree(folder, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    pinned = HERE / f"requirements-{name}.txt"
    install = [*uv, "pip", "install", "--quiet", "--python", folder, "--requirement", pinned]
    subprocess.run(install, check=True)
    (folder / "complete").touch()


def _install_node() -> None:
    subprocess.run(
        ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=NODE,
        check=True,
    )
    agent = NODE / "node_modules" / "@anthropic-ai" / "claude-code"
    subprocess.run(["node", "install.cjs"], cwd=agent, check=True)
    _node_stamp().touch()


def needs(*names: str) -> None:
    """Skip, or fail where all tests must run, if clients are not installed."""
    import pytest

    for name in names:
        if absent := missing(name):
            if os.environ.get("REQUIRE_ALL_TESTS"):
                pytest.fail(absent)
            pytest.skip(absent)


def main() -> None:
    """Install what is not there yet."""
    for name in ENVIRONMENTS:
        if missing(name):
            _install_python(name)
    if missing("node"):
        _install_node()


if __name__ == "__main__":
    main()
