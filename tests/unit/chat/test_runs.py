"""What readers rely on: an answer goes on whoever looks, is never lost, and stops when told."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from consigne.business.caller import Caller
from consigne.chat.places import Change
from consigne.chat.runs import Runs
from consigne.domain.errors import Conflict, EngineCrashed, InvalidRequest, NotFound, OperatorError
from consigne.domain.messages import TextBlock, ThinkingBlock
from consigne.domain.usage import Usage
from consigne.store.db import Database
from consigne.store.tables import RunEventRow
from doubles.chat_gateway import ChatGateway, paced
from doubles.scripted import START, stop, text, thinking
from support.chat import Chat, body, collected, said, until_said

pytestmark = pytest.mark.databases


async def test_a_message_is_answered_and_both_are_kept(chat: Chat):
    conversation = await chat.new()
    sent = await chat.send(conversation, "Bonjour. Comment ça va ?")
    events = await chat.read(sent.run.id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert [events[0].kind, events[1].kind, events[-1].kind] == ["start", "title", "done"]
    assert body(events[0]) == {"message_id": sent.answer.id, "model": "tiny", "text": ""}
    assert said(events) == "Hello world"
    thread = await chat.thread(conversation)
    asked, answer = sorted(thread.messages, key=lambda message: message.role == "assistant")
    assert (asked.text, asked.state, asked.parent_id) == (
        "Bonjour. Comment ça va ?",
        "complete",
        None,
    )
    assert (answer.text, answer.state, answer.parent_id) == ("Hello world", "complete", asked.id)
    assert (answer.stop_reason, answer.usage) == ("end_turn", Usage(12, 4, 5))
    assert await chat.done(sent.run.id) == answer
    assert thread.conversation.head_id == answer.id
    assert (thread.conversation.title, thread.conversation.running) == ("Bonjour", False)


async def test_thinking_is_kept_apart_from_the_answer(chat: Chat):
    chat.gateway.script = (START, *thinking("hm", "m"), *text("Yes", index=1), stop())
    sent = await chat.send(await chat.new(), "Is it?")
    events = await chat.read(sent.run.id)
    assert "".join(body(e)["text"] for e in events if e.kind == "thinking") == "hmm"
    answer = await chat.done(sent.run.id)
    assert answer.content == (ThinkingBlock("hmm"), TextBlock("Yes"))


async def test_all_readers_see_the_same_events_whenever_they_come(chat: Chat):
    gates, chat.gateway.script = paced("one ", "two ", "three")
    sent = await chat.send(await chat.new(), "Count")
    early = asyncio.create_task(chat.read(sent.run.id))
    other = asyncio.create_task(chat.read(sent.run.id))
    gates[0].set()
    watcher = await chat.runs.events(chat.caller, sent.run.id)
    await until_said(watcher, "one ")
    late = asyncio.create_task(chat.read(sent.run.id))
    for gate in gates[1:]:
        gate.set()
    seen = [await reader for reader in (early, other, late)]
    assert seen[0] == seen[1] == seen[2]
    assert said(seen[0]) == "one two three"


@settings(max_examples=12)
@given(data=st.data(), pieces=st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=5))
async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(
    chat: Chat, data: st.DataObject, pieces: list[str]
):
    pieces = [piece.replace("\x00", "") or "x" for piece in pieces]
    gates, chat.gateway.script = paced(*pieces)
    sent = await chat.send(await chat.new(), "Go")
    whole = asyncio.create_task(chat.read(sent.run.id))
    interrupted = await chat.runs.events(chat.caller, sent.run.id)
    known = data.draw(st.integers(0, len(pieces)), label="pieces before the connection breaks")
    seen = []
    for number in range(known):
        gates[number].set()
        seen = await until_said(
            await chat.runs.events(chat.caller, sent.run.id), "".join(pieces[: number + 1])
        )
    cut = data.draw(st.integers(0, len(seen)), label="events it had")
    returned = asyncio.create_task(chat.read(sent.run.id, after=cut))
    for gate in gates:
        gate.set()
    assert seen[:cut] + await returned == await whole
    assert said(await collected(interrupted)) == "".join(pieces)


async def test_events_are_stored_before_anybody_sees_them(chat: Chat, db: Database):
    gates, chat.gateway.script = paced("one ", "two")
    sent = await chat.send(await chat.new(), "Count")
    gates[0].set()
    seen = await until_said(await chat.runs.events(chat.caller, sent.run.id), "one ")
    async with db.reading() as session:
        stored = await session.scalar(select(func.max(RunEventRow.number)))
    assert stored >= seen[-1].number
    for gate in gates:
        gate.set()
    await chat.read(sent.run.id)


async def test_a_run_that_has_ended_answers_with_its_message_alone(chat: Chat, db: Database):
    sent = await chat.send(await chat.new(), "Hi")
    events = await chat.read(sent.run.id)
    await chat.runs.close()
    again = await chat.read(sent.run.id)
    assert [event.kind for event in again] == ["start", "done"]
    assert again[-1] == events[-1]
    assert await chat.read(sent.run.id, after=2) == events[-1:]
    assert await chat.runs.events(chat.caller, sent.run.id, events[-1].number) is None
    async with db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(RunEventRow)) == 0


async def test_a_stopped_answer_keeps_what_it_had_and_frees_the_model(chat: Chat):
    gates, chat.gateway.script = paced("one ", "two")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count")
    gates[0].set()
    await until_said(await chat.runs.events(chat.caller, sent.run.id), "one ")
    await chat.runs.stop(chat.caller, sent.run.id)
    answer = await chat.done(sent.run.id)
    assert (answer.text, answer.state, answer.stop_reason) == ("one ", "stopped", "cancelled")
    assert chat.gateway.running == 0
    assert not (await chat.thread(conversation)).conversation.running
    await chat.runs.stop(chat.caller, sent.run.id)


async def test_a_run_stopped_at_once_ends_too(chat: Chat):
    _, chat.gateway.script = paced("never")
    sent = await chat.send(await chat.new(), "Count")
    await chat.runs.stop(chat.caller, sent.run.id)
    answer = await chat.done(sent.run.id)
    assert (answer.text, answer.state) == ("", "stopped")


async def test_a_failing_engine_leaves_the_reason_and_what_had_come(chat: Chat):
    crash = EngineCrashed("The model's process ended.")
    chat.gateway.script = (START, *text("Half ", "an answer")[:-1], crash)
    sent = await chat.send(await chat.new(), "Go")
    answer = await chat.done(sent.run.id)
    assert (answer.state, answer.text) == ("failed", "Half an answer")
    assert answer.error.code == "engine_crashed"
    assert answer.error.message == "The model's process ended."


@pytest.mark.parametrize("error", [RuntimeError("secret"), OperatorError("/secret/path")])
async def test_what_only_the_operator_may_know_stays_out_of_the_answer(
    chat: Chat, error: Exception, caplog
):
    chat.gateway.script = (START, error)
    sent = await chat.send(await chat.new(), "Go")
    answer = await chat.done(sent.run.id)
    assert answer.state == "failed"
    assert "secret" not in answer.error.message
    assert sent.run.id in answer.error.message
    assert sent.run.id in caplog.text


async def test_what_no_database_holds_harms_no_answer(chat: Chat):
    chat.gateway.script = (START, *text("a\x00b", "\ud83d", "é"), stop())
    answer = await chat.ask(await chat.new(), "Hi\x00 there")
    assert (answer.state, answer.text) == ("complete", "ab?é")


async def test_an_answer_without_end_has_failed(chat: Chat):
    chat.gateway.script = (START, *text("Half"))
    answer = await chat.ask(await chat.new(), "Go")
    assert (answer.state, answer.text) == ("failed", "Half")


async def test_a_message_sent_twice_is_taken_once(chat: Chat):
    gates, chat.gateway.script = paced("one")
    conversation = await chat.new()
    first, second = await asyncio.gather(
        chat.send(conversation, "Hi", client_id="same"),
        chat.send(conversation, "Hi", client_id="same"),
    )
    for gate in gates:
        gate.set()
    answer = await chat.done(first.run.id)
    third = await chat.send(conversation, "Hi", client_id="same")
    assert first == second
    assert (third.message, third.run, third.answer) == (first.message, first.run, answer)
    assert len((await chat.thread(conversation)).messages) == 2
    assert len(chat.gateway.requests) == 1


async def test_asking_again_and_editing_make_branches(chat: Chat):
    conversation = await chat.new()
    first = await chat.send(conversation, "Name a colour")
    blue = await chat.done(first.run.id)
    started = await chat.runs.answer_again(chat.caller, first.message.id)
    red = await chat.done(started.run.id)
    assert (red.parent_id, red.id != blue.id) == (first.message.id, True)
    thread = await chat.thread(conversation)
    assert thread.conversation.head_id == red.id
    edited = await chat.send(conversation, "Name a fruit")
    await chat.done(edited.run.id)
    assert edited.message.parent_id is None
    assert (await chat.thread(conversation)).messages[0] == edited.message
    asked = [request.messages[-1].text for request in chat.gateway.requests]
    assert asked == ["Name a colour", "Name a colour", "Name a fruit"]
    change = Change(head_id=first.message.id)
    back = await chat.conversations.change(chat.caller, conversation.id, change)
    assert back.head_id == red.id


async def test_the_model_reads_the_branch_it_answers_and_no_other(chat: Chat):
    conversation = await chat.new()
    first = await chat.send(conversation, "one")
    answer = await chat.done(first.run.id)
    await chat.done((await chat.runs.answer_again(chat.caller, first.message.id)).run.id)
    await chat.ask(conversation, "two", answer)
    read = [(m.role, m.text) for m in chat.gateway.requests[-1].messages]
    assert read == [("user", "one"), ("assistant", "Hello world"), ("user", "two")]


async def test_an_answer_being_written_can_t_be_followed_up(chat: Chat):
    gates, chat.gateway.script = paced("one")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Hi")
    with pytest.raises(Conflict, match="still being written"):
        await chat.send(conversation, "And?", sent.answer)
    with pytest.raises(InvalidRequest, match="follows an answer"):
        await chat.send(conversation, "And?", sent.message)
    with pytest.raises(NotFound):
        await chat.send(await chat.new(), "And?", sent.answer)
    for gate in gates:
        gate.set()
    await chat.done(sent.run.id)


async def test_wrong_messages_are_refused_and_nothing_is_kept(chat: Chat):
    conversation = await chat.new()
    with pytest.raises(InvalidRequest, match="empty"):
        await chat.send(conversation, " \n\x00")
    with pytest.raises(NotFound, match="does not exist"):
        await chat.send(conversation, "Hi", model="unknown")
    assert (await chat.thread(conversation)).messages == ()


async def test_a_cut_answer_goes_on_where_it_was_cut(chat: Chat):
    gates, chat.gateway.script = paced("The sky ", "never")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Tell")
    gates[0].set()
    await until_said(await chat.runs.events(chat.caller, sent.run.id), "The sky ")
    await chat.runs.stop(chat.caller, sent.run.id)
    await chat.done(sent.run.id)
    chat.gateway.script = (START, *text("is ", "blue."), stop())
    started = await chat.runs.go_on(chat.caller, sent.answer.id)
    assert (started.answer.id, started.answer.state) == (sent.answer.id, "running")
    events = await chat.read(started.run.id)
    assert body(events[0])["text"] == "The sky "
    assert said(events) == "is blue."
    answer = await chat.message(conversation, sent.answer.id)
    assert answer.content == (TextBlock("The sky is blue."),)
    assert (answer.state, answer.stop_reason) == ("complete", "end_turn")
    assert [m.text for m in chat.gateway.requests[-1].messages] == ["Tell", "The sky "]
    with pytest.raises(Conflict, match="nothing to go on with"):
        await chat.runs.go_on(chat.caller, sent.answer.id)
    with pytest.raises(Conflict):
        await chat.runs.go_on(chat.caller, sent.message.id)


async def test_an_answer_goes_on_once_however_often_it_is_asked(chat: Chat):
    chat.gateway.script = (START, *text("Half"), stop("max_tokens"))
    answer = await chat.ask(await chat.new(), "Tell")
    both = [chat.runs.go_on(chat.caller, answer.id) for _ in range(2)]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Started"]


async def test_an_answer_that_ended_at_its_limit_can_go_on_until_something_follows_it(chat: Chat):
    chat.gateway.script = (START, *text("Half"), stop("max_tokens"))
    conversation = await chat.new()
    answer = await chat.ask(conversation, "Tell")
    chat.gateway.script = (START, *text(" and half"), stop("max_tokens"))
    started = await chat.runs.go_on(chat.caller, answer.id)
    longer = await chat.done(started.run.id)
    assert longer.text == "Half and half"
    assert longer.usage == Usage(24, 8, 10)
    await chat.ask(conversation, "Thanks", longer)
    with pytest.raises(Conflict, match="goes on after"):
        await chat.runs.go_on(chat.caller, answer.id)


async def test_closing_interrupts_and_the_next_process_can_go_on(chat: Chat, db: Database):
    gates, chat.gateway.script = paced("one ", "never")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count")
    gates[0].set()
    reader = await chat.runs.events(chat.caller, sent.run.id)
    await until_said(reader, "one ")
    await chat.runs.close()
    assert [event.kind for event in await collected(reader)] == ["done"]
    answer = await chat.message(conversation, sent.answer.id)
    assert (answer.state, answer.text) == ("interrupted", "one ")
    chat.runs = Runs(db, ChatGateway(START, *text("two"), stop()))
    await chat.runs.recover()
    started = await chat.runs.go_on(chat.caller, answer.id)
    assert (await chat.done(started.run.id)).text == "one two"


async def test_a_process_that_died_leaves_answers_that_the_next_one_finds(
    chat: Chat, db: Database, gateway: ChatGateway
):
    gates, gateway.script = paced("one ", "never")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count")
    gates[0].set()
    seen = await until_said(await chat.runs.events(chat.caller, sent.run.id), "one ")
    survivor = Runs(db, gateway)
    await survivor.recover()
    answer = await chat.message(conversation, sent.answer.id)
    assert (answer.state, answer.text) == ("interrupted", "one ")
    events = await survivor.events(chat.caller, sent.run.id, seen[-1].number)
    assert [event.kind for event in await collected(events)] == ["done"]
    assert not (await chat.thread(conversation)).conversation.running


async def test_other_people_of_the_organisation_see_nothing(chat: Chat, make_member):
    sent = await chat.send(await chat.new(), "Hi")
    await chat.done(sent.run.id)
    other: Caller = await make_member("ada@example.org")
    for attempt in (
        chat.runs.events(other, sent.run.id),
        chat.runs.stop(other, sent.run.id),
        chat.runs.answer_again(other, sent.message.id),
        chat.runs.go_on(other, sent.answer.id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_nothing_is_shown_that_can_t_be_stored(chat: Chat, db: Database, monkeypatch, caplog):
    gates, chat.gateway.script = paced("one ", "two ", "three")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count")
    gates[0].set()
    await until_said(await chat.runs.events(chat.caller, sent.run.id), "one ")
    reader = await chat.runs.events(chat.caller, sent.run.id)

    def full() -> None:
        raise OperatorError("The disk is full.")

    session = db.session
    monkeypatch.setattr(db, "session", full)
    gates[1].set()
    events = await collected(reader)
    assert said(events) == "one "
    failed = body(events[-1])["message"]
    assert (failed["state"], failed["error"]["code"]) == ("failed", "not_saved")
    assert chat.gateway.running == 0
    assert "The disk is full." in caplog.text
    monkeypatch.setattr(db, "session", session)
    await Runs(db, chat.gateway).recover()
    answer = await chat.message(conversation, sent.answer.id)
    assert (answer.state, answer.text) == ("interrupted", "one ")
