"""Instructions that are sent at times: written by their owner, run by ``scheduling``."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError
from sqlalchemy import func, select, update

from consigne.business.caller import Caller
from consigne.chat.belongings import many_lines, mine, one_line, own_row, person
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest
from consigne.domain.ids import new_id
from consigne.store.assist_tables import ScheduleRow
from consigne.store.db import Database

LONGEST_NAME = 80
LONGEST_TEXT = 20_000
MOST_SCHEDULES = 50
LEAST_MINUTES = 15
"""Schedules do not come closer than this."""


class Schedule(msgspec.Struct, frozen=True):
    """An instruction and its times."""

    id: str
    name: str
    text: str
    model: str
    cron: str
    time_zone: str
    conversation_id: str | None
    paused: bool
    unread: bool
    running: bool
    next_at: datetime | None
    last_at: datetime | None
    last_state: str | None
    last_error: str | None


class NewSchedule(msgspec.Struct, frozen=True):
    """What is to be sent, and when: five fields as of cron, in a time zone."""

    name: str
    text: str
    cron: str
    time_zone: str
    model: str = ""


def next_time(cron: str, time_zone: str, after: datetime) -> datetime:
    """Return the first time of a schedule after an instant.

    A time that daylight saving skips comes right after the gap; one that it doubles comes once.

    Raises:
        InvalidRequest: The fields or the zone are none, or there is no such time.
    """
    try:
        zone = ZoneInfo(time_zone)
    except (ValueError, OSError, KeyError):
        raise InvalidRequest(
            f"'{time_zone[:60]}' is no time zone; 'Europe/Paris' is one.", param="time_zone"
        ) from None
    try:
        return next(CronSim(cron, after.astimezone(zone))).astimezone(sources.now().tzinfo)
    except (CronSimError, StopIteration):
        raise InvalidRequest(
            "cron has five fields (minute, hour, day, month, weekday) such as '0 8 * * 1-5'.",
            param="cron",
        ) from None


class Schedules:
    """Keeps schedules, each its owner's alone."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, caller: Caller) -> tuple[Schedule, ...]:
        """Return the caller's schedules by name."""
        wanted = select(ScheduleRow).where(
            mine(ScheduleRow, caller), ScheduleRow.deleted_at.is_(None)
        )
        async with self._db.reading() as session:
            found = [as_schedule(row) for row in await session.scalars(wanted)]
        return tuple(sorted(found, key=lambda found: (found.name.casefold(), found.id)))

    async def create(self, caller: Caller, new: NewSchedule) -> Schedule:
        """Schedule an instruction.

        Raises:
            InvalidRequest: Something is empty, too long or no time, or comes too often.
            Conflict: There are too many already.
            NotPermitted: The caller is no person.
        """
        row = ScheduleRow(
            id=new_id("sched"),
            organisation_id=caller.organisation_id,
            workspace_id=caller.workspace_id,
            user_id=person(caller, "Schedules"),
            paused=False,
            unread=False,
            created_at=sources.now(),
        )
        _write(row, new)
        async with self._db.session() as session:
            have = select(func.count()).where(
                mine(ScheduleRow, caller), ScheduleRow.deleted_at.is_(None)
            )
            if (await session.scalar(have) or 0) >= MOST_SCHEDULES:
                raise Conflict(f"There can be {MOST_SCHEDULES} schedules. Delete one first.")
            session.add(row)
        return as_schedule(row)

    async def change(self, caller: Caller, schedule_id: str, new: NewSchedule) -> Schedule:
        """Change a schedule.

        Raises:
            NotFound: The caller has no such schedule.
            InvalidRequest: See ``create``.
        """
        async with self._db.session() as session:
            row = await own_row(session, ScheduleRow, caller, schedule_id, "sched", "schedule")
            _write(row, new)
        return as_schedule(row)

    async def pause(self, caller: Caller, schedule_id: str, *, paused: bool) -> Schedule:
        """Pause a schedule or resume it; what it missed meanwhile it does not make up for.

        Raises:
            NotFound: The caller has no such schedule.
        """
        async with self._db.session() as session:
            row = await own_row(session, ScheduleRow, caller, schedule_id, "sched", "schedule")
            row.paused = paused
            row.next_at = None if paused else next_time(row.cron, row.time_zone, sources.now())
        return as_schedule(row)

    async def run_now(self, caller: Caller, schedule_id: str) -> Schedule:
        """Let a schedule run at once, beside its times.

        Raises:
            NotFound: The caller has no such schedule.
            Conflict: It is running, or paused.
        """
        async with self._db.session() as session:
            row = await own_row(session, ScheduleRow, caller, schedule_id, "sched", "schedule")
            if row.pending_at is not None:
                raise Conflict("It is running already.")
            if row.paused:
                raise Conflict("It is paused. Resume it first.")
            row.next_at = sources.now()
        return as_schedule(row)

    async def read(self, caller: Caller, conversation_id: str) -> None:
        """Take what ran in a conversation as seen by its owner."""
        async with self._db.session() as session:
            await session.execute(
                update(ScheduleRow)
                .where(
                    mine(ScheduleRow, caller),
                    ScheduleRow.conversation_id == conversation_id,
                    ScheduleRow.unread.is_(True),
                )
                .values(unread=False)
            )

    async def delete(self, caller: Caller, schedule_id: str) -> None:
        """Delete a schedule, not what it wrote; it can be restored for a day.

        Raises:
            NotFound: The caller has no such schedule.
        """
        async with self._db.session() as session:
            row = await own_row(session, ScheduleRow, caller, schedule_id, "sched", "schedule")
            row.deleted_at, row.next_at = sources.now(), None

    async def restore(self, caller: Caller, schedule_id: str) -> Schedule:
        """Undo a deletion.

        Raises:
            NotFound: The caller never had such a schedule, or it is gone for good.
        """
        async with self._db.session() as session:
            row = await own_row(
                session, ScheduleRow, caller, schedule_id, "sched", "schedule", deleted=True
            )
            row.deleted_at = None
            if not row.paused:
                row.next_at = next_time(row.cron, row.time_zone, sources.now())
        return as_schedule(row)


def _write(row: ScheduleRow, new: NewSchedule) -> None:
    now = sources.now()
    first = next_time(new.cron, new.time_zone, now)
    # Lists and ranges can put two times close together anywhere in the day.
    at, earliest = first, float("inf")
    for _ in range(100):
        later = next_time(new.cron, new.time_zone, at)
        earliest, at = min(earliest, (later - at).total_seconds()), later
    if earliest < LEAST_MINUTES * 60:
        raise InvalidRequest(f"It may run every {LEAST_MINUTES} minutes at most.", param="cron")
    row.name = one_line(new.name, "name", LONGEST_NAME)
    row.text = many_lines(new.text, "text", LONGEST_TEXT)
    row.model, row.cron, row.time_zone = new.model, " ".join(new.cron.split()), new.time_zone
    row.next_at = None if row.paused else first


def as_schedule(row: ScheduleRow) -> Schedule:
    """Return a stored schedule."""
    return Schedule(
        id=row.id,
        name=row.name,
        text=row.text,
        model=row.model,
        cron=row.cron,
        time_zone=row.time_zone,
        conversation_id=row.conversation_id,
        paused=row.paused,
        unread=row.unread,
        running=row.pending_at is not None,
        next_at=row.next_at,
        last_at=row.last_at,
        last_state=row.last_state,
        last_error=row.last_error,
    )
