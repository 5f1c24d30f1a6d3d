"""What every test can stand on: the real models, installed once, and the real server."""

import asyncio
import ctypes
import fcntl
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import platformdirs
import pytest
from xdist.scheduler import LoadScopeScheduling

import consigne
from consigne.engines.base import InstalledModel
from consigne.engines.library import ModelLibrary
from consigne.store.db import Database
from support import images as images  # reads its variable before anything is tested
from support import postgresql, sqlite
from support.server import ServerProcess

STARTER = "smollm2-135m-instruct"
SOURCES = ("starter", "minilm")
_SS_DISABLE = 2


def _converter_fingerprint() -> str:
    """Models are installed again when the code that converts them has changed."""
    engines = Path(consigne.__file__).parent / "engines"
    digest = hashlib.sha256()
    for path in sorted(
        [*engines.glob("*.py"), *engines.glob("gguf/*"), *engines.glob("embedding/*")]
    ):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
"""The same examples in every run, on however slow a machine; ``tests/fuzz`` looks for new ones."""
hypothesis.settings.load_profile("same")


def pytest_configure() -> None:
    """Let Ctrl-C reach what is tested, also where a shell began the tests in the background.

    Such a shell has SIGINT ignored, and every process inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class _ByFile(LoadScopeScheduling):
    """Lets one process run a file's tests, so that what a file sets up is set up once.

    The clients' tests share what the page on compatibility is compared with.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "tests/clients" if file.startswith("tests/clients/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    """Give files out in their order: the slow ones come first."""
    config.option.loadscopereorder = False
    return _ByFile(config, log)


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """A folder with the starter model and the embedding model, kept between runs."""
    from consigne.engines.downloads import pull

    cache = Path(os.environ.get("TEST_CACHE_DIR") or platformdirs.user_cache_dir("consigne"))
    folder = cache / f"test-models-{_converter_fingerprint()}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        library = ModelLibrary(folder / "models")
        installed = [model for model in library.list() if model.modality != "image"]
        if len(installed) < len(SOURCES):
            for source in SOURCES:
                asyncio.run(pull(source, library, progress=lambda _: None))
    return folder / "models"


@pytest.fixture(scope="session")
def starter(models_dir: Path) -> InstalledModel:
    """The starter model."""
    found = ModelLibrary(models_dir).get(STARTER)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def make_data_dir(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Make a data folder with the models in it (shared, read-only) and nothing else."""

    def make() -> Path:
        data_dir = tmp_path_factory.mktemp("data")
        (data_dir / "models").symlink_to(models_dir, target_is_directory=True)
        return data_dir

    return make


@pytest.fixture(scope="session")
def server(make_data_dir: Callable[[], Path]) -> Iterator[ServerProcess]:
    """The real server on the real models."""
    process = ServerProcess(make_data_dir())
    yield process
    assert process.stop() == 0, process.log_path.read_text()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked ``databases``, and opens one, on each kind it names, or on all."""
    mark = metafunc.definition.get_closest_marker("databases")
    if mark and "tmp_path" in metafunc.fixturenames:
        kinds = mark.args or ("sqlite", "postgresql")
        metafunc.parametrize("database_kind", kinds, indirect=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """A running PostgreSQL."""
    with postgresql.running() as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def copied_databases() -> Iterator[None]:
    """Let new databases be copies of one that was migrated."""
    with sqlite.copied():
        yield


@pytest.fixture(autouse=True)
def migrated_databases(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, copied_databases: None
) -> None:
    """Have those of a test that is marked so be migrated."""
    if request.node.get_closest_marker("migrates"):
        monkeypatch.setattr(Database, "_prepare", sqlite.prepare)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Open databases of this kind where files are asked for."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    with postgresql.in_place_of_files(request.getfixturevalue("cluster")):
        yield kind


class _Stack(ctypes.Structure):
    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Take signals on the thread's own stack once OpenVINO is in this process.

    Its CPU plugin gives the thread an alternate signal stack, and unmaps it when it goes, even
    where it is still in use: the next signal would then end the process, or worse.
    """
    if "openvino" in sys.modules and sys.platform == "linux":
        disabled = _Stack(None, _SS_DISABLE, 0)
        assert ctypes.CDLL(None).sigaltstack(ctypes.byref(disabled), None) == 0
