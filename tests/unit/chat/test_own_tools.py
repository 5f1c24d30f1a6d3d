"""Models remember facts and read skills for the person they talk with, and for nobody else."""

from pathlib import Path

import pytest

from consigne.chat.guiding import Guiding
from consigne.chat.personal import Instructions, Personal
from consigne.chat.runs import Runs
from consigne.chat.skills import Skills
from consigne.chat.tools.own_tools import OwnTools
from consigne.domain.messages import TextBlock, ToolResultBlock
from doubles.scripted import START, stop, text, tool_use
from support.chat import Chat

SAYS = (START, *text("Done."), stop())


@pytest.fixture
def skills(chat: Chat, tmp_path: Path) -> Skills:
    skills = Skills(chat.db, tmp_path / "skills")
    personal = Personal(chat.db)
    chat.toolbox.add_source(OwnTools(personal, skills))
    chat.runs = Runs(chat.db, chat.gateway, Guiding(personal, skills), chat.toolbox)
    return skills


def add_skill(folder: Path) -> None:
    made = folder / "skills" / "invoices"
    made.mkdir(parents=True)
    (made / "SKILL.md").write_text(
        "---\nname: invoices\ndescription: Writes payment reminders.\n---\nBe polite."
    )
    (made / "tone.md").write_text("Calm.")


async def called(chat: Chat, name: str, given: str, decision: str = "") -> ToolResultBlock:
    """Let a model call a tool; return what it was answered."""
    chat.gateway.scripts = [(START, *tool_use(name, given), stop("tool_use"))]
    chat.gateway.script = SAYS
    sent = await chat.send(await chat.new(), "Write the invoices", model="capable")
    events = await chat.runs.events(chat.caller, sent.run.id)
    assert events is not None
    async for batch in events:
        if decision and any(event.kind == "tool_asks" for event in batch):
            await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_1", decision)
    answer = await chat.done(sent.run.id)
    return next(block for block in answer.content if isinstance(block, ToolResultBlock))


def offered(chat: Chat) -> list[str]:
    asked = next(r for r in chat.gateway.requests if r.thinking is not False)
    return [tool.name for tool in asked.tools]


async def test_a_model_remembers_once_the_reader_allows_it(chat: Chat, skills: Skills):
    personal = Personal(chat.db)
    result = await called(chat, "remember", '{"fact":"Likes tea"}', "refuse")
    assert result.is_error
    assert (await personal.known(chat.caller)).facts == ()
    result = await called(chat, "remember", '{"fact":"Likes tea"}', "once")
    assert result.content == (TextBlock("Remembered: Likes tea"),)
    (fact,) = (await personal.known(chat.caller)).facts
    assert (fact.text, fact.source) == ("Likes tea", "model")


async def test_where_memory_is_off_and_no_skill_is_there_nothing_is_offered(
    chat: Chat, skills: Skills, make_member
):
    await Personal(chat.db).instruct(chat.caller, Instructions(memory_enabled=False))
    chat.gateway.script = SAYS
    await chat.done((await chat.send(await chat.new(), "Hello", model="capable")).run.id)
    assert offered(chat) == []
    other = await make_member("ada@example.org")
    assert [each.tool.name for each in await chat.toolbox.switches(other)] == ["remember"]


async def test_a_model_reads_the_skills_that_it_is_told_of(
    chat: Chat, skills: Skills, tmp_path: Path
):
    add_skill(tmp_path)
    result = await called(chat, "load_skill", '{"name":"invoices"}')
    assert result.content == (TextBlock("Be polite.\n\nIts files:\n- tone.md"),)
    assert offered(chat) == ["remember", "load_skill"]
    told = "\n".join(block.text for block in chat.gateway.requests[0].system)
    assert "- invoices: Writes payment reminders." in told
    assert "Be polite." not in told
    result = await called(chat, "load_skill", '{"name":"invoices","file":"tone.md"}')
    assert result.content == (TextBlock("Calm."),)
    assert (await called(chat, "load_skill", '{"name":"none"}')).is_error


async def test_a_model_without_tools_is_given_the_skill_that_fits(
    chat: Chat, skills: Skills, tmp_path: Path
):
    add_skill(tmp_path)
    await chat.ask(await chat.new(), "Write the invoices")
    told = "\n".join(block.text for block in chat.gateway.requests[0].system)
    assert "Be polite." in told
