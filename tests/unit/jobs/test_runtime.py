"""Jobs come to their end: each subject once, failing steps again, given up after many tries."""

import asyncio
import stat
from pathlib import Path

import pytest

from consigne.jobs import runtime
from consigne.jobs.runtime import Jobs, Kind


class Diary:
    """Work that writes down what was done, and fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.done: list[str] = []
        self.failures = failures
        self.ended = asyncio.Event()

    async def first(self, subject: str) -> None:
        self.done.append(f"first {subject}")

    async def second(self, subject: str) -> None:
        self.done.append(f"second {subject}")
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        self.ended.set()

    async def given_up(self, subject: str) -> None:
        self.done.append(f"given up {subject}")
        self.ended.set()

    def kind(self) -> Kind:
        return Kind((("first", self.first), ("second", self.second)), self.given_up)


async def run(jobs: Jobs, diary: Diary) -> list[str]:
    jobs.register("work", diary.kind())
    try:
        await jobs.submit("work", "a")
        await jobs.submit("work", "a")
        async with asyncio.timeout(60):
            await diary.ended.wait()
    finally:
        await jobs.close()
    return diary.done


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(runtime, "TRIES", 3)


@pytest.mark.usefixtures("impatient")
async def test_a_subject_s_steps_run_once_in_order(tmp_path: Path):
    path = tmp_path / "jobs.db"
    assert await run(Jobs(path, poll_s=0.02), Diary()) == ["first a", "second a"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("impatient")
async def test_only_the_step_that_failed_is_tried_again(tmp_path: Path):
    done = await run(Jobs(tmp_path / "jobs.db", poll_s=0.02), Diary(failures=2))
    assert done == ["first a", "second a", "second a", "second a"]


@pytest.mark.usefixtures("impatient")
async def test_a_job_that_always_fails_is_given_up(tmp_path: Path):
    done = await run(Jobs(tmp_path / "jobs.db", poll_s=0.02), Diary(failures=99))
    assert done[-1] == "given up a"
    assert done.count("second a") == 3


async def test_without_jobs_nothing_is_started(tmp_path: Path):
    path = tmp_path / "jobs.db"
    await Jobs(path).close()
    assert not path.exists()
