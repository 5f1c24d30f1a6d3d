"""A site that answers batches, two requests at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doubles.inline_jobs import InlineJobs
from doubles.scripted import ScriptedGateway
from support.storage import Storage, storage


@pytest.fixture
def jobs() -> InlineJobs:
    return InlineJobs()


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
async def site(
    tmp_path: Path, gateway: ScriptedGateway, jobs: InlineJobs
) -> AsyncIterator[Storage]:
    async with storage(tmp_path, gateway, jobs, batches={"concurrency": 2}) as opened:
        yield opened
