"""Responses in the background: nothing that was told is lost, whatever happens to the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.api.openai.responses.encode import ResponseBuilder
from consigne.api.openai.responses.schemas import ResponsesBody
from consigne.business.caller import Caller
from consigne.business.identity import Identity
from consigne.domain.errors import InvalidRequest, NotFound
from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.records.rebuilt import rebuilt
from consigne.records.records import Records
from consigne.records.values import Draft
from consigne.settings import RecordSettings
from consigne.store.db import Database
from doubles.scripted import START, ScriptedGateway, Step, stop, text, thinking, tool_use
from support.clock import held_clock
from support.waiting import until

pytestmark = pytest.mark.databases

ASKED = ({"id": "msg_1", "type": "message", "role": "user", "content": []},)
MIXED: Sequence[Step] = (
    START,
    *thinking("Hm", "m"),
    *text("Hel", "lo é", index=1),
    *tool_use("f", '{"a":', ' "é"}', index=2),
)
Generate = Callable[[], AsyncIterator[Event]]


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "consigne.db")
    yield database
    await database.close()


@pytest.fixture
async def caller(db: Database) -> Caller:
    identity = Identity(db)
    return (await identity.sign_in(await identity.create_login_link())).caller


@pytest.fixture
async def records(db: Database) -> AsyncIterator[Records]:
    opened = Records(db, RecordSettings())
    yield opened
    await opened.close()


@pytest.fixture
async def lost(db: Database) -> AsyncIterator[Records]:
    """Records of a process that will be lost."""
    opened = Records(db, RecordSettings())
    yield opened
    await opened.close()


def builder(**fields: Any) -> ResponseBuilder:
    return ResponseBuilder(ResponsesBody(input="Hi", background=True, **fields), "tiny")


def playing(*script: Step) -> Generate:
    return partial(ScriptedGateway(*script).generate, Request("tiny", ()))


async def begin(records: Records, caller: Caller, *script: Step, **fields: Any) -> str:
    draft = Draft(input=ASKED, background=True)
    body = await records.background.begin(caller, draft, builder(**fields), playing(*script))
    response_id: str = body["id"]
    return response_id


async def read(records: Records, caller: Caller, response_id: str, after: int = -1) -> list[Any]:
    batches = await records.background.events(caller, response_id, after)
    async with asyncio.timeout(60):
        return [msgspec.json.decode(line) async for lines in batches for line in lines]


async def told(records: Records, caller: Caller, response_id: str, count: int) -> list[Any]:
    """Read until so many events were told."""
    seen: list[Any] = []
    batches = await records.background.events(caller, response_id)
    async with asyncio.timeout(60):
        async for lines in batches:
            seen += [msgspec.json.decode(line) for line in lines]
            if len(seen) >= count:
                return seen
    raise AssertionError(f"only {len(seen)} events")


@pytest.mark.parametrize("summary", [None, "auto"])
async def test_a_lost_process_leaves_all_that_it_told(
    lost: Records, caller: Caller, records: Records, summary: str | None
) -> None:
    fields: Any = {"reasoning": {"summary": summary}}
    response_id = await begin(lost, caller, *MIXED[:-1], asyncio.Event(), **fields)
    seen = await told(lost, caller, response_id, 20)
    await records.background.recover()
    found = await records.responses.get(caller, response_id)
    assert found.status == "failed"
    assert "stopped" in found.body["error"]["message"]
    thought, said, call = found.body["output"]
    part = thought["summary" if summary else "content"][0]
    assert part["text"] == "Hmm"
    assert said["content"][0]["text"] == "Hello é"
    assert (call["arguments"], call["status"]) == ('{"a": "é"}', "incomplete")
    events = await read(records, caller, response_id)
    assert events[:-1] == seen
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"] == found.body
    assert await read(records, caller, response_id, len(seen) - 1) == events[-1:]
    await records.background.recover()
    assert await read(records, caller, response_id) == events, "once is enough"


async def test_a_server_that_stops_ends_what_is_written(
    db: Database, caller: Caller, records: Records
) -> None:
    stopped = Records(db, RecordSettings())
    response_id = await begin(stopped, caller, *MIXED, asyncio.Event())
    await told(stopped, caller, response_id, 5)
    reading = asyncio.ensure_future(read(stopped, caller, response_id))
    await asyncio.sleep(0)
    await stopped.close()
    assert (await reading)[-1]["type"] == "response.failed"
    assert (await records.responses.get(caller, response_id)).status == "failed"


async def test_what_cannot_be_stored_is_not_told(
    db: Database, caller: Caller, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    response_id = await begin(records, caller, START, *text("a")[:2], go_on, *text("b")[1:], stop())
    seen = await told(records, caller, response_id, 6)
    following = await records.background.events(caller, response_id, len(seen) - 1)

    def full() -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(db, "session", full)
    go_on.set()
    async with asyncio.timeout(60):
        assert [lines async for lines in following if lines] == []
    monkeypatch.undo()
    await records.background.recover()
    events = await read(records, caller, response_id)
    assert events[: len(seen)] == seen
    assert events[-1]["type"] == "response.failed"


async def test_what_expires_is_deleted_and_what_is_gone_on_from_lives_on(
    db: Database, caller: Caller
) -> None:
    with held_clock() as clock:
        records = Records(db, RecordSettings(keep_days=30))
        first, old = builder().response, builder().response
        second = builder().response
        for body in (first, old, second):
            body["status"] = "completed"
        await records.responses.save(caller, first, Draft(input=ASKED))
        await records.responses.save(caller, old, Draft(input=ASKED))
        clock.move(days=20)
        await records.responses.save(caller, second, Draft(input=ASKED, previous_id=first["id"]))
        clock.move(days=20)
        await records.sweep()
        with pytest.raises(NotFound):
            await records.responses.get(caller, old["id"])
        assert len(await records.responses.history(caller, second["id"])) == 2
        clock.move(days=20)
        await records.sweep()
        with pytest.raises(NotFound):
            await records.responses.get(caller, first["id"])


async def test_a_response_that_is_written_cannot_be_gone_on_from(
    caller: Caller, records: Records
) -> None:
    never = asyncio.Event()
    response_id = await begin(records, caller, START, never)
    with pytest.raises(InvalidRequest, match="still being written"):
        await records.responses.history(caller, response_id)


async def test_many_at_once_all_end(caller: Caller, records: Records) -> None:
    ids = [await begin(records, caller, *MIXED, stop()) for _ in range(20)]
    whole = await asyncio.gather(*(read(records, caller, each) for each in ids))
    for events in whole:
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert events[-1]["type"] == "response.completed"
    await until(lambda: not records.background.running)


@given(cut=st.integers(0, 40), summary=st.sampled_from([None, "auto"]))
def test_a_response_is_rebuilt_from_any_beginning_of_its_events(cut: int, summary: Any) -> None:
    """What is rebuilt holds exactly the text that was told until there."""
    teller = builder(reasoning={"summary": summary})
    begun = msgspec.json.decode(msgspec.json.encode(teller.response))
    events = [*teller.begin()]
    for step in (*MIXED, stop()):
        assert not isinstance(step, Exception | asyncio.Event)
        events += [msgspec.json.decode(msgspec.json.encode(e)) for e in teller.add(step)]
    seen = events[:cut]
    body = rebuilt(begun, msgspec.json.decode(msgspec.json.encode(seen)))
    deltas = "".join(event["delta"] for event in seen if event["type"].endswith(".delta"))
    assert "".join(map(_written, body["output"])) == deltas
    if cut >= len(events):
        assert body["output"] == teller.response["output"]


def _written(item: dict[str, Any]) -> str:
    parts = [*item.get("summary", ()), *item.get("content", ())]
    return "".join(part["text"] for part in parts) + item.get("arguments", "")
