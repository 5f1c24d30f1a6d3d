"""Models on their way to this machine: pulls in the background, and who watches them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal, Protocol

import msgspec

from consigne.domain.errors import ConsigneError, InvalidRequest, NotFound, OperatorError
from consigne.domain.ids import new_id
from consigne.engines.base import InstalledModel
from consigne.engines.downloads import Facts, Phase, Progress
from consigne.engines.downloads.sources import parse
from consigne.engines.library import ModelLibrary
from consigne.gateway.catalogue import facts_of

log = logging.getLogger(__name__)

MOST_KEPT = 20
"""Pulls that are remembered after their end."""


class Failure(msgspec.Struct, frozen=True):
    """Why a pull failed, and what to do."""

    code: str
    message: str


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """One model on its way."""

    id: str
    source: str
    model: str | None = None
    """The installed model's id, once it is."""
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    phase: Phase = "download"
    done_bytes: int = 0
    total_bytes: int | None = None
    bytes_per_s: float | None = None
    seconds_left: float | None = None
    error: Failure | None = None


class Puller(Protocol):
    """Brings a model and installs it (``engines.downloads.pull``)."""

    def __call__(
        self,
        source: str,
        library: ModelLibrary,
        *,
        progress: Callable[[Progress], None],
        facts: Facts | None,
    ) -> Awaitable[InstalledModel]:
        """Bring a model."""
        ...


class Pulls:
    """Pulls models in the background, each source once at a time."""

    def __init__(self, library: ModelLibrary, puller: Puller | None = None) -> None:
        self._library = library
        self._puller = puller
        self._pulls: dict[str, Pull] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._version = 0
        self._changed: dict[str, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    def list(self) -> "list[Pull]":
        """Return the pulls that run, and the latest that have ended, in the order they began."""
        return list(self._pulls.values())

    def start(self, source: str) -> Pull:
        """Begin a pull, or return the one of this source that is running.

        Raises:
            InvalidRequest: There is no such source.
        """
        try:
            parse(source)
        except OperatorError as error:
            raise InvalidRequest(error.message, param="source") from None
        for pull in self._pulls.values():
            if pull.source == source and pull.state == "running":
                return pull
        pull = Pull(id=new_id("pull"), source=source)
        self._set(pull)
        task = asyncio.create_task(self._run(pull.id))
        self._tasks[pull.id] = task
        task.add_done_callback(lambda _: self._over(pull.id))
        return pull

    def cancel(self, pull_id: str) -> None:
        """Cancel a pull; what was downloaded is kept for the next one of the same source.

        Raises:
            NotFound: There is no such pull.
        """
        if pull_id not in self._pulls:
            raise NotFound("There is no such pull.")
        if task := self._tasks.get(pull_id):
            task.cancel()

    async def watch(self) -> AsyncIterator[Sequence[Pull]]:
        """Yield the pulls at once (perhaps none), then those that changed, until all is closed."""
        seen = self._version
        yield self.list()
        while True:
            while self._version == seen:
                if self._closed:
                    return
                await self._next()
            before, seen = seen, self._version
            yield [p for p in self._pulls.values() if self._changed[p.id] > before]

    async def close(self) -> None:
        """Cancel every pull, let those who watch go, and return when none is running."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._wake()

    async def _run(self, pull_id: str) -> None:
        source = self._pulls[pull_id].source
        puller = self._puller or _default_puller()
        try:
            installed = await puller(
                source,
                self._library,
                progress=lambda report: self._report(pull_id, report),
                facts=facts_of(source),
            )
        except ConsigneError as error:
            self._update(pull_id, state="failed", error=Failure(error.code, error.message))
        except Exception:
            log.exception("%s: the pull of %s failed", pull_id, source)
            message = f"Something went wrong here. The operator finds it in the log: {pull_id}"
            self._update(pull_id, state="failed", error=Failure(ConsigneError.code, message))
        else:
            self._update(pull_id, state="done", model=installed.id, seconds_left=0.0)

    def _over(self, pull_id: str) -> None:
        # A task that was cancelled before its first step runs none of its own code.
        self._tasks.pop(pull_id, None)
        if self._pulls[pull_id].state == "running":
            self._update(pull_id, state="cancelled")
        ended = [pull.id for pull in self._pulls.values() if pull.state != "running"]
        for old in ended[:-MOST_KEPT]:
            del self._pulls[old], self._changed[old]

    def _report(self, pull_id: str, report: Progress) -> None:
        self._update(
            pull_id,
            phase=report.phase,
            done_bytes=report.done_bytes,
            total_bytes=report.total_bytes or None,
            bytes_per_s=report.bytes_per_s or None,
            seconds_left=report.seconds_left,
        )

    def _update(self, pull_id: str, **fields: object) -> None:
        self._set(msgspec.structs.replace(self._pulls[pull_id], **fields))

    def _set(self, pull: Pull) -> None:
        self._version += 1
        self._pulls[pull.id] = pull
        self._changed[pull.id] = self._version
        self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def _next(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


def _default_puller() -> Puller:
    from consigne.engines.downloads import pull

    return pull
