"""A conversation's title says what it is about, in one plain line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat import titles
from consigne.chat.places import Change
from consigne.domain.errors import EngineFailed
from doubles.chat_gateway import paced
from doubles.scripted import START, stop, text
from support.chat import Chat, body, until_said

LONG = "Explain to a child of ten why the sky turns red in the evening but blue at noon"


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("Hello", "Hello"),
        ("Write a poem. Make it short.", "Write a poem"),
        ("Why is the sky blue?\nBe brief", "Why is the sky blue?"),
        ("\n\n# **Quarterly** report\ntext", "Quarterly report"),
        ("- `ls -l` does what?", "ls -l does what?"),
        ("```python\nprint(1)\n```\nExplain this", "print(1)"),
        ("Read [this page](https://example.org/a.b) for me", "Read this page for me"),
        ("Pi is 3.14159 or so", "Pi is 3.14159 or so"),
        ("Wait...", "Wait..."),
        (LONG, "Explain to a child of ten why the sky turns red in the…"),
        ("x" * 100, "x" * 59 + "…"),
        ("   \n```\n```", ""),
        ("a\tb\x07c\u202ed", "a b c d"),
        ("这是什么。请解释", "这是什么。请解释"),
    ],
)
def test_the_rule_takes_the_first_sentence_without_its_markup(message: str, title: str):
    assert titles.by_rule(message) == title


@given(st.text())
def test_every_title_is_one_short_printable_line(message: str):
    for title in (titles.by_rule(message), titles.from_model(message)):
        assert len(title) <= titles.LONGEST
        assert title.isprintable()
        assert title == title.strip()


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ('"The Red Sky"', "The Red Sky"),
        ("Title: The red sky.", "The red sky"),
        ("**Titre : « Le ciel rouge »**", "Le ciel rouge"),
        ("\n\nThe red sky\nIt is red because", "The red sky"),
        ('""', ""),
        ("", ""),
    ],
)
def test_a_model_s_title_is_freed_of_its_wrapping(answer: str, title: str):
    assert titles.from_model(answer) == title


async def test_a_better_model_gives_a_better_title_beside_its_answer(chat: Chat):
    gates, answer = paced("Because ", "of dust.")
    chat.gateway.scripts = [answer, (START, *text('"The red', ' sky"'), stop())]
    conversation = await chat.new()
    sent = await chat.send(conversation, LONG, model="better")
    gates[0].set()
    reader = await chat.runs.events(chat.caller, sent.run.id)
    titles: list[object] = []
    while {"title": "The red sky"} not in titles:
        titles += [body(event) for event in await anext(reader) if event.kind == "title"]
    for gate in gates:
        gate.set()
    await chat.done(sent.run.id)
    assert (await chat.thread(conversation)).conversation.title == "The red sky"
    asked = chat.gateway.requests[1]
    assert (asked.max_tokens, asked.thinking) == (24, False)
    assert LONG in asked.messages[0].text


async def test_the_starter_is_asked_for_no_title(chat: Chat):
    await chat.ask(await chat.new(), LONG)
    await chat.runs.close()
    assert len(chat.gateway.requests) == 1


async def test_the_author_s_title_stays(chat: Chat):
    conversation = await chat.new()
    await chat.conversations.change(chat.caller, conversation.id, Change(title="  Mine \n own "))
    sent = await chat.send(conversation, "Hello there", model="better")
    await chat.done(sent.run.id)
    assert (await chat.thread(conversation)).conversation.title == "Mine own"
    assert len(chat.gateway.requests) == 1


async def test_a_title_given_while_the_model_thinks_of_one_stays(chat: Chat):
    gates, title = paced("The model's")
    answering, answer = paced("Answer")
    chat.gateway.scripts = [answer, title]
    conversation = await chat.new()
    sent = await chat.send(conversation, "Hello", model="better")
    answering[0].set()
    await until_said(await chat.runs.events(chat.caller, sent.run.id), "Answer")
    await chat.conversations.change(chat.caller, conversation.id, Change(title="Mine"))
    for gate in [*gates, *answering]:
        gate.set()
    await chat.done(sent.run.id)
    assert (await chat.thread(conversation)).conversation.title == "Mine"


async def test_no_title_from_the_model_harms_no_answer(chat: Chat, caplog):
    answer = (START, *text("Fine"), stop())
    chat.gateway.scripts = [answer, (START, EngineFailed("no"))]
    conversation = await chat.new()
    sent = await chat.send(conversation, "How are you?", model="better")
    assert (await chat.done(sent.run.id)).text == "Fine"
    assert (await chat.thread(conversation)).conversation.title == "How are you?"
