"""A file of conversations is taken in beside all else: whole, once, and told how far it is."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consigne.business.caller import Caller
from consigne.chat import importing as module
from consigne.chat import portable
from consigne.chat.conversations import Conversations
from consigne.chat.importing import JOB, Importing
from consigne.chat.portable import PortableConversation, PortableMessage
from consigne.domain import sources
from consigne.domain.errors import NotFound
from consigne.domain.messages import TextBlock
from consigne.store.db import Database
from consigne.store.objects import Objects
from doubles.inline_jobs import InlineJobs

pytestmark = pytest.mark.databases

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def file_of(count: int) -> bytes:
    asked = PortableMessage("q", None, "user", (TextBlock("Hello"),), BEGAN)
    return portable.encode(
        [PortableConversation(f"No {n}", BEGAN, BEGAN, (asked,)) for n in range(count)]
    )


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body[: len(body) // 2]
    yield body[len(body) // 2 :]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open("", tmp_path / "objects")


@pytest.fixture
async def jobs() -> AsyncIterator[InlineJobs]:
    made = InlineJobs()
    yield made
    await made.close()


@pytest.fixture
def importing(db: Database, objects: Objects, jobs: InlineJobs) -> Importing:
    return Importing(db, objects, jobs)


async def titles(db: Database, caller: Caller) -> list[str]:
    page = await Conversations(db).page(caller, limit=100)
    return sorted(conversation.title for conversation in page.conversations)


async def test_a_file_is_taken_in_and_its_content_let_go_of(
    db: Database, caller: Caller, importing: Importing, jobs: InlineJobs, tmp_path: Path
) -> None:
    begun = await importing.begin(caller, "mine.json", chunks(file_of(3)))
    assert (begun.state, begun.filename) == ("running", "mine.json")
    await jobs.idle()
    done = await importing.get(caller, begun.id)
    assert (done.state, done.conversations, done.total, done.error) == ("done", 3, 3, None)
    assert await titles(db, caller) == ["No 0", "No 1", "No 2"]
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


async def test_what_was_cut_goes_on_and_takes_nothing_twice(
    db: Database,
    caller: Caller,
    importing: Importing,
    objects: Objects,
    jobs: InlineJobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH_MESSAGES", 2)  # a conversation at a time
    taken = 0

    async def cut(session, caller, user_id, given) -> None:
        nonlocal taken
        taken += 1
        if taken > 2:
            raise RuntimeError("The process ended here.")
        await add(session, caller, user_id, given)

    add = module.add_conversation
    monkeypatch.setattr(module, "add_conversation", cut)
    begun = await importing.begin(caller, "mine.json", chunks(file_of(5)))
    with pytest.raises(RuntimeError):
        await jobs.idle()
    halfway = await importing.get(caller, begun.id)
    assert (halfway.state, halfway.conversations, halfway.total) == ("running", 2, 5)
    monkeypatch.setattr(module, "add_conversation", add)
    later = InlineJobs()
    await Importing(db, objects, later).sweep()  # as the service does when it starts
    await later.idle()
    assert (await importing.get(caller, begun.id)).state == "done"
    assert await titles(db, caller) == [f"No {n}" for n in range(5)]


async def test_a_file_that_can_t_be_read_leaves_its_reason_alone(
    db: Database, caller: Caller, importing: Importing, jobs: InlineJobs
) -> None:
    begun = await importing.begin(caller, "x", chunks(b"rubbish"))
    await jobs.idle()
    failed = await importing.get(caller, begun.id)
    assert failed.state == "failed"
    assert failed.error
    assert "no file of conversations" in failed.error
    assert await titles(db, caller) == []


async def test_a_job_that_is_given_up_says_so(
    caller: Caller, importing: Importing, jobs: InlineJobs
) -> None:
    begun = await importing.begin(caller, "mine.json", chunks(file_of(0)))
    await jobs.idle()
    await jobs._kinds[JOB].on_failure(begun.id)
    assert (await importing.get(caller, begun.id)).state == "failed"


async def test_what_broke_off_on_its_way_is_no_import(
    db: Database, caller: Caller, importing: Importing
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"["
        raise ConnectionError("The browser went away.")

    with pytest.raises(ConnectionError):
        await importing.begin(caller, "mine.json", broken())
    assert await importing.sweep() == 0


async def test_an_import_is_its_owner_s_and_is_forgotten_after_a_week(
    caller: Caller,
    importing: Importing,
    jobs: InlineJobs,
    make_member: Callable[[str], Awaitable[Caller]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = await importing.begin(caller, "mine.json", chunks(file_of(1)))
    await jobs.idle()
    with pytest.raises(NotFound):
        await importing.get(await make_member("ann@example.org"), begun.id)
    later = sources.now() + timedelta(days=8)
    monkeypatch.setattr(sources, "now", lambda: later)
    assert await importing.sweep() == 1
    with pytest.raises(NotFound):
        await importing.get(caller, begun.id)
