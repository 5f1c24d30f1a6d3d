"""The job of a batch: check its requests, answer each once, write what came of them.

Each step may be cut anywhere and runs again from its beginning. What an answered request gave is
stored, in the order it comes, in one transaction with its count; a request that has a result is
never asked again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from consigne.batches import lines, repository
from consigne.batches.recorder import Recorder
from consigne.batches.values import Api, Batch, Counts, Problem, Reply, State
from consigne.business.files import Draft, Files, Kind
from consigne.domain import sources
from consigne.domain.errors import InvalidRequest
from consigne.gateway.traffic import Traffic, in_background
from consigne.store.db import Database

log = logging.getLogger(__name__)

MOST_REQUESTS = 50_000
"""Most requests in a batch file, as the OpenAI API has it."""
MOST_PROBLEMS = 100
READ_AT_ONCE = 500
TRIES = 4
"""How often a request is asked that fails through no fault of its own."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
"""The pauses between these tries double from the first to the longest."""


class Runner:
    """Does the steps of batches' jobs."""

    def __init__(self, db: Database, files: Files, traffic: Traffic) -> None:
        self.api: Api | None = None
        self._db = db
        self._files = files
        self._traffic = traffic
        self._stops: dict[str, asyncio.Event] = {}

    def stop(self, batch_id: str) -> None:
        """Stop a batch that runs here."""
        if stop := self._stops.get(batch_id):
            stop.set()

    async def prepare(self, batch_id: str) -> None:
        """Check the requests of a batch file; those of an Anthropic batch were checked before."""
        batch = await self._load(batch_id)
        if batch is None or batch.state != "validating":
            return
        values: dict[str, Any] = {"state": "in_progress", "started_at": sources.now()}
        if batch.dialect == "openai":
            total, model, problems = await self._checked(batch)
            values |= {"total": total, "model": model}
            if problems:
                found = msgspec.json.encode(problems).decode()
                now = sources.now()
                values = {"state": "failed", "ended_at": now, "problems": found}
        async with self._db.session() as session:
            await repository.change(session, batch, only_from=("validating",), **values)
        if values["state"] == "failed":
            await self._files.objects.delete(batch.input_key)

    async def run(self, batch_id: str) -> None:
        """Answer all requests that have no result yet, until it is cancelled or expires."""
        batch = await self._load(batch_id)
        if batch is None or batch.state != "in_progress":
            return
        stop = self._stops.setdefault(batch_id, asyncio.Event())
        left = (batch.expires_at - sources.now()).total_seconds()
        work = asyncio.ensure_future(self._answer_all(batch))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            # Cancelled between the reading above and here, it is not to begin.
            current = await self._load(batch_id)
            if current is None or current.state != "in_progress":
                return
            await asyncio.wait(
                (work, stopped), timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED
            )
            if work.done():
                work.result()
        finally:
            self._stops.pop(batch_id, None)
            stopped.cancel()
            work.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)

    async def finish(self, batch_id: str) -> None:
        """Write the results to files and end the batch."""
        batch = await self._load(batch_id)
        if batch is None:
            return
        if not batch.ended:
            batch = await self._finalizing(batch)
            why = _why_unfinished(batch)
            counts = _final(batch.counts, why)
            if batch.dialect == "anthropic":
                texts = self._result_lines(batch, why, None)
                await self._files.objects.put(batch.results_key, texts)
                await self._end(batch, counts, {})
            else:
                await self._end_with_files(batch, counts, why)
        await self._files.objects.delete(batch.input_key)
        more = True
        while more:
            async with self._db.session() as session:
                more = await repository.clear_results(session, batch)

    async def give_up(self, batch_id: str) -> None:
        """End a batch whose work can't be done."""
        batch = await self._load(batch_id)
        if batch is None or batch.ended:
            return
        problem = Problem("server_error", "The batch could not go on; the operator's log says why.")
        problems = msgspec.json.encode((problem,)).decode()
        async with self._db.session() as session:
            await repository.change(
                session,
                batch,
                state="failed",
                problems=problems,
                ended_at=sources.now(),
                errored=batch.counts.total - batch.counts.succeeded,
                archived_at=sources.now() if batch.dialect == "anthropic" else None,
            )

    async def _load(self, batch_id: str) -> Batch | None:
        async with self._db.reading() as session:
            return await repository.load(session, batch_id)

    async def _checked(self, batch: Batch) -> tuple[int, str | None, list[Problem]]:
        """Return how many requests there are, the first one's model, and what is wrong."""
        seen: set[str] = set()
        problems: list[Problem] = []
        model: str | None = None
        number = 0
        try:
            async for number, line in _numbered(await self._input(batch)):
                found = lines.check(line, batch.endpoint, number)
                if isinstance(found, str) and found in seen:
                    message = f"The custom_id '{found[:100]}' is there more than once."
                    found = Problem("duplicate_custom_id", message, number, "custom_id")
                if isinstance(found, Problem):
                    problems.append(found)
                else:
                    model = model or _model(line)
                    seen.add(found)
                if len(problems) >= MOST_PROBLEMS or number > MOST_REQUESTS:
                    break
        except InvalidRequest as error:
            problems.append(Problem("invalid_json_line", error.message, number + 1))
        if not number:
            problems.append(Problem("empty_file", "The input file is empty."))
        if number > MOST_REQUESTS:
            message = f"A batch can have at most {MOST_REQUESTS:,} requests."
            problems.append(Problem("too_many_requests", message))
        return len(seen), model, problems

    async def _input(self, batch: Batch) -> AsyncIterator[tuple[int, bytes]]:
        content = await self._files.objects.get(batch.input_key)
        return lines.requests(content.chunks)

    async def _answer_all(self, batch: Batch) -> None:
        async with self._db.reading() as session:
            done = await repository.finished(session, batch)
        running: set[asyncio.Task[None]] = set()
        recorder = Recorder(self._db, batch)
        try:
            async for number, line in await self._input(batch):
                if number in done:
                    continue
                await self._traffic.enter_background()
                task = asyncio.ensure_future(self._answer(batch, recorder, number, line))
                task.add_done_callback(lambda _: self._traffic.leave_background())
                running.add(task)
                for over in [one for one in running if one.done()]:
                    running.discard(over)
                    over.result()
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await recorder.close()

    async def _answer(self, batch: Batch, recorder: Recorder, number: int, line: bytes) -> None:
        """Answer one request and store what came of it; its place in the traffic was taken."""
        item = lines.item_of(batch.dialect, line)
        with in_background():
            reply = await self._reply(batch, item)
        await recorder.record(number, lines.result_of(batch.dialect, item, reply))

    async def _reply(self, batch: Batch, item: lines.Item) -> Reply:
        assert self.api is not None
        failures = 0
        pause = FIRST_PAUSE_S
        while True:
            reply = await self.api.post(batch.caller, batch.endpoint, batch.headers, item.body)
            if reply.retry_after_s is None:
                return reply
            # Too much to do is no failure: there is time until the batch expires.
            failures += reply.status == 500
            if failures >= TRIES:
                return reply
            await asyncio.sleep(min(max(pause, reply.retry_after_s), LONGEST_PAUSE_S))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _finalizing(self, batch: Batch) -> Batch:
        """Say that the results are being written, and read the counts, which change no more."""
        async with self._db.session() as session:
            now = sources.now()
            await repository.change(
                session,
                batch,
                only_from=("validating", "in_progress"),
                state="finalizing",
                finishing_at=now,
            )
            found = await repository.load(session, batch.id)
        assert found is not None
        return found

    async def _end_with_files(self, batch: Batch, counts: Counts, why: lines.Unfinished) -> None:
        drafts: dict[str, Draft] = {}
        try:
            for column, succeeded in (("output_file_id", True), ("error_file_id", False)):
                if not (counts.succeeded if succeeded else counts.total - counts.succeeded):
                    continue
                name = f"{batch.id}_{'output' if succeeded else 'error'}.jsonl"
                texts = self._result_lines(batch, why, succeeded)
                drafts[column] = await self._files.receive(
                    batch.caller, name, "application/jsonl", texts, 2**63
                )
            await self._end(batch, counts, drafts)
        except BaseException:
            for draft in drafts.values():
                await self._files.discard(draft)
            raise

    async def _end(self, batch: Batch, counts: Counts, drafts: dict[str, Draft]) -> None:
        kind = Kind("batch_output", downloadable=True, keep_s=batch.keep_output_s)
        ids: dict[str, Any] = {column: draft.id for column, draft in drafts.items()}
        async with self._db.session() as session:
            for draft in drafts.values():
                await self._files.publish(session, draft, kind)
            await repository.change(
                session,
                batch,
                state=_end_state(batch, counts),
                ended_at=sources.now(),
                errored=counts.errored,
                canceled=counts.canceled,
                expired=counts.expired,
                **ids,
            )

    async def _result_lines(
        self, batch: Batch, why: lines.Unfinished, succeeded: bool | None
    ) -> AsyncIterator[bytes]:
        """Yield the result lines, in the order of the requests; all, or those that succeeded."""
        known: dict[int, tuple[bool, str]] = {}
        beyond = 0
        async for number, line in await self._input(batch):
            if number >= beyond:
                async with self._db.reading() as session:
                    found = await repository.results(session, batch, number, READ_AT_ONCE)
                known = {place: (ok, text) for place, ok, text in found}
                beyond = found[-1][0] + 1 if len(found) == READ_AT_ONCE else 2**62
            if number in known:
                ok, text = known.pop(number)
            else:
                item = lines.item_of(batch.dialect, line)
                ok, text = False, lines.unfinished(batch.dialect, item.custom_id, why)
            if succeeded in (None, ok):
                yield text.encode() + b"\n"


async def _numbered(
    requests: AsyncIterator[tuple[int, bytes]],
) -> AsyncIterator[tuple[int, bytes]]:
    async for number, line in requests:
        yield number + 1, line


def _model(line: bytes) -> str | None:
    found = msgspec.json.decode(line)["body"].get("model")
    return found if isinstance(found, str) else None


def _why_unfinished(batch: Batch) -> lines.Unfinished:
    """Only cancelling and the end of its time end a batch early."""
    return "canceled" if batch.state == "cancelling" else "expired"


def _final(counts: Counts, why: lines.Unfinished) -> Counts:
    """Return the counts with the requests that have no answer."""
    rest = counts.total - counts.succeeded - counts.errored
    return Counts(
        counts.total,
        counts.succeeded,
        counts.errored,
        rest if why == "canceled" else 0,
        rest if why == "expired" else 0,
    )


def _end_state(batch: Batch, counts: Counts) -> State:
    if batch.state == "cancelling":
        return "cancelled"
    return "expired" if counts.expired else "completed"
