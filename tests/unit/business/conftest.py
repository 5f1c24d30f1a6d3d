from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from consigne.store.db import Database
from support.clock import Clock, held_clock


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "consigne.db")
    yield database
    await database.close()


@pytest.fixture
def clock() -> Iterator[Clock]:
    with held_clock() as clock:
        yield clock
