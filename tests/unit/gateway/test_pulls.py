"""What an administrator relies on while a model comes: one pull a source, its progress, its end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from consigne.domain.errors import InvalidRequest, NotFound, OperatorError
from consigne.engines.base import InstalledModel, Manifest
from consigne.engines.downloads import Facts, Progress
from consigne.engines.library import ModelLibrary
from consigne.gateway.pulls import MOST_KEPT, Failure, Pull, Pulls

SOURCE = "hf:OpenVINO/Qwen3-0.6B-int4-ov"
DEADLINE_S = 60.0


class ScriptedPuller:
    """Reports, waits for its gate, and ends as it was told."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.error: Exception | None = None
        self.calls: list[tuple[str, Facts | None]] = []
        self.cancelled = 0

    async def __call__(
        self,
        source: str,
        library: ModelLibrary,
        *,
        progress: Callable[[Progress], None],
        facts: Facts | None,
    ) -> InstalledModel:
        self.calls.append((source, facts))
        progress(Progress("download", 10, 100, 5.0, 18.0))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        progress(Progress("install", 100, 100))
        manifest = Manifest(
            id="qwen3-0.6b",
            name="Q",
            modality="text",
            context=1,
            size_bytes=1,
            created=1,
            source=source,
        )
        return InstalledModel(Path("/nowhere"), manifest)


@pytest.fixture
def puller() -> ScriptedPuller:
    return ScriptedPuller()


@pytest.fixture
async def pulls(puller: ScriptedPuller, tmp_path: Path) -> AsyncIterator[Pulls]:
    pulls = Pulls(ModelLibrary(tmp_path), puller)
    yield pulls
    await pulls.close()


async def ended(pulls: Pulls, pull_id: str) -> Pull:
    async with asyncio.timeout(DEADLINE_S):
        async for changed in pulls.watch():
            for pull in changed:
                if pull.id == pull_id and pull.state != "running":
                    return pull
    raise AssertionError


async def test_a_pull_is_watched_from_its_start_to_the_installed_model(
    pulls: Pulls, puller: ScriptedPuller
):
    watcher = pulls.watch()
    assert list(await anext(watcher)) == []
    begun = pulls.start(SOURCE)
    assert (begun.state, begun.phase, begun.total_bytes) == ("running", "download", None)
    changes = [*await anext(watcher)]
    while changes[-1].done_bytes == 0:
        changes += await anext(watcher)
    assert (changes[-1].total_bytes, changes[-1].seconds_left) == (100, 18.0)
    puller.gate.set()
    done = await ended(pulls, begun.id)
    assert (done.state, done.model, done.phase) == ("done", "qwen3-0.6b", "install")
    assert pulls.list() == [done]
    (call,) = puller.calls
    assert call[1] is not None
    assert (call[0], call[1].id, call[1].license) == (SOURCE, "qwen3-0.6b", "Apache-2.0")


async def test_a_source_is_pulled_once_at_a_time(pulls: Pulls, puller: ScriptedPuller):
    first = pulls.start(SOURCE)
    assert pulls.start(SOURCE).id == first.id
    puller.gate.set()
    await ended(pulls, first.id)
    assert pulls.start(SOURCE).id != first.id


async def test_a_failure_says_what_to_do(pulls: Pulls, puller: ScriptedPuller):
    puller.error = OperatorError("The disk is full. Free 400 MB.")
    puller.gate.set()
    failed = await ended(pulls, pulls.start(SOURCE).id)
    assert failed.state == "failed"
    assert failed.error == Failure("operator_error", "The disk is full. Free 400 MB.")


async def test_an_unexpected_failure_is_in_the_log(pulls: Pulls, puller: ScriptedPuller, caplog):
    puller.error = RuntimeError("secret")
    puller.gate.set()
    failed = await ended(pulls, pulls.start(SOURCE).id)
    assert failed.error is not None
    assert "secret" not in failed.error.message
    assert failed.id in failed.error.message
    assert failed.id in caplog.text


async def test_a_pull_can_be_cancelled_also_before_its_first_step(
    pulls: Pulls, puller: ScriptedPuller
):
    at_once = pulls.start(SOURCE)
    pulls.cancel(at_once.id)
    assert (await ended(pulls, at_once.id)).state == "cancelled"
    assert puller.calls == []
    later = pulls.start(SOURCE)
    watcher = pulls.watch()
    while not any(pull.done_bytes for pull in await anext(watcher)):
        pass
    pulls.cancel(later.id)
    assert (await ended(pulls, later.id)).state == "cancelled"
    assert puller.cancelled == 1
    pulls.cancel(later.id)
    with pytest.raises(NotFound):
        pulls.cancel("pull_unknown")


async def test_closing_ends_every_pull_and_every_watch(pulls: Pulls, puller: ScriptedPuller):
    pulls.start(SOURCE)
    pulls.start("starter")
    watcher = pulls.watch()
    await anext(watcher)
    await pulls.close()
    async with asyncio.timeout(DEADLINE_S):
        assert [pull.state for changed in [c async for c in watcher] for pull in changed]
    assert [pull.state for pull in pulls.list()] == ["cancelled", "cancelled"]


@pytest.mark.parametrize("source", ["", "/etc/passwd", "hf:", "http://example.org/model"])
async def test_only_known_sources_are_pulled(pulls: Pulls, source: str):
    with pytest.raises(InvalidRequest):
        pulls.start(source)
    assert pulls.list() == []


async def test_only_the_latest_ends_are_remembered(pulls: Pulls, puller: ScriptedPuller):
    puller.gate.set()
    for number in range(MOST_KEPT + 5):
        await ended(pulls, pulls.start(f"hf:owner/model-{number}").id)
    await pulls.close()
    sources = [pull.source for pull in pulls.list()]
    assert sources == [f"hf:owner/model-{number}" for number in range(5, MOST_KEPT + 5)]
