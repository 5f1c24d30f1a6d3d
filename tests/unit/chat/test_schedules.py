"""Schedules run at their times, once, also what was missed and what was cut."""

from datetime import UTC, datetime

import msgspec
import pytest

from consigne.chat.conversations import Conversations
from consigne.chat.runs import Runs
from consigne.chat.schedules import NewSchedule, Schedules, next_time
from consigne.chat.scheduling import Scheduling
from consigne.domain.errors import Conflict, InvalidRequest, NotFound
from doubles.chat_gateway import paced
from doubles.inline_jobs import InlineJobs
from support.chat import Chat
from support.clock import held_clock
from support.waiting import until

pytestmark = pytest.mark.databases

DAILY = NewSchedule("News", "What is new?", "0 8 * * *", "Europe/Paris")


class Timed:
    """Schedules with what runs them."""

    def __init__(self, chat: Chat) -> None:
        self.schedules = Schedules(chat.db)
        self.jobs = InlineJobs()
        self.conversations = Conversations(chat.db)
        self.scheduling = Scheduling(chat.db, chat.runs, self.conversations, self.jobs)

    async def run(self) -> int:
        begun = await self.scheduling.begin_due()
        await self.jobs.idle()
        return begun


@pytest.fixture
def timed(chat: Chat) -> Timed:
    return Timed(chat)


@pytest.mark.parametrize(
    ("after", "next_"),
    [
        ("2026-03-28T12:00", "2026-03-29T06:00"),  # summer time begins that night
        ("2026-10-24T12:00", "2026-10-25T07:00"),
        ("2026-11-01T07:00", "2026-11-02T07:00"),
    ],
)
def test_times_are_the_zone_s_own(after: str, next_: str):
    found = next_time(
        "0 8 * * *", "Europe/Paris", datetime.fromisoformat(after).replace(tzinfo=UTC)
    )
    assert found == datetime.fromisoformat(next_).replace(tzinfo=UTC)


def test_a_time_that_is_skipped_or_doubled_comes_once():
    zone = "Europe/Paris"
    for cron, night in (
        ("30 2 * * *", datetime(2026, 3, 28, 12, tzinfo=UTC)),
        ("30 2 * * *", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ):
        first = next_time(cron, zone, night)
        second = next_time(cron, zone, first)
        assert (second - first).total_seconds() > 20 * 3600


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "nonsense"},
        {"cron": "* * * * *"},
        {"cron": "0,5 8 * * *"},
        {"cron": "0 8 31 2 *"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"name": ""},
        {"text": ""},
    ],
)
async def test_what_is_no_schedule_is_refused(chat: Chat, timed: Timed, wrong: dict[str, str]):
    with pytest.raises(InvalidRequest):
        await timed.schedules.create(chat.caller, msgspec.structs.replace(DAILY, **wrong))


async def test_it_runs_when_due_and_once_for_all_that_was_missed(chat: Chat, timed: Timed):
    with held_clock() as clock:
        made = await timed.schedules.create(chat.caller, DAILY)
        assert await timed.run() == 0
        clock.move(days=1)
        assert await timed.run() == 1
        (ran,) = await timed.schedules.list(chat.caller)
        assert (ran.last_state, ran.unread, ran.running) == ("complete", True, False)
        assert await timed.run() == 0
        clock.move(days=5)
        assert await timed.run() == 1
        (ran,) = await timed.schedules.list(chat.caller)
        assert ran.conversation_id
        thread = await timed.conversations.thread(chat.caller, ran.conversation_id)
        assert thread.conversation.title == "News"
        assert [m.text for m in thread.messages] == ["What is new?", "Hello world"] * 2
        await timed.schedules.read(chat.caller, ran.conversation_id)
        assert not (await timed.schedules.list(chat.caller))[0].unread
        await timed.conversations.delete(chat.caller, ran.conversation_id)
        await timed.schedules.run_now(chat.caller, made.id)
        assert await timed.run() == 1
        (anew,) = await timed.schedules.list(chat.caller)
        assert anew.conversation_id != ran.conversation_id


async def test_paused_and_deleted_ones_do_not_run(chat: Chat, timed: Timed):
    with held_clock() as clock:
        made = await timed.schedules.create(chat.caller, DAILY)
        paused = await timed.schedules.pause(chat.caller, made.id, paused=True)
        assert paused.next_at is None
        with pytest.raises(Conflict):
            await timed.schedules.run_now(chat.caller, made.id)
        clock.move(days=2)
        assert await timed.run() == 0
        await timed.schedules.pause(chat.caller, made.id, paused=False)
        assert await timed.run() == 0
        await timed.schedules.delete(chat.caller, made.id)
        clock.move(days=2)
        assert await timed.run() == 0
        restored = await timed.schedules.restore(chat.caller, made.id)
        assert restored.next_at is not None


async def test_a_run_that_was_cut_goes_on_and_sends_nothing_twice(chat: Chat, timed: Timed):
    made = await timed.schedules.create(chat.caller, DAILY)
    await timed.schedules.run_now(chat.caller, made.id)
    submitted: list[str] = []

    async def note(kind: str, subject: str) -> None:
        submitted.append(subject)

    timed.jobs.submit = note  # type: ignore[method-assign]
    assert await timed.scheduling.begin_due() == 1
    assert await timed.scheduling.begin_due() == 0
    after = Timed(chat)  # the process that comes next
    await after.scheduling.start()
    await after.jobs.idle()
    await after.scheduling.close()
    await after.scheduling._answer(submitted[0])
    (ran,) = await after.schedules.list(chat.caller)
    assert ran.conversation_id
    thread = await after.conversations.thread(chat.caller, ran.conversation_id)
    assert len(thread.messages) == 2
    assert not ran.running


async def test_an_answer_that_was_cut_is_gone_on_with(chat: Chat, timed: Timed):
    gates, chat.gateway.script = paced("One, ", "two")
    made = await timed.schedules.create(chat.caller, DAILY)
    await timed.schedules.run_now(chat.caller, made.id)
    gates[0].set()
    await timed.scheduling.begin_due()
    await until(lambda: any(run._log for run in chat.runs._live.values()))
    await timed.jobs.close()  # the service ends in mid-answer
    await chat.runs.close()
    chat.gateway.script = type(chat.gateway)().script
    chat.runs = Runs(chat.db, chat.gateway)
    after = Timed(chat)
    await after.scheduling.start()
    await after.jobs.idle()
    await after.scheduling.close()
    (ran,) = await after.schedules.list(chat.caller)
    assert (ran.last_state, ran.running) == ("complete", False)
    assert ran.conversation_id
    thread = await after.conversations.thread(chat.caller, ran.conversation_id)
    assert len(thread.messages) == 2
    assert thread.messages[-1].text.endswith("Hello world")


async def test_a_run_that_fails_says_why(chat: Chat, timed: Timed):
    new = msgspec.structs.replace(DAILY, model="gone")
    made = await timed.schedules.create(chat.caller, new)
    await timed.schedules.run_now(chat.caller, made.id)
    await timed.run()
    (ran,) = await timed.schedules.list(chat.caller)
    assert (ran.last_state, ran.unread) == ("failed", True)
    assert ran.last_error


async def test_schedules_are_their_owner_s_alone(chat: Chat, timed: Timed, make_member):
    made = await timed.schedules.create(chat.caller, DAILY)
    other = await make_member("ada@example.org")
    assert await timed.schedules.list(other) == ()
    for act in (timed.schedules.delete, timed.schedules.restore, timed.schedules.run_now):
        with pytest.raises(NotFound):
            await act(other, made.id)
