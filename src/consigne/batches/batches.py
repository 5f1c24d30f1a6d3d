"""Batches: made, listed, cancelled, deleted, and their results read."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from consigne.batches import repository
from consigne.batches.runner import Runner
from consigne.batches.values import RESULTS_KEPT, Api, Batch, Dialect, NewBatch
from consigne.business.caller import Caller
from consigne.business.files import Files
from consigne.domain import sources
from consigne.domain.errors import Conflict, ConsigneError, InvalidRequest, NotFound
from consigne.gateway.traffic import Traffic
from consigne.jobs.runtime import Jobs, Kind
from consigne.store.db import Database
from consigne.store.objects import Content

log = logging.getLogger(__name__)

JOB = "batch"
ABANDONED_AFTER = timedelta(days=1)
"""After so long a batch that is still being received is no more than a crash's remains."""


class Batches:
    """The batches of all workspaces, each seen by its own alone."""

    def __init__(self, db: Database, files: Files, jobs: Jobs, traffic: Traffic) -> None:
        self._db = db
        self._files = files
        self._jobs = jobs
        self._runner = Runner(db, files, traffic)
        self._submitting: set[asyncio.Task[None]] = set()
        runner = self._runner
        steps = (("prepare", runner.prepare), ("run", runner.run), ("finish", runner.finish))
        jobs.register(JOB, Kind(steps, runner.give_up))

    def answer_through(self, api: Api) -> None:
        """Say what answers the requests; before the first batch runs."""
        self._runner.api = api

    def serves(self, endpoint: str) -> bool:
        """Say whether requests to this path can be batched."""
        return self._runner.api is not None and self._runner.api.serves(endpoint)

    async def start(self) -> None:
        """Go on with the batches that an earlier process left."""
        async with self._db.reading() as session:
            left = await repository.unfinished(session)
        for batch_id in left:
            await self._jobs.submit(JOB, batch_id)

    async def close(self) -> None:
        """Stop; batches that run go on when the service starts again."""
        await asyncio.gather(*self._submitting, return_exceptions=True)
        await self._jobs.close()

    async def create(self, caller: Caller, new: NewBatch, lines: AsyncIterator[bytes]) -> Batch:
        """Make a batch from the lines of its requests; it begins by itself."""
        async with self._db.session() as session:
            batch = await repository.add(session, caller, new)
        try:
            await self._files.objects.put(batch.input_key, lines)
            return await self._begin(batch)
        except BaseException:
            await self._forget(batch)
            raise

    async def create_from_file(self, caller: Caller, new: NewBatch) -> Batch:
        """Make a batch from a file of requests; it begins by itself, with checking the file.

        Raises:
            NotFound: There is no such file.
            InvalidRequest: The file is not meant for batches.
        """
        assert new.input_file_id is not None
        try:
            file = await self._files.get(caller, new.input_file_id)
        except NotFound as error:
            error.param = "input_file_id"
            raise
        if file.purpose != "batch":
            raise InvalidRequest(
                f"The file {file.id} has the purpose '{file.purpose}'; "
                "a batch needs one with the purpose 'batch'.",
                param="input_file_id",
            )
        async with self._db.session() as session:
            batch = await repository.add(session, caller, new)
        try:
            # The file may be deleted while the batch runs.
            await self._files.copy(caller, file.id, batch.input_key)
            return await self._begin(batch)
        except BaseException:
            await self._forget(batch)
            raise

    async def get(self, caller: Caller, dialect: Dialect, batch_id: str) -> Batch:
        """Return one batch.

        Raises:
            NotFound: The workspace has none of this id.
        """
        async with self._db.reading() as session:
            return await repository.find(session, caller, dialect, batch_id)

    async def list(
        self, caller: Caller, dialect: Dialect, limit: int, after: str = "", before: str = ""
    ) -> tuple[Sequence[Batch], bool]:
        """Return a page of the workspace's batches, newest first, and whether there are more."""
        async with self._db.reading() as session:
            return await repository.page(session, caller, dialect, limit, after, before)

    async def cancel(self, caller: Caller, dialect: Dialect, batch_id: str) -> Batch:
        """Ask a batch to end; its requests that run are stopped.

        Raises:
            NotFound: The workspace has none of this id.
            Conflict: It has ended.
        """
        async with self._db.session() as session:
            batch = await repository.find(session, caller, dialect, batch_id)
            if batch.ended:
                raise Conflict(f"The batch {batch_id} can't be cancelled: it is {batch.state}.")
            await repository.change(
                session,
                batch,
                only_from=("validating", "in_progress"),
                state="cancelling",
                cancelled_at=sources.now(),
            )
            batch = await repository.find(session, caller, dialect, batch_id)
        self._runner.stop(batch.id)
        return batch

    async def delete(self, caller: Caller, dialect: Dialect, batch_id: str) -> None:
        """Delete a batch that has ended, and its results.

        Raises:
            NotFound: The workspace has none of this id.
            InvalidRequest: It has not ended.
        """
        batch = await self.get(caller, dialect, batch_id)
        if not batch.ended:
            raise InvalidRequest(
                f"The batch {batch_id} is still being processed; cancel it first.", param="batch_id"
            )
        await self._forget(batch)

    async def results(self, caller: Caller, batch_id: str) -> Content:
        """Open the results of an Anthropic batch.

        Raises:
            NotFound: The workspace has no batch of this id, or its results are gone.
            InvalidRequest: It has not ended.
        """
        batch = await self.get(caller, "anthropic", batch_id)
        if not batch.ended:
            raise InvalidRequest(
                f"The batch {batch_id} has no results yet: it is still being processed.",
                param="batch_id",
            )
        if batch.archived_at is not None:
            raise NotFound(f"The results of {batch_id} are no longer kept.", param="batch_id")
        return await self._files.objects.get(batch.results_key)

    async def sweep(self) -> int:
        """Drop results that are too old and what a crash left; count them."""
        now = sources.now()
        async with self._db.reading() as session:
            found = await repository.stale(session, now - ABANDONED_AFTER, now - RESULTS_KEPT)
        for batch in found:
            if batch.state == "receiving":
                await self._forget(batch)
                continue
            await self._files.objects.delete(batch.results_key)
            ended = (batch.state,)
            async with self._db.session() as session:
                await repository.change(session, batch, only_from=ended, archived_at=now)
        return len(found)

    async def _begin(self, batch: Batch) -> Batch:
        async with self._db.session() as session:
            await repository.change(session, batch, only_from=("receiving",), state="validating")
            begun = await repository.load(session, batch.id)
        assert begun is not None
        # From here on the batch is durable; nobody needs to wait for the job runtime to start.
        task = asyncio.ensure_future(self._submit(batch.id))
        self._submitting.add(task)
        task.add_done_callback(self._submitting.discard)
        return begun

    async def _submit(self, batch_id: str) -> None:
        try:
            await self._jobs.submit(JOB, batch_id)
        except Exception:
            log.exception("The batch %s waits for the next start of the service.", batch_id)

    async def _forget(self, batch: Batch) -> None:
        """Delete what is kept of a batch; the row last, so that nothing is left without one."""
        try:
            await self._files.objects.delete(batch.input_key)
            await self._files.objects.delete(batch.results_key)
        except ConsigneError:
            log.exception("The batch %s can't be deleted.", batch.id)
            raise
        async with self._db.session() as session:
            await repository.remove(session, batch)
