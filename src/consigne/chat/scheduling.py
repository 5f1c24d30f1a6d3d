"""Runs scheduled instructions: each due one is a durable job, and a turn of its conversation.

What came due while the service was down runs once when it starts again, however often it was
missed. A run that the end of the process cut goes on where it was.
"""

import asyncio
import logging
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Update, select, update

from consigne.business.caller import ROLES, Caller
from consigne.chat.conversations import Conversations
from consigne.chat.places import Change
from consigne.chat.runs import Runs
from consigne.chat.schedules import next_time
from consigne.chat.turns import Question
from consigne.chat.values import StoredMessage
from consigne.domain import sources
from consigne.domain.errors import ConsigneError, InvalidRequest, NotFound
from consigne.jobs.runtime import Jobs, Kind
from consigne.store.assist_tables import ScheduleRow
from consigne.store.db import Database
from consigne.store.tables import MembershipRow, UserRow

log = logging.getLogger(__name__)

JOB = "schedule"
LOOK_EVERY_S = 10.0
_AT_ONCE = 100


class Scheduling:
    """Sends what is due."""

    def __init__(self, db: Database, runs: Runs, conversations: Conversations, jobs: Jobs) -> None:
        self._db = db
        self._runs = runs
        self._conversations = conversations
        self._jobs = jobs
        self._loop: asyncio.Task[None] | None = None
        jobs.register(JOB, Kind((("answer", self._answer),), self._give_up))

    async def start(self) -> None:
        """Go on with the runs that an earlier process left, then look for due ones for ever."""
        async with self._db.reading() as session:
            left = await session.execute(
                select(ScheduleRow.organisation_id, ScheduleRow.id, ScheduleRow.pending_at).where(
                    ScheduleRow.pending_at.is_not(None)
                )
            )
            subjects = [_subject(owner, schedule, due) for owner, schedule, due in left if due]
        for subject in subjects:
            await self._jobs.submit(JOB, subject)
        self._loop = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Look no more; runs that go on are the jobs' to stop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def begin_due(self, organisation_id: str = "") -> int:
        """Begin what is due by now, of one organisation or of all; return how many there were."""
        now, begun = sources.now(), 0
        async with self._db.reading() as session:
            wanted = (
                select(ScheduleRow)
                .where(ScheduleRow.next_at <= now, ScheduleRow.deleted_at.is_(None))
                .order_by(ScheduleRow.next_at)
                .limit(_AT_ONCE)
            )
            if organisation_id:
                wanted = wanted.where(ScheduleRow.organisation_id == organisation_id)
            due = list(await session.scalars(wanted))
        for row in due:
            assert row.next_at is not None
            if await self._claim(row, row.next_at, now):
                await self._jobs.submit(JOB, _subject(row.organisation_id, row.id, row.next_at))
                begun += 1
        return begun

    async def _look(self) -> None:
        while True:
            try:
                await self.begin_due()
            except Exception:
                log.exception("Scheduled instructions could not be looked for.")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _claim(self, row: ScheduleRow, due: datetime, now: datetime) -> bool:
        """Take a due run, unless another replica did or the one before still goes on."""
        try:
            later: datetime | None = next_time(row.cron, row.time_zone, now)
        except InvalidRequest:
            later = None
        async with self._db.session() as session:
            taken = await session.execute(
                update(ScheduleRow)
                .where(
                    ScheduleRow.id == row.id,
                    ScheduleRow.organisation_id == row.organisation_id,
                    ScheduleRow.next_at == due,
                    ScheduleRow.pending_at.is_(None),
                )
                .values(next_at=later, pending_at=due)
                .returning(ScheduleRow.id)
            )
            if taken.one_or_none() is not None:
                return True
            await session.execute(
                update(ScheduleRow)
                .where(
                    ScheduleRow.id == row.id,
                    ScheduleRow.organisation_id == row.organisation_id,
                    ScheduleRow.next_at == due,
                )
                .values(next_at=later)
            )
        return False

    async def _answer(self, subject: str) -> None:
        """Send the instruction and wait for its answer; running it twice sends it once."""
        row, caller, due = await self._find(subject)
        if row is None:
            return
        if caller is None or row.deleted_at is not None:
            await self._end(row, due, None, "")
            return
        try:
            answer = await self._ask(caller, row, due)
        except ConsigneError as error:
            await self._end(row, due, "failed", error.message)
            return
        await self._end(row, due, answer.state, answer.error.message if answer.error else "")

    async def _ask(self, caller: Caller, row: ScheduleRow, due: datetime) -> StoredMessage:
        conversation_id, head = await self._conversation(caller, row)
        question = Question(
            conversation_id=conversation_id,
            text=row.text,
            client_id=f"{row.id}:{_millis(due)}",
            parent_id=head,
            model=row.model,
        )
        sent = await self._runs.send(caller, question)
        answer = await self._wait(caller, sent.run.id, sent.answer)
        if answer.state == "interrupted":
            again = await self._runs.go_on(caller, answer.id)
            answer = await self._wait(caller, again.run.id, answer)
        return answer

    async def _conversation(self, caller: Caller, row: ScheduleRow) -> tuple[str, str | None]:
        """Return where to send, and after which answer; it is made if it is not there."""
        if row.conversation_id is not None:
            try:
                thread = await self._conversations.thread(caller, row.conversation_id)
            except NotFound:
                pass
            else:
                last = thread.messages[-1] if thread.messages else None
                head = last.id if last and last.role == "assistant" else None
                return row.conversation_id, head
        made = await self._conversations.create(caller, model=row.model)
        await self._conversations.change(caller, made.id, Change(title=row.name))
        async with self._db.session() as session:
            await session.execute(_of(row).values(conversation_id=made.id))
        return made.id, None

    async def _wait(self, caller: Caller, run_id: str, answer: StoredMessage) -> StoredMessage:
        events = await self._runs.events(caller, run_id)
        if events is None:
            return answer
        last = b""
        async for batch in events:
            last = batch[-1].data if batch else last
        return msgspec.json.decode(last, type=_Done).message

    async def _end(self, row: ScheduleRow, due: datetime, state: str | None, error: str) -> None:
        values: dict[str, Any] = {"pending_at": None}
        if state is not None:
            values |= {"last_at": due, "last_state": state, "last_error": error, "unread": True}
        async with self._db.session() as session:
            await session.execute(_of(row).values(**values))

    async def _give_up(self, subject: str) -> None:
        row, _, due = await self._find(subject)
        if row is not None:
            await self._end(row, due, "failed", "It failed too often.")

    async def _find(self, subject: str) -> tuple[ScheduleRow | None, Caller | None, datetime]:
        """Return a run's schedule, and its owner if they are still a member."""
        organisation_id, schedule_id, millis = subject.split(":")
        due = datetime.fromtimestamp(int(millis) / 1000, sources.now().tzinfo)
        async with self._db.reading() as session:
            row = await session.scalar(
                select(ScheduleRow).where(
                    ScheduleRow.id == schedule_id, ScheduleRow.organisation_id == organisation_id
                )
            )
            if row is None:
                return None, None, due
            found = await session.execute(
                select(MembershipRow.role, UserRow.name)
                .join(UserRow, UserRow.id == MembershipRow.user_id)
                .where(
                    MembershipRow.organisation_id == row.organisation_id,
                    MembershipRow.user_id == row.user_id,
                )
            )
            member = found.one_or_none()
        if member is None:
            return row, None, due
        role = next(role for role in ROLES if role == member[0])
        caller = Caller(row.organisation_id, row.workspace_id, row.user_id, None, role, member[1])
        return row, caller, due


class _Done(msgspec.Struct, frozen=True):
    """The body of a run's last event."""

    message: StoredMessage


def _of(row: ScheduleRow) -> Update:
    return update(ScheduleRow).where(
        ScheduleRow.id == row.id, ScheduleRow.organisation_id == row.organisation_id
    )


def _subject(organisation_id: str, schedule_id: str, due: datetime) -> str:
    """Return the name of one run: it is begun once, and sends its instruction once."""
    return f"{organisation_id}:{schedule_id}:{_millis(due)}"


def _millis(due: datetime) -> int:
    return round(due.timestamp() * 1000)
