"""Responses in the background: the server owns each generation, whoever reads along.

A response's events are stored before they are sent, so that the end of the process loses nothing
that anybody saw. They stay as long as the response: it can be read again from any of them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.domain.errors import ConsigneError, InvalidRequest, OperatorError
from consigne.gateway import metering
from consigne.records import repository
from consigne.records.rebuilt import rebuilt
from consigne.records.responses import Responses
from consigne.records.values import RUNNING, Draft, Json, StoredResponse
from consigne.store.db import Database
from consigne.store.responses_tables import ResponseEventsRow, ResponseRow

log = logging.getLogger(__name__)

INTERVAL_S = 0.05
"""Least time between two transactions of one response."""

STOPPED = "The service was stopped while this response was being written."
NOT_SAVED = "The response could not be saved. Tell the service's operator."


class Teller(Protocol):
    """Folds an answer's events into a response, and tells each step."""

    response: Json

    def begin(self) -> Iterable[Json]:
        """Return the events that come before any of the answer."""
        ...

    def add(self, event: Any) -> Iterable[Json]:
        """Take the next event of the answer and return those that tell of it."""
        ...

    def fail(self, error: ConsigneError) -> Json:
        """Return the event that ends the response with an error."""
        ...

    def cancel(self) -> Json:
        """Return the event that ends the response because it was cancelled."""
        ...


class _Live:
    """One response that is written, and those who read it."""

    def __init__(self, caller: Caller, teller: Teller, draft: Draft) -> None:
        self.caller = caller
        self.teller = teller
        self.draft = draft
        self.id: str = teller.response["id"]
        self.pending: list[bytes] = []
        self.told: list[bytes] = []
        self.ended = asyncio.Event()
        """Nothing more will be told."""
        self.cut: Literal["cancelled", "stopped", "failed"] | None = None
        self.work: asyncio.Task[None] | None = None
        self.use: metering.Use | None = None
        """What it counts to; it outlives the request that began it."""
        self.wake = asyncio.Event()
        self.status: str = teller.response["status"]
        """As it is stored."""
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self, steps: Iterable[Json]) -> None:
        """Let events wait to be stored."""
        self.pending.extend(msgspec.json.encode(step) for step in steps)
        self.wake.set()

    def publish(self, lines: Sequence[bytes]) -> None:
        """Let the readers have events; they are stored."""
        self.told.extend(lines)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def end(self) -> None:
        """Let the readers go."""
        self.ended.set()
        self.publish(())

    def break_off(self, cut: Literal["cancelled", "stopped", "failed"]) -> None:
        """End the generation now; what it wrote is kept."""
        if self.cut is None and self.work is not None and not self.work.done():
            self.cut = cut
            self.work.cancel()

    async def follow(self, after: int) -> AsyncIterator[Sequence[bytes]]:
        """Yield the events after a sequence number, those at hand together, until the end."""
        seen = after + 1
        while True:
            if ready := self.told[seen:]:
                seen += len(ready)
                yield ready
            elif self.ended.is_set():
                return
            else:
                await self._next()

    async def _next(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Background:
    """Begins, feeds, cancels and remembers responses in the background."""

    def __init__(self, db: Database, responses: Responses, keep_days: int) -> None:
        self._db = db
        self._responses = responses
        self._keep_days = keep_days
        self._live: dict[str, _Live] = {}
        self._owners: set[asyncio.Task[None]] = set()

    async def begin(
        self,
        caller: Caller,
        draft: Draft,
        teller: Teller,
        generate: Callable[[], AsyncIterator[Any]],
    ) -> Json:
        """Store a response as queued, begin to write it, and return it as it is stored."""
        live = _Live(caller, teller, draft)
        live.tell(teller.begin())
        live.status = teller.response["status"]
        queued: Json = msgspec.json.decode(msgspec.json.encode(teller.response))
        async with self._db.session() as session:
            expires_at = repository.expiry(self._keep_days)
            await repository.add_response(session, caller, queued, draft, expires_at)
            await self._responses.renew(session, caller, draft, expires_at)
        self._live[live.id] = live
        live.use = metering.current()
        if live.use is not None:
            live.use.enter()
        live.work = asyncio.create_task(_write(live, generate))
        owner = asyncio.create_task(self._own(live))
        self._owners.add(owner)
        owner.add_done_callback(self._owners.discard)
        return queued

    async def events(
        self, caller: Caller, response_id: str, after: int = -1
    ) -> AsyncIterator[Sequence[bytes]]:
        """Return a response's events after a sequence number, until its end.

        Raises:
            NotFound: The caller has no such response.
            InvalidRequest: It was not written in the background.
        """
        live = self._live.get(response_id)  # first: one that ends meanwhile is stored by then
        found = await self._responses.get(caller, response_id)
        if not found.background:
            raise InvalidRequest(
                "Only responses that were made with 'background' can be streamed again.",
                param="stream",
            )
        return live.follow(after) if live else self._stored(caller, response_id, after)

    async def cancel(self, caller: Caller, response_id: str) -> StoredResponse:
        """Cancel a response and return it; one that has ended stays as it is.

        Raises:
            NotFound: The caller has no such response.
            InvalidRequest: It was not made in the background.
        """
        found = await self._responses.get(caller, response_id)
        if not found.background:
            raise InvalidRequest(
                "Only responses that were made with 'background' can be cancelled.", param="id"
            )
        if live := self._live.get(response_id):
            live.break_off("cancelled")
            await live.ended.wait()
        return await self._responses.get(caller, response_id)

    async def delete(self, caller: Caller, response_id: str) -> None:
        """Delete a response; one that is written is cancelled first.

        Raises:
            NotFound: The caller has no such response.
        """
        if (await self._responses.get(caller, response_id)).background:
            await self.cancel(caller, response_id)
        await self._responses.delete(caller, response_id)

    @property
    def running(self) -> int:
        """How many are written now."""
        return len(self._live)

    async def recover(self) -> None:
        """Mark what the last process left unfinished as failed, with all that it had told."""
        left = select(ResponseRow).where(ResponseRow.status.in_(RUNNING))
        async with self._db.session() as session:
            for row in (await session.scalars(left)).all():
                await _give_up(session, row)

    async def close(self) -> None:
        """Fail all that are written, and return when what they wrote is stored."""
        for live in list(self._live.values()):
            live.break_off("stopped")
        if self._owners:
            await asyncio.wait(self._owners)

    async def _own(self, live: _Live) -> None:
        """See a response to its end. This task is never cancelled, so each has an end."""
        assert live.work is not None
        clock = asyncio.get_running_loop().time
        live.work.add_done_callback(lambda _: live.wake.set())
        while not live.work.done():
            await live.wake.wait()
            live.wake.clear()
            began = clock()
            await self._store(live)
            if not live.work.done():
                pause = asyncio.ensure_future(asyncio.sleep(began + INTERVAL_S - clock()))
                await asyncio.wait((pause, live.work), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
        _conclude(live)
        await self._store(live, last=True)
        del self._live[live.id]
        if live.use is not None:
            live.use.leave()
        live.end()

    async def _store(self, live: _Live, *, last: bool = False) -> None:
        """Store what waits, then publish it; nobody may read what is not stored."""
        lines, live.pending = live.pending, []
        try:
            async with self._db.session() as session:
                if lines:
                    session.add(_events_row(live, lines))
                if last:
                    await self._finish(session, live)
                elif live.status != live.teller.response["status"]:
                    await self._note_status(session, live)
        except Exception:
            log.exception("%s: the response can't be saved", live.id)
            live.pending = [] if last else lines + live.pending
            live.break_off("failed")
            return
        live.publish(lines)

    async def _note_status(self, session: AsyncSession, live: _Live) -> None:
        """Let those who ask meanwhile know that it is under way."""
        live.status = live.teller.response["status"]
        if live.status in RUNNING and (row := await self._row(session, live)) is not None:
            row.status = live.status
            row.body = repository.encoded(live.teller.response | {"output": []})

    async def _row(self, session: AsyncSession, live: _Live) -> ResponseRow | None:
        mine = repository.mine(ResponseRow, live.caller)
        return await session.scalar(select(ResponseRow).where(ResponseRow.id == live.id, mine))

    async def _finish(self, session: AsyncSession, live: _Live) -> None:
        body = live.teller.response
        row = await self._row(session, live)
        if row is None:
            return
        row.status, row.body = body["status"], repository.encoded(body)
        outputs = [("output", item) for item in body["output"]]
        first = len(live.draft.input)
        repository.add_items(session, live.caller, live.id, outputs, first=first)
        await self._responses.converse(session, live.caller, body, live.draft)

    async def _stored(
        self, caller: Caller, response_id: str, after: int
    ) -> AsyncIterator[Sequence[bytes]]:
        async with self._db.reading() as session:
            lines = await _lines(session, caller.organisation_id, response_id)
        if ready := lines[after + 1 :]:
            yield ready


async def _write(live: _Live, generate: Callable[[], AsyncIterator[Any]]) -> None:
    events = generate()
    try:
        async for event in events:
            live.tell(live.teller.add(event))
    finally:
        if close := getattr(events, "aclose", None):
            await close()


def _conclude(live: _Live) -> None:
    """Tell how a response ended, if its answer has not told that itself."""
    assert live.work is not None
    if live.teller.response["status"] not in RUNNING:
        if not live.work.cancelled():
            live.work.exception()
        return
    if not live.work.cancelled():
        live.tell([live.teller.fail(_told(live, live.work.exception()))])
    elif live.cut == "cancelled":
        live.tell([live.teller.cancel()])
    else:
        reason = NOT_SAVED if live.cut == "failed" else STOPPED
        live.tell([live.teller.fail(ConsigneError(reason))])


def _told(live: _Live, error: BaseException | None) -> ConsigneError:
    if isinstance(error, ConsigneError) and not isinstance(error, OperatorError):
        return error
    log.error("%s: the response failed", live.id, exc_info=error)
    return ConsigneError(f"Something went wrong here. The operator finds it in the log: {live.id}")


def _events_row(live: _Live, lines: Sequence[bytes]) -> ResponseEventsRow:
    return ResponseEventsRow(
        response_id=live.id,
        first=len(live.told),
        organisation_id=live.caller.organisation_id,
        lines=b"\n".join(lines).decode(),
    )


async def _lines(session: AsyncSession, organisation_id: str, response_id: str) -> list[bytes]:
    rows = await session.scalars(
        select(ResponseEventsRow.lines)
        .where(
            ResponseEventsRow.response_id == response_id,
            ResponseEventsRow.organisation_id == organisation_id,
        )
        .order_by(ResponseEventsRow.first)
    )
    return [line.encode() for lines in rows for line in lines.split("\n")]


async def _give_up(session: AsyncSession, row: ResponseRow) -> None:
    """Fail a response that nobody writes any more, with all that it had told."""
    lines = await _lines(session, row.organisation_id, row.id)
    error = {"code": "server_error", "message": STOPPED}
    body = rebuilt(repository.decoded(row.body), map(msgspec.json.decode, lines))
    body |= {"status": "failed", "error": error}
    failed = {"type": "response.failed", "sequence_number": len(lines), "response": body}
    session.add(
        ResponseEventsRow(
            response_id=row.id,
            first=len(lines),
            organisation_id=row.organisation_id,
            lines=repository.encoded(failed),
        )
    )
    row.status, row.body = "failed", repository.encoded(body)
