"""What readers rely on where a model uses tools: each step is stored, asked for, and done once."""

import asyncio

import msgspec
import pytest

from consigne.business.caller import Caller
from consigne.chat.runs import Runs
from consigne.chat.tools.base import Call, ChatTool, Outcome, ToolFailed, Words, said
from consigne.chat.tools.builtin import CALCULATOR
from consigne.chat.tools.guidance import MOST_STEPS
from consigne.chat.tools.toolbox import Toolbox
from consigne.chat.values import RunEvent, Sent, StoredMessage
from consigne.domain.errors import Conflict, NotFound
from consigne.domain.messages import Request, TextBlock, ToolResultBlock, ToolUseBlock
from doubles.scripted import START, Step, stop, text, tool_use
from support.chat import Chat, body

SUM = (START, *text("Let me see."), *tool_use("calculate", '{"expression":"17*23"}', index=1))
ASKS = (*SUM, stop("tool_use"))
SAYS = (START, *text("It is 391."), stop())


class Notes:
    """A tool that writes, and what it wrote."""

    def __init__(self, *, read_only: bool = False) -> None:
        self.written: list[str] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.tool = ChatTool(
            name="note",
            title=Words("Note", "Noter"),
            description="Write a note.",
            input_schema={"type": "object", "properties": {"text": {"type": "string"}}},
            run=self.run,
            read_only=read_only,
            timeout_s=20,
        )

    async def run(self, call: Call) -> Outcome:
        self.begun.set()
        await self.gate.wait()
        self.written.append(call.input["text"])
        return said("noted")


def notes(*calls: str) -> tuple[Step, ...]:
    uses = [
        tool_use("note", f'{{"text":"{each}"}}', index=at, call=f"toolu_{at}")
        for at, each in enumerate(calls)
    ]
    return (START, *[event for use in uses for event in use], stop("tool_use"))


async def asked(chat: Chat, *scripts: tuple[Step, ...]) -> Sent:
    chat.gateway.scripts = list(scripts)
    chat.gateway.script = SAYS
    return await chat.send(await chat.new(), "Go", model="capable")


async def seen(chat: Chat, run_id: str, kind: str) -> RunEvent:
    """Read along until an event of this kind."""
    events = await chat.runs.events(chat.caller, run_id)
    assert events is not None
    async with asyncio.timeout(60):
        async for batch in events:
            for event in batch:
                if event.kind == kind:
                    return event
    raise AssertionError(kind)


def told(chat: Chat) -> list[Request]:
    """The requests for answers; those for titles offer no tools."""
    return [request for request in chat.gateway.requests if request.tools]


async def test_a_tool_runs_and_the_model_goes_on_with_its_result(chat: Chat):
    chat.toolbox.add(CALCULATOR)
    sent = await asked(chat, ASKS)
    events = await chat.read(sent.run.id)
    kinds = [event.kind for event in events if event.kind not in ("delta", "title")]
    assert kinds == ["start", "tool_use", "tool_runs", "tool_result", "done"]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    answer = await chat.done(sent.run.id)
    assert answer.content == (
        TextBlock("Let me see."),
        ToolUseBlock("toolu_1", "calculate", {"expression": "17*23"}),
        ToolResultBlock("toolu_1", (TextBlock("17*23 = 391"),)),
        TextBlock("It is 391."),
    )
    assert (answer.state, answer.usage and answer.usage.output_tokens) == ("complete", 10)
    shown = told(chat)[1].messages
    assert [message.role for message in shown] == ["user", "assistant", "user"]
    assert shown[2].content == (ToolResultBlock("toolu_1", (TextBlock("17*23 = 391"),)),)


async def test_a_later_question_shows_the_model_what_its_tools_answered(chat: Chat):
    chat.toolbox.add(CALCULATOR)
    first = await chat.done((await asked(chat, ASKS)).run.id)
    conversation = (await chat.conversations.page(chat.caller)).conversations[0]
    await chat.ask(conversation, "And now?", first)
    roles = [message.role for message in told(chat)[-1].messages]
    assert roles == ["user", "assistant", "user", "assistant", "user"]


async def test_a_model_that_can_use_no_tools_gets_none(chat: Chat):
    chat.toolbox.add(CALCULATOR)
    sent = await chat.send(await chat.new(), "Go")
    await chat.done(sent.run.id)
    assert chat.gateway.requests[0].tools == ()
    assert chat.gateway.requests[0].system == ()


async def test_what_was_switched_off_is_not_offered(chat: Chat):
    chat.toolbox.add(CALCULATOR, Notes().tool)
    await chat.toolbox.switch(chat.caller, "note", on=False)
    await chat.done((await asked(chat)).run.id)
    assert [tool.name for tool in told(chat)[0].tools] == ["calculate"]
    with pytest.raises(NotFound):
        await chat.toolbox.switch(chat.caller, "none", on=False)


@pytest.mark.parametrize(
    ("decision", "written"), [("once", ["a"]), ("always", ["a"]), ("refuse", [])]
)
async def test_what_writes_waits_for_the_readers_leave(
    chat: Chat, decision: str, written: list[str]
):
    tool = Notes()
    chat.toolbox.add(tool.tool)
    sent = await asked(chat, notes("a"))
    assert body(await seen(chat, sent.run.id, "tool_asks"))["id"] == "toolu_0"
    await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_0", decision)
    answer = await chat.done(sent.run.id)
    assert tool.written == written
    assert [b.is_error for b in answer.content if isinstance(b, ToolResultBlock)] == [not written]
    with pytest.raises(Conflict):
        await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_0", decision)


async def test_what_was_allowed_for_the_conversation_asks_no_more_there(chat: Chat):
    tool = Notes()
    chat.toolbox.add(tool.tool)
    sent = await asked(chat, notes("a"), notes("b"))
    await seen(chat, sent.run.id, "tool_asks")
    await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_0", "always")
    await chat.done(sent.run.id)
    assert tool.written == ["a", "b"]
    other = await asked(chat, notes("c"))
    assert body(await seen(chat, other.run.id, "tool_asks"))["id"] == "toolu_0"


async def test_a_stranger_allows_nothing(chat: Chat, make_member):
    chat.toolbox.add(Notes().tool)
    sent = await asked(chat, notes("a"))
    await seen(chat, sent.run.id, "tool_asks")
    other: Caller = await make_member("bob@example.org")
    with pytest.raises(NotFound):
        await chat.runs.answer_call(other, sent.run.id, "toolu_0", "once")


async def test_calls_of_one_answer_are_all_answered_in_their_order(chat: Chat):
    tool = Notes(read_only=True)
    chat.toolbox.add(tool.tool)
    await chat.done((await asked(chat, notes("a", "b"))).run.id)
    results = told(chat)[1].messages[-1].content
    assert [b.tool_use_id for b in results if isinstance(b, ToolResultBlock)] == [
        "toolu_0",
        "toolu_1",
    ]


async def test_a_tool_that_fails_is_said_and_the_answer_goes_on(chat: Chat):
    async def fail(call: Call) -> Outcome:
        raise RuntimeError("secret") if call.input else ToolFailed("Not today.")

    broken = msgspec.structs.replace(Notes(read_only=True).tool, run=fail)
    chat.toolbox.add(broken)
    unknown = (START, *tool_use("none", "{}"), stop("tool_use"))
    empty = (START, *tool_use("note", "{}"), stop("tool_use"))
    answer = await chat.done((await asked(chat, notes("a"), empty, unknown)).run.id)
    results = [block for block in answer.content if isinstance(block, ToolResultBlock)]
    assert all(block.is_error for block in results)
    said_ = [block.content[0].text for block in results if isinstance(block.content[0], TextBlock)]
    assert "secret" not in said_[0]
    assert said_[1] == "Not today."
    assert "no tool 'none'" in said_[2]
    assert answer.state == "complete"


async def test_a_model_that_never_stops_calling_is_made_to_answer(chat: Chat):
    chat.toolbox.add(Notes(read_only=True).tool)
    sent = await asked(chat, *[notes("a")] * MOST_STEPS)
    answer = await chat.done(sent.run.id)
    assert answer.text == "It is 391."
    assert told(chat)[-1].tool_choice.kind == "none"
    assert len(told(chat)) == MOST_STEPS + 1


async def test_stopping_ends_a_tool_at_work_and_keeps_what_was_done(chat: Chat):
    tool = Notes(read_only=True)
    tool.gate.clear()
    chat.toolbox.add(tool.tool)
    sent = await asked(chat, notes("a"))
    await tool.begun.wait()
    await chat.runs.stop(chat.caller, sent.run.id)
    answer = await chat.done(sent.run.id)
    assert (answer.state, tool.written) == ("stopped", [])
    assert isinstance(answer.content[0], ToolUseBlock)


async def test_what_writes_and_was_stopped_at_work_is_not_done_again(chat: Chat):
    tool = Notes()
    tool.gate.clear()
    chat.toolbox.add(msgspec.structs.replace(tool.tool, asks=False))
    sent = await asked(chat, notes("a"))
    await tool.begun.wait()
    await chat.runs.stop(chat.caller, sent.run.id)
    answer = await chat.done(sent.run.id)
    [result] = [block for block in answer.content if isinstance(block, ToolResultBlock)]
    assert result.is_error
    tool.gate.set()
    started = await chat.runs.go_on(chat.caller, answer.id)
    assert (await chat.done(started.run.id)).text == "It is 391."
    assert tool.written == []


async def crashed(chat: Chat, sent: Sent) -> tuple[Runs, StoredMessage]:
    """Start anew on the events that a dead process left."""
    runs = Runs(chat.db, chat.gateway, toolbox=chat.toolbox)
    await runs.recover()
    threads = (await chat.conversations.page(chat.caller)).conversations
    return runs, await chat.message(threads[0], sent.answer.id)


async def test_after_a_crash_what_writes_is_not_done_twice(chat: Chat):
    tool = Notes()
    tool.gate.clear()
    chat.toolbox.add(msgspec.structs.replace(tool.tool, asks=False))
    sent = await asked(chat, notes("a"))
    await tool.begun.wait()  # its beginning is stored by now
    tool.begun.clear()
    runs, left = await crashed(chat, sent)
    assert left.state == "interrupted"
    [result] = [block for block in left.content if isinstance(block, ToolResultBlock)]
    assert result.is_error
    started = await runs.go_on(chat.caller, sent.answer.id)
    events = await runs.events(chat.caller, started.run.id)
    assert events is not None
    kinds = [event.kind async for batch in events for event in batch]
    assert "tool_runs" not in kinds
    assert not tool.begun.is_set()
    await runs.close()


async def test_after_a_crash_what_only_reads_is_done_again(chat: Chat):
    tool = Notes(read_only=True)
    tool.gate.clear()
    chat.toolbox.add(tool.tool)
    sent = await asked(chat, notes("a"))
    await seen(chat, sent.run.id, "tool_runs")
    runs, left = await crashed(chat, sent)
    assert not [block for block in left.content if isinstance(block, ToolResultBlock)]
    tool.gate.set()
    started = await runs.go_on(chat.caller, sent.answer.id)
    events = await runs.events(chat.caller, started.run.id)
    assert events is not None
    kinds = [event.kind async for batch in events for event in batch]
    assert kinds.count("tool_result") == 1
    shown = told(chat)[-1].messages
    assert [message.role for message in shown] == ["user", "assistant", "user"]
    await runs.close()


async def test_a_call_waits_for_the_page_and_takes_its_answer(chat: Chat):
    async def run(call: Call) -> Outcome:
        return said(str(await call.ask_page(timeout_s=20)))

    chat.toolbox.add(msgspec.structs.replace(Notes(read_only=True).tool, run=run, timeout_s=0.5))
    sent = await asked(chat, notes("a"))
    assert body(await seen(chat, sent.run.id, "tool_asks"))["page"]
    await chat.runs.answer_call(chat.caller, sent.run.id, "toolu_0", "42")
    answer = await chat.done(sent.run.id)
    assert answer.content[1] == ToolResultBlock("toolu_0", (TextBlock("42"),))


async def test_sources_are_numbered_once_and_kept_with_the_answer(chat: Chat):
    async def run(call: Call) -> Outcome:
        first = call.cite("A", "https://a.example/", "words")
        second = call.cite("B", "https://b.example/")
        return said(f"{first} {second} {call.cite('A again', 'https://a.example/')}")

    chat.toolbox.add(msgspec.structs.replace(Notes(read_only=True).tool, run=run))
    answer = await chat.done((await asked(chat, notes("a"))).run.id)
    assert answer.content[1] == ToolResultBlock("toolu_0", (TextBlock("1 2 1"),))
    assert [(s.number, s.title, s.url) for s in answer.sources] == [
        (1, "A", "https://a.example/"),
        (2, "B", "https://b.example/"),
    ]
    conversation = (await chat.conversations.page(chat.caller)).conversations[0]
    assert (await chat.message(conversation, answer.id)).sources == answer.sources


async def test_two_tools_of_one_name_are_a_mistake(chat: Chat):
    toolbox = Toolbox(chat.db)
    toolbox.add(CALCULATOR)
    with pytest.raises(AssertionError):
        toolbox.add(CALCULATOR)
