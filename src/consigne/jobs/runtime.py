"""The job runtime: DBOS over a SQLite file of its own.

DBOS keeps which jobs there are and which of their steps are done; it runs on threads and an event
loop of its own. The steps' work runs on the service's loop, where all else lives. What DBOS cannot
know, how far a step got, is the owner's to keep: a step that was cut runs again from its beginning.

DBOS takes more than a second to import: it starts with the first job that is submitted, and goes on
then with those that an earlier process left.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)

Work = Callable[[str], Awaitable[None]]
"""One step's work on the job's subject (a batch's id, say); running it twice does no harm."""

QUEUE = "jobs"
AT_ONCE = 8
"""Most jobs at once; each paces itself."""
POLL_S = 0.5
"""How often DBOS looks for jobs to begin. Its threads take about 1 % of a core once it runs."""
TRIES = 40
"""How often a step is tried that fails (a full disk, say) before its job is given up: for over a
day, since the pauses double from the first to an hour."""
FIRST_PAUSE_S = 1.0
_VERSION = "1"
"""Of the steps' order. DBOS takes up only jobs of its own version."""


class Kind(msgspec.Struct, frozen=True):
    """What a kind of job does."""

    steps: Sequence[tuple[str, Work]]
    """Name and work of each step, in order."""
    on_failure: Work
    """Runs when a step failed for good; the steps after it don't run."""


class Jobs:
    """Runs jobs to their end, also over the end of this process.

    One for a process: DBOS knows no more than one.
    """

    def __init__(self, path: Path, poll_s: float = POLL_S) -> None:
        self._path = path
        self._poll_s = poll_s
        self._kinds: dict[str, Kind] = {}
        self._starting: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._enqueue: Callable[[str, str], None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.ended = {"done": 0, "failed": 0}
        """How many steps ended, and how."""

    @property
    def running(self) -> int:
        """How many steps are at work."""
        return len(self._running)

    def register(self, name: str, kind: Kind) -> None:
        """Say what jobs of this kind do; before the first is submitted."""
        self._kinds[name] = kind

    async def submit(self, kind: str, subject: str) -> None:
        """Begin a job, once for each subject; it is durable when this returns."""
        await self._started()
        assert self._enqueue is not None
        await asyncio.to_thread(self._enqueue, kind, subject)

    async def close(self) -> None:
        """Stop. Jobs that run are cut, and go on when the service starts again."""
        if self._starting is None:
            return
        await asyncio.wait((self._starting,))
        if self._engine is not None:
            await asyncio.to_thread(_destroy, self._engine)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._starting = self._engine = self._enqueue = None

    async def _started(self) -> None:
        if self._starting is None:
            loop = asyncio.get_running_loop()
            self._starting = asyncio.ensure_future(asyncio.to_thread(self._start, loop))
        await asyncio.shield(self._starting)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Launch DBOS; blocks for a second or two, so it runs in a thread."""
        from dbos import DBOS, SetWorkflowID

        self._engine = _create_engine(self._path)
        DBOS(
            config={
                "name": "consigne",
                "system_database_url": f"sqlite:///{self._path}",
                "system_database_engine": self._engine,
                "application_version": _VERSION,
                "executor_id": "consigne",
                "log_level": "ERROR",
                "use_listen_notify": False,
            }
        )
        _join_our_log()

        async def on_loop(subject: str, work: Work) -> None:
            await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(self._tracked(subject, work), loop)
            )

        # A job that was cut by many restarts is as good as any other.
        @DBOS.workflow(name="job", max_recovery_attempts=None)
        async def job(name: str, subject: str) -> None:
            kind = self._kinds[name]
            try:
                for step, work in kind.steps:
                    await DBOS.run_step_async(_options(step), on_loop, subject, work)
            except Exception:
                log.exception("The job %s of %s is given up.", name, subject)
                await DBOS.run_step_async(_options("give up"), on_loop, subject, kind.on_failure)

        def enqueue(name: str, subject: str) -> None:
            with SetWorkflowID(f"{name}:{subject}"):
                DBOS.enqueue_workflow(QUEUE, job, name, subject)

        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=AT_ONCE, polling_interval_sec=self._poll_s)
        self._enqueue = enqueue

    async def _tracked(self, subject: str, work: Work) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await work(subject)
            self.ended["done"] += 1
        except Exception as error:
            self.ended["failed"] += 1
            log.exception("A step of the job of %s failed; it is tried again later.", subject)
            # DBOS stores the error, so it must be one that any process can read.
            raise RuntimeError(str(error)) from None
        finally:
            self._running.discard(task)


def _options(step: str) -> Any:
    return {
        "name": step,
        "retries_allowed": True,
        "max_attempts": TRIES,
        "interval_seconds": FIRST_PAUSE_S,
        "backoff_rate": 2.0,
    }


def _create_engine(path: Path) -> "Engine":
    """Open the file so that a step costs a millisecond: a log ahead, synced at checkpoints."""
    from sqlalchemy import create_engine, event

    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(f"sqlite:///{path}")

    def tune(connection: Any, _record: object) -> None:
        for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", tune)
    return engine


def _join_our_log() -> None:
    """Let DBOS write where all else writes, instead of to a stream of its own."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True


def _destroy(engine: "Engine") -> None:
    from dbos import DBOS

    DBOS.destroy(destroy_registry=True)
    engine.dispose()
