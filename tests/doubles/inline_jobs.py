"""Jobs that run at once in the tests' own event loop, each step once."""

import asyncio

from consigne.jobs.runtime import Jobs, Kind


class InlineJobs(Jobs):
    """Keeps nothing: what is cut stays cut until somebody submits it again."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, kind: str, subject: str) -> None:
        """Begin a job."""
        task = asyncio.ensure_future(self._work(kind, subject))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, kind: str, subject: str) -> None:
        for _, work in self._kinds[kind].steps:
            await work(subject)

    async def idle(self) -> None:
        """Wait until all jobs are over."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Cut what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
