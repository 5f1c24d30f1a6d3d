"""Served gateways, and clients of them."""

from collections.abc import Iterator
from contextlib import ExitStack

import openai
import pytest

from doubles.scripted import ScriptedGateway
from support.dialects import served
from support.sdks import Serve, Service


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a gateway over HTTP until the test ends."""
    running = []

    def start(gateway: ScriptedGateway) -> str:
        running.append(served(gateway))
        return running[-1].__enter__()

    yield start
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def service() -> Iterator[Service]:
    """A service whose model says hello."""
    with ExitStack() as stack:
        yield Service(ScriptedGateway(), stack)


@pytest.fixture
def gpt(service: Service) -> openai.OpenAI:
    """A client of that service."""
    return service.client()
