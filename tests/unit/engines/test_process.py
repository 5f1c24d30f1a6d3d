"""Processes of workers, and the one that is started before its model is known."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consigne.domain.models import Modality
from consigne.engines import host, process
from consigne.engines.host import Worker
from consigne.engines.process import Process, discard_ahead, start_ahead, take
from consigne.engines.worker.protocol import Load
from consigne.settings import EngineSettings
from support.waiting import until

SCRIPT = Path(__file__).parents[2] / "doubles" / "scripted_worker.py"
COMMAND = (sys.executable, str(SCRIPT))


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(process, "WORKER_COMMAND", COMMAND)
    monkeypatch.setattr(host, "WORKER_COMMAND", COMMAND)
    yield
    discard_ahead()


def load(modality: Modality = "text") -> Load:
    return Load("/nowhere", "tiny", modality, 2048, EngineSettings())


async def start(modality: Modality = "text") -> Worker:
    return await Worker.start(load(modality), COMMAND)


async def test_the_first_text_model_takes_the_process_that_was_started_ahead() -> None:
    start_ahead()
    ahead = take()
    assert ahead is not None
    process._Spare.process = ahead
    vectors = await start("embedding")
    first, second = await start(), await start()
    assert first.pid == ahead.pid
    assert len({vectors.pid, first.pid, second.pid}) == 3
    for worker in (vectors, first, second):
        await worker.close()


async def test_one_that_has_died_is_passed_over() -> None:
    start_ahead()
    spare = process._Spare.process
    assert spare is not None
    os.kill(spare.pid, signal.SIGKILL)
    await until(lambda: spare.ended)
    worker = await start()
    assert worker.pid != spare.pid
    await worker.close()


def test_one_that_nobody_takes_is_ended() -> None:
    start_ahead()
    spare = process._Spare.process
    assert spare is not None
    discard_ahead()
    assert spare.ended
    assert take() is None
    discard_ahead()


async def test_a_process_that_lives_on_is_not_waited_for() -> None:
    living = Process(COMMAND)
    with pytest.raises(TimeoutError):
        await living.wait(0.01)
    living.kill()
    assert await living.wait() == -signal.SIGKILL
    living.discard()
