"""Feedback is one opinion for each person and answer, and comes out as data to train on."""

import pytest

from consigne.chat.conversations import Conversations
from consigne.chat.feedback import Feedback
from consigne.domain.errors import Conflict, InvalidRequest
from doubles.chat_gateway import paced
from doubles.scripted import START, stop, text
from support.chat import Chat


@pytest.fixture
def feedback(chat: Chat) -> Feedback:
    return Feedback(chat.db)


async def exported(feedback: Feedback, chat: Chat, form: str = "ratings") -> list[dict]:
    found = feedback.export(chat.caller.organisation_id, form)  # type: ignore[arg-type]
    return [record async for record in found]


async def test_an_opinion_is_changed_and_taken_back(chat: Chat, feedback: Feedback):
    conversation = await chat.new()
    answer = await chat.ask(conversation, "Is it?")
    await feedback.give(chat.caller, answer.id, "down", ["wrong", "wrong", "slow"], "No.\x00")
    (first,) = await feedback.of_conversation(chat.caller, conversation.id)
    assert (first.rating, first.reasons, first.comment) == ("down", ("wrong", "slow"), "No.")
    await feedback.give(chat.caller, answer.id, "up", ["clear"])
    (second,) = await feedback.of_conversation(chat.caller, conversation.id)
    assert (second.rating, second.reasons, second.comment) == ("up", ("clear",), "")
    assert len(await exported(feedback, chat)) == 1
    for _ in range(2):
        await feedback.take_back(chat.caller, answer.id)
        assert await feedback.of_conversation(chat.caller, conversation.id) == ()
    assert await exported(feedback, chat) == []


async def test_only_a_whole_answer_is_rated_and_only_for_its_reasons(
    chat: Chat, feedback: Feedback
):
    _, chat.gateway.script = paced("never")
    sent = await chat.send(await chat.new(), "Go")
    with pytest.raises(Conflict):
        await feedback.give(chat.caller, sent.answer.id, "up")
    with pytest.raises(InvalidRequest, match="Only an answer"):
        await feedback.give(chat.caller, sent.message.id, "up")
    with pytest.raises(InvalidRequest, match="is no reason"):
        await feedback.give(chat.caller, sent.answer.id, "up", ["wrong"])


async def test_the_export_holds_the_whole_branch_and_how_it_was_made(
    chat: Chat, feedback: Feedback
):
    conversation = await chat.new()
    first = await chat.ask(conversation, "One?")
    second = await chat.ask(conversation, "Two?", first)
    await feedback.give(chat.caller, second.id, "down", ["incomplete"], "More, please")
    (record,) = await exported(feedback, chat)
    assert record["prompt"] == [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Hello world"},
        {"role": "user", "content": "Two?"},
    ]
    assert record["completion"] == [{"role": "assistant", "content": "Hello world"}]
    assert (record["label"], record["reasons"]) == (False, ["incomplete"])
    assert (record["comment"], record["model"]) == ("More, please", "tiny")
    assert record["user_id"] == chat.caller.user_id


async def test_a_liked_answer_beside_a_disliked_one_is_a_pair(chat: Chat, feedback: Feedback):
    conversation = await chat.new()
    worse = await chat.ask(conversation, "Which?")
    assert worse.parent_id
    chat.gateway.script = (START, *text("This one."), stop())
    again = await chat.runs.answer_again(chat.caller, worse.parent_id, "better")
    better = await chat.done(again.run.id)
    await feedback.give(chat.caller, worse.id, "down", ["wrong"])
    assert await exported(feedback, chat, "pairs") == []
    await feedback.give(chat.caller, better.id, "up")
    (pair,) = await exported(feedback, chat, "pairs")
    assert pair["prompt"] == [{"role": "user", "content": "Which?"}]
    assert [pair[side][0]["content"] for side in ("chosen", "rejected")] == [
        "This one.",
        "Hello world",
    ]
    assert (pair["chosen_model"], pair["rejected_model"]) == ("better", "tiny")
    await Conversations(chat.db).delete(chat.caller, conversation.id)
    assert await exported(feedback, chat, "pairs") == await exported(feedback, chat) == []
