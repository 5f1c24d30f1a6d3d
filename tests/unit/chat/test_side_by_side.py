"""Two models answer one question, and the reader goes on with one of the answers."""

import asyncio

import pytest

from consigne.chat.places import Change
from consigne.chat.runs import Runs
from consigne.domain.errors import InvalidRequest
from doubles.chat_gateway import paced
from doubles.scripted import START, stop, text
from support.chat import Chat

pytestmark = pytest.mark.databases


async def test_both_answers_stand_until_one_is_chosen(chat: Chat):
    conversation = await chat.new()
    chat.gateway.script = (START, *text("Mine"), stop())
    sent = await chat.send(conversation, "Hello", model="better", second_model="capable")
    assert sent.beside is not None
    first, second = await asyncio.gather(chat.done(sent.run.id), chat.done(sent.beside.run.id))
    assert (first.model, second.model) == ("better", "capable")
    assert (first.text, second.text) == ("Mine", "Mine")
    thread = await chat.thread(conversation)
    assert [message.id for message in thread.messages] == [sent.message.id, first.id]
    assert thread.beside == second
    assert thread.versions[sent.message.id] == (first.id, second.id)
    assert thread.conversation.model == "better"

    change = Change(head_id=second.id, model="capable")
    await chat.conversations.change(chat.caller, conversation.id, change)
    thread = await chat.thread(conversation)
    assert (thread.messages[-1], thread.beside) == (second, None)
    assert (await chat.ask(conversation, "And then?", second)).model == "capable"


async def test_sent_twice_it_is_one_pair(chat: Chat):
    conversation = await chat.new()
    once = await chat.send(conversation, "Hello", client_id="a", second_model="capable")
    again = await chat.send(conversation, "Hello", client_id="a", second_model="capable")
    assert once.beside
    assert again.beside
    assert (again.run, again.beside.run) == (once.run, once.beside.run)


async def test_the_pair_ends_where_the_conversation_goes_on(chat: Chat):
    conversation = await chat.new()
    sent = await chat.send(conversation, "Hello", second_model="capable")
    await chat.done(sent.run.id)
    await chat.runs.answer_again(chat.caller, sent.message.id)
    assert (await chat.thread(conversation)).beside is None


async def test_a_second_answer_that_was_stopped_goes_on_beside_the_first(chat: Chat):
    gates, chat.gateway.script = paced("one ", "two")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count", second_model="capable")
    assert sent.beside
    gates[0].set()
    await chat.runs.stop(chat.caller, sent.beside.run.id)
    stopped = await chat.done(sent.beside.run.id)
    assert stopped.state == "stopped"
    for gate in gates:
        gate.set()
    started = await chat.runs.go_on(chat.caller, stopped.id)
    done, _ = await asyncio.gather(chat.done(started.run.id), chat.done(sent.run.id))
    thread = await chat.thread(conversation)
    assert (thread.conversation.head_id, thread.beside) == (sent.answer.id, done)


async def test_a_restart_keeps_what_both_wrote(chat: Chat):
    gates, chat.gateway.script = paced("one ", "two")
    conversation = await chat.new()
    sent = await chat.send(conversation, "Count", second_model="capable")
    assert sent.beside
    gates[0].set()
    await chat.runs.close()
    chat.runs = Runs(chat.db, chat.gateway)
    await chat.runs.recover()
    thread = await chat.thread(conversation)
    assert thread.beside
    assert (thread.messages[-1].state, thread.beside.state) == ("interrupted", "interrupted")


async def test_a_model_is_not_set_against_itself(chat: Chat):
    with pytest.raises(InvalidRequest, match="two different"):
        await chat.send(await chat.new(), "Hello", model="better", second_model="better")
