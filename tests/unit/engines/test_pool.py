"""Models are loaded on first use, unloaded when idle, and never beyond the memory budget."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest

from consigne.domain.errors import EngineCrashed, EngineFailed, ModelBroken, Overloaded
from consigne.domain.events import Event, MessageStart, MessageStop
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines import memory, pool
from consigne.engines.base import Embeddings, InstalledModel, Manifest
from consigne.engines.pool import EnginePool
from consigne.engines.worker.protocol import Load
from consigne.settings import EngineSettings
from support.waiting import settled, until

GIB = 2**30
REQUEST = Request(model="", messages=())


class FakeWorker:
    """Answers when it is let go on."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.alive = True
        self.pid = 0
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.closed = False
        self.crash_before_start = False

    async def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        if self.crash_before_start:
            self.alive = False
            raise EngineCrashed("gone")
        yield MessageStart("msg_1", self.load.model_id, Usage())
        self.begun.set()
        await self.gate.wait()
        yield MessageStop("end_turn", Usage())

    async def count_tokens(self, request: Request) -> int:
        return 7

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return Embeddings(tuple((1.0,) for _ in texts), len(texts))

    async def close(self) -> None:
        self.alive = False
        self.closed = True


class Bench:
    """A pool over fake workers and a clock that is moved by hand."""

    def __init__(self, **settings: int | float) -> None:
        self.now = 0.0
        self.workers: list[FakeWorker] = []
        self.fault: Exception | None = None
        self.loading = asyncio.Event()
        self.loading.set()
        base = EngineSettings(memory=4 * GIB, kv_cache_bytes=0, idle_unload_s=600.0)
        values = {name: getattr(base, name) for name in base.__struct_fields__} | settings
        self.pool = EnginePool(EngineSettings(**values), start=self.start, clock=lambda: self.now)

    async def start(self, load: Load) -> FakeWorker:
        await self.loading.wait()
        if self.fault is not None:
            raise self.fault
        self.workers.append(FakeWorker(load))
        return self.workers[-1]

    async def use(self, model: InstalledModel) -> None:
        """Use a model to the end, at the next second."""
        self.now += 1
        assert await self.pool.text(model).count_tokens(REQUEST) == 7

    @property
    def ready(self) -> set[str]:
        return {one.id for one in self.pool.loaded() if one.state == "ready"}


def model(name: str, gib: float = 1.0) -> InstalledModel:
    weights = int((gib * GIB - memory.PROCESS_BYTES) / memory.WEIGHTS_FACTOR)
    manifest = Manifest(
        id=name, name=name, modality="text", context=64, size_bytes=weights, created=0, source="x"
    )
    return InstalledModel(Path("/nowhere"), manifest)


async def collect(engine: object, request: Request = REQUEST) -> list[Event]:
    return [event async for event in engine.generate(request)]  # type: ignore[attr-defined]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.pool.close()
    assert all(worker.closed for worker in made.workers)


async def test_a_model_is_loaded_once_by_its_first_requests(bench: Bench) -> None:
    one = model("one")
    assert bench.pool.state("one") == "idle"
    bench.loading.clear()
    requests = [asyncio.create_task(bench.use(one)) for _ in range(5)]
    await settled()
    assert bench.pool.state("one") == "loading"
    bench.loading.set()
    await asyncio.gather(*requests)
    assert bench.pool.state("one") == "ready"
    assert len(bench.workers) == 1


async def test_preloading_needs_no_request(bench: Bench) -> None:
    bench.pool.preload(model("one"))
    bench.pool.preload(model("one"))
    await bench.use(model("one"))
    assert len(bench.workers) == 1


async def test_the_least_recently_used_model_makes_room(bench: Bench) -> None:
    for name in ("one", "two", "three"):
        await bench.use(model(name, 1.3))
    await bench.use(model("one", 1.3))
    await bench.use(model("four", 1.3))
    assert bench.ready == {"one", "three", "four"}
    await bench.use(model("large", 4.0))
    assert bench.ready == {"large"}


async def test_a_model_at_work_is_never_unloaded(bench: Bench) -> None:
    busy = asyncio.create_task(collect(bench.pool.text(model("busy", 3.0))))
    await settled()
    other = asyncio.create_task(bench.use(model("other", 3.0)))
    await settled()
    assert bench.ready == {"busy"}
    bench.workers[0].gate.set()
    await busy
    await other
    assert bench.ready == {"other"}


async def test_where_no_memory_comes_free_the_request_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAIT_FOR_ROOM_S", 0.05)
    busy = asyncio.create_task(collect(bench.pool.text(model("busy", 3.0))))
    await settled()
    with pytest.raises(Overloaded, match="other models at work"):
        await bench.use(model("other", 3.0))
    bench.workers[0].gate.set()
    await busy


async def test_a_model_larger_than_the_budget_is_refused_with_figures(bench: Bench) -> None:
    with pytest.raises(EngineFailed, match=r"about 5\.0 GiB.*4\.0 GiB"):
        await bench.use(model("giant", 5.0))


async def test_idle_models_are_unloaded_and_loaded_again(bench: Bench) -> None:
    await bench.use(model("one"))
    bench.now += 599
    await bench.pool.unload_idle()
    assert bench.ready == {"one"}
    bench.now += 2
    await bench.pool.unload_idle()
    assert bench.ready == set()
    await bench.use(model("one"))
    assert len(bench.workers) == 2


async def test_a_model_at_work_for_long_is_not_idle(bench: Bench) -> None:
    busy = asyncio.create_task(collect(bench.pool.text(model("busy"))))
    await settled()
    bench.now += 10_000
    await bench.pool.unload_idle()
    assert bench.ready == {"busy"}
    bench.workers[0].gate.set()
    assert isinstance((await busy)[-1], MessageStop)


async def test_beyond_running_and_queued_requests_are_refused_at_once() -> None:
    bench = Bench(max_running=2, max_queued=1)
    engine = bench.pool.text(model("one"))
    held = [asyncio.create_task(collect(engine)) for _ in range(3)]
    await settled()
    (loaded,) = bench.pool.loaded()
    assert (loaded.running, loaded.queued) == (2, 1)
    with pytest.raises(Overloaded, match="3 requests"):
        await collect(engine)
    assert await engine.count_tokens(REQUEST) == 7  # counting is not refused
    bench.workers[0].gate.set()
    await asyncio.gather(*held)
    assert bench.pool.loaded()[0].running == 0
    await bench.pool.close()


async def test_a_dead_worker_is_replaced_by_the_next_request(bench: Bench) -> None:
    await bench.use(model("one"))
    bench.workers[0].alive = False
    assert bench.pool.state("one") == "idle"
    await bench.use(model("one"))
    assert len(bench.workers) == 2
    assert bench.workers[0].closed


async def test_an_answer_that_had_not_begun_is_given_to_the_new_worker(bench: Bench) -> None:
    await bench.use(model("one"))
    bench.workers[0].crash_before_start = True
    again = asyncio.create_task(collect(bench.pool.text(model("one"))))
    await until(lambda: len(bench.workers) == 2)
    bench.workers[1].gate.set()
    assert len(await again) == 2


async def test_an_answer_that_kills_every_worker_fails(bench: Bench) -> None:
    async def start(load: Load) -> FakeWorker:
        worker = FakeWorker(load)
        worker.crash_before_start = True
        bench.workers.append(worker)
        return worker

    bench.pool._start = start
    with pytest.raises(EngineCrashed):
        await collect(bench.pool.text(model("one")))
    assert len(bench.workers) == 2


async def test_a_failed_load_is_told_to_each_request_and_tried_again_by_the_next(
    bench: Bench,
) -> None:
    bench.fault = ModelBroken("The file is cut.")
    for _ in range(2):
        with pytest.raises(ModelBroken, match="cut"):
            await bench.use(model("one"))
    assert bench.pool.state("one") == "idle"
    bench.fault = None
    await bench.use(model("one"))


async def test_a_request_given_up_while_loading_leaves_the_load_going(bench: Bench) -> None:
    bench.loading.clear()
    given_up = asyncio.create_task(bench.use(model("one")))
    await settled()
    given_up.cancel()
    bench.loading.set()
    await bench.use(model("one"))
    assert len(bench.workers) == 1


async def test_removing_a_model_ends_its_process(bench: Bench) -> None:
    await bench.use(model("one"))
    await bench.pool.unload("one")
    assert bench.ready == set()
    assert bench.workers[0].closed


async def test_embedding_engines_are_held_the_same_way(bench: Bench) -> None:
    found = await bench.pool.embedding(model("mini")).embed(["a", "b"])
    assert found.vectors == ((1.0,), (1.0,))


async def test_closing_while_a_model_loads_ends_the_load() -> None:
    bench = Bench()
    bench.loading.clear()
    bench.pool.preload(model("one"))
    await settled()
    await bench.pool.close()
    assert bench.pool.state("one") == "idle"
