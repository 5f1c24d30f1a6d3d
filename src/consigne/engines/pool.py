"""The loaded models: started when first used, stopped when idle, never beyond the memory budget."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, Protocol

import msgspec

from consigne.domain.errors import EngineFailed, Overloaded
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.engines import leased, memory
from consigne.engines.base import (
    EmbeddingEngine,
    Embeddings,
    ImageEngine,
    InstalledModel,
    Scores,
    TextEngine,
)
from consigne.engines.host import Worker
from consigne.engines.worker.protocol import Load
from consigne.settings import EngineSettings

State = Literal["idle", "loading", "ready"]

WAIT_FOR_ROOM_S: Final = 30.0
"""How long a request waits for another model's work to end, so that its own can be loaded."""


class LoadedModel(msgspec.Struct, frozen=True):
    """A model that has a process."""

    id: str
    pid: int
    """0 while the process is starting."""
    rss: int
    """Resident memory, in bytes."""
    running: int
    queued: int
    state: State


class RunningWorker(Protocol):
    """What the pool needs of a worker (``host.Worker``)."""

    alive: bool

    @property
    def pid(self) -> int:
        """The process's number."""
        ...

    def generate(self, request: Request) -> AsyncGenerator[Event, None]:
        """Generate an answer."""
        ...

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        ...

    async def score(self, request: Request) -> Scores:
        """Return how likely the request's prompt is, token by token."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text."""
        ...

    def draw(self, request: ImageRequest) -> AsyncGenerator[ImageEvent, None]:
        """Make pictures."""
        ...

    async def close(self) -> None:
        """End the process."""
        ...


StartWorker = Callable[[Load], Coroutine[Any, Any, RunningWorker]]


class _Slot:
    """One model's place in the pool."""

    def __init__(self, model: InstalledModel, need: int) -> None:
        self.model = model
        self.need = need
        self.worker: RunningWorker | None = None
        self.starting: asyncio.Task[RunningWorker] | None = None
        self.users = 0
        """Requests that hold or await its worker."""
        self.last_used = 0.0

    @property
    def state(self) -> State:
        if self.worker is not None and self.worker.alive:
            return "ready"
        return "loading" if self.starting is not None else "idle"


class EnginePool:
    """Hands out the engines of installed models and keeps their processes.

    A model is loaded by the first request for it. Room for it is made by unloading idle models,
    the least recently used first; one that is at work is never unloaded. A model whose process
    died is loaded again by the next request.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        start: StartWorker = Worker.start,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._start = start
        self._clock = clock
        self._budget = memory.budget(settings)
        self._slots: dict[str, _Slot] = {}
        self._making_room = asyncio.Lock()
        self._released = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self.restarts: dict[str, int] = {}
        """How often each model's process was started anew after it had died."""

    def text(self, model: InstalledModel) -> TextEngine:
        """Return the text engine of a model; it is loaded when first used."""
        return leased.TextEngine(self, model)

    def embedding(self, model: InstalledModel) -> EmbeddingEngine:
        """Return the embedding engine of a model; it is loaded when first used."""
        return leased.EmbeddingEngine(self, model)

    def image(self, model: InstalledModel) -> ImageEngine:
        """Return the image engine of a model; it is loaded when first used."""
        return leased.ImageEngine(self, model)

    def preload(self, model: InstalledModel) -> None:
        """Begin to load a model in the background; a failure is told to its first request."""
        slot = self._slot(model)
        if slot.state == "idle":
            self._begin(slot)

    def state(self, model_id: str) -> State:
        """Say whether a model is loaded."""
        slot = self._slots.get(model_id)
        return slot.state if slot else "idle"

    def loaded(self) -> list[LoadedModel]:
        """Return the models that have a process, with what they are at."""
        found = []
        for model_id, slot in self._slots.items():
            if slot.state == "idle":
                continue
            pid = slot.worker.pid if slot.worker else 0
            most = 1 if slot.model.modality == "image" else self._settings.max_running
            running = min(slot.users, most)
            found.append(
                LoadedModel(
                    id=model_id,
                    pid=pid,
                    rss=memory.resident_bytes(pid) if pid else 0,
                    running=running,
                    queued=slot.users - running,
                    state=slot.state,
                )
            )
        return found

    async def unload(self, model_id: str) -> None:
        """End a model's process, at work or not (its model is being removed, say)."""
        if slot := self._slots.pop(model_id, None):
            await self._stop(slot)

    async def unload_idle(self) -> None:
        """End the processes of models unused for longer than the settings allow."""
        limit = self._settings.idle_unload_s
        now = self._clock()
        for slot in list(self._slots.values()):
            if limit and slot.worker and not slot.users and now - slot.last_used >= limit:
                await self._stop(slot)

    async def close(self) -> None:
        """End all processes."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for slot in list(self._slots.values()):
            await self._stop(slot)
        self._slots.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def lease(self, model: InstalledModel, *, limit: int = 0) -> AsyncIterator[RunningWorker]:
        """Hold a model's worker, loaded if need be, for the duration of a ``with`` block.

        Args:
            model: The model.
            limit: Most holders at once; 0 is no limit.

        Raises:
            Overloaded: There are as many holders already, or no memory comes free.
            ConsigneError: The model can't be loaded, and why.
        """
        slot = self._slot(model)
        if limit and slot.users >= limit:
            raise Overloaded(
                f"The model {model.id} has {slot.users} requests to answer already. "
                "Try again in a moment."
            )
        slot.users += 1
        try:
            yield await self._worker(slot)
        finally:
            slot.users -= 1
            slot.last_used = self._clock()
            if not slot.users:
                self._spawn(self._tell_released())

    async def _worker(self, slot: _Slot) -> RunningWorker:
        if slot.worker is not None and slot.worker.alive:
            return slot.worker
        if slot.starting is None:
            self._begin(slot)
        assert slot.starting is not None
        return await asyncio.shield(slot.starting)

    def _slot(self, model: InstalledModel) -> _Slot:
        slot = self._slots.get(model.id)
        if slot is None:
            slot = self._slots[model.id] = _Slot(model, memory.needed(model, self._settings))
        slot.model = model
        return slot

    def _begin(self, slot: _Slot) -> None:
        task = slot.starting = asyncio.get_running_loop().create_task(self._load(slot))
        self._tasks.add(task)
        task.add_done_callback(self._begun)
        if self._sweeper is None and self._settings.idle_unload_s:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def _begun(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # told to those who wait; a preload's failure to the next request

    async def _load(self, slot: _Slot) -> RunningWorker:
        manifest = slot.model.manifest
        load = Load(
            path=str(slot.model.path),
            model_id=slot.model.id,
            modality=manifest.modality,
            context=manifest.context,
            settings=self._settings,
            traits=manifest.image,
        )
        try:
            async with self._making_room:
                if slot.worker is not None:  # it is dead, or nobody would load the model
                    self.restarts[slot.model.id] = self.restarts.get(slot.model.id, 0) + 1
                await self._end(slot)
                await self._make_room(slot)
                slot.worker = await self._start(load)
            slot.last_used = self._clock()
            return slot.worker
        finally:
            slot.starting = None

    async def _make_room(self, slot: _Slot) -> None:
        if slot.need > self._budget:
            raise EngineFailed(
                f"The model {slot.model.id} needs about {_gib(slot.need)} of memory; models may "
                f"take {_gib(self._budget)} here (engine.memory)."
            )
        deadline = self._clock() + WAIT_FOR_ROOM_S
        while self._used(but=slot) + slot.need > self._budget:
            if idle := self._least_recently_used(but=slot):
                await self._stop(idle)
            elif not await self._wait_released(deadline - self._clock()):
                raise Overloaded(
                    f"The model {slot.model.id} can't be loaded now: the other models at work "
                    "take the memory. Try again in a moment.",
                    retry_after=10.0,
                )

    def _used(self, but: _Slot) -> int:
        slots = self._slots.values()
        return sum(slot.need for slot in slots if slot.worker is not None and slot is not but)

    def _least_recently_used(self, but: _Slot) -> _Slot | None:
        idle = [
            slot
            for slot in self._slots.values()
            if slot.worker is not None and not slot.users and slot is not but
        ]
        return min(idle, key=lambda slot: slot.last_used, default=None)

    async def _wait_released(self, seconds: float) -> bool:
        if seconds <= 0:
            return False
        async with self._released:
            try:
                await asyncio.wait_for(self._released.wait(), seconds)
            except TimeoutError:
                return False
        return True

    async def _tell_released(self) -> None:
        async with self._released:
            self._released.notify_all()

    async def _stop(self, slot: _Slot) -> None:
        if slot.starting is not None:
            slot.starting.cancel()
            await asyncio.gather(slot.starting, return_exceptions=True)
        await self._end(slot)

    async def _end(self, slot: _Slot) -> None:
        worker, slot.worker = slot.worker, None
        if worker is not None:
            await worker.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(max(1.0, min(self._settings.idle_unload_s / 4, 60.0)))
            await self.unload_idle()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def most_requests(self) -> int:
        """How many requests a model takes before it refuses."""
        return self._settings.max_running + self._settings.max_queued

    @property
    def most_drawings(self) -> int:
        """How many requests for pictures an image model takes before it refuses."""
        return 1 + self._settings.max_queued_images


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
