"""The tool loop of one run: the model calls, tools answer, the model goes on.

Every step is an event that is stored before anybody sees it: ``tool_use`` when a call is whole,
``tool_asks`` when it waits for the reader's leave, ``tool_runs`` when it begins, ``tool_progress``
as it tells how far it is, ``tool_result`` when it has answered. A tool that changes something
begins only once its beginning is stored, so that after a crash it is known that it may have done
its work, and it is not run again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from consigne.business.caller import Caller
from consigne.chat.live import Ending, LiveRun
from consigne.chat.tools.base import ChatTool, Growing, Outcome, ToolFailed, refused
from consigne.chat.tools.limits import as_seen, fitted, of_unknown_outcome, step_aside
from consigne.domain.errors import ConsigneError, OperatorError
from consigne.domain.events import AnswerBuilder, Event, MessageStop, TextDelta, ThinkingDelta
from consigne.domain.messages import (
    ContentBlock,
    Json,
    Message,
    Request,
    TextBlock,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model
from consigne.domain.usage import Usage

log = logging.getLogger(__name__)

APPROVAL_TIMEOUT_S = 3600.0
"""How long a call waits for its reader's leave."""

_ENOUGH = "You have used all the steps there are for this answer. Answer now with what you have."


class Generator(Protocol):
    """What the loop needs of the gateway."""

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer."""
        ...


class Keeper(Protocol):
    """Remembers what was allowed for the whole of a conversation, and keeps what tools make."""

    async def allowed(self, person: Caller, conversation_id: str, name: str) -> bool:
        """Say whether a tool was."""
        ...

    async def allow(self, person: Caller, conversation_id: str, name: str) -> None:
        """Remember that it was."""
        ...

    async def seen(
        self, person: Caller, model: Model, content: Sequence[ContentBlock]
    ) -> Sequence[ContentBlock]:
        """Return what tools answered as a model is shown it."""
        ...


class Loop:
    """Generates the answer of one run, with the tools it is offered."""

    def __init__(
        self,
        gateway: Generator,
        run: LiveRun,
        person: Caller,
        tools: Mapping[str, ChatTool],
        keeper: Keeper,
        noted: Callable[[LiveRun], None],
        unoffered: Mapping[str, ChatTool] | None = None,
    ) -> None:
        self._gateway = gateway
        self._run = run
        self._person = person
        self._tools = tools
        self._keeper = keeper
        self._unoffered = unoffered or {}
        """Tools that the model is not told of, but the run may call."""
        self._noted = noted
        """Has what the run wrote stored soon, and published then."""

    async def catch_up(self) -> None:
        """Answer the calls that an earlier run left unanswered, where the message ends with them.

        They never began, or change nothing: see ``unanswered``.
        """
        await self._answer(unanswered(self._run.content))

    async def call(self, call: ToolUseBlock) -> ToolResultBlock:
        """Call a tool without any model asking for it, as a step of the answer."""
        return (await self._answer([self._noted_call(call)]))[0]

    async def feed(
        self,
        request: Request,
        model: Model,
        *,
        most_steps: int,
        first: ToolChoice | None = None,
        written: Callable[[], None] = lambda: None,
    ) -> Ending:
        """Generate until the model calls no tool any more.

        Args:
            request: The first request; what is called and answered is added to it.
            model: The one that answers.
            most_steps: After so many rounds of calls the model must answer.
            first: How the model must begin, where it may not choose.
            written: Told after each piece of text.

        Raises:
            ConsigneError: The generation failed.
        """
        usage = Usage()
        if first is not None:
            request = msgspec.structs.replace(request, tool_choice=first)
        for step in range(most_steps + 1):
            if step == most_steps and self._tools:
                request = _last(request)
            request = step_aside(request, model)
            content, stop = await self._generate(request, written)
            usage += stop.usage
            calls = [block for block in content if isinstance(block, ToolUseBlock)]
            if stop.stop_reason != "tool_use" or not calls or step == most_steps:
                return Ending("complete", stop_reason=stop.stop_reason, usage=usage)
            calls = [self._noted_call(call) for call in calls]
            answers = await self._keeper.seen(self._person, model, await self._answer(calls, model))
            results = [as_seen(block, model) for block in answers]
            request = msgspec.structs.replace(
                request,
                tool_choice=ToolChoice(),
                messages=_with(request.messages, content, tuple(results)),
            )
        raise AssertionError

    async def _generate(
        self, request: Request, written: Callable[[], None]
    ) -> tuple[tuple[ContentBlock, ...], MessageStop]:
        events = self._gateway.generate(request)
        builder = AnswerBuilder()
        try:
            async for event in events:
                builder.add(event)
                match event:
                    case TextDelta():
                        self._run.write("delta", event.text)
                    case ThinkingDelta():
                        self._run.write("thinking", event.thinking)
                    case MessageStop():
                        return builder.content, event
                    case _:
                        continue
                self._noted(self._run)
                written()
        finally:
            if close := getattr(events, "aclose", None):
                await close()
        raise ConsigneError("The model's answer has no end.")

    def _noted_call(self, call: ToolUseBlock) -> ToolUseBlock:
        self._run.add_block("tool_use", call)
        self._noted(self._run)
        return call

    async def _answer(
        self, calls: Sequence[ToolUseBlock], model: Model | None = None
    ) -> list[ToolResultBlock]:
        if not calls:
            return []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(call, model)) for call in calls]
        return [task.result() for task in tasks]

    async def _one(self, call: ToolUseBlock, model: Model | None) -> ToolResultBlock:
        outcome = fitted(await self._outcome(call), model)
        block = ToolResultBlock(call.id, outcome.content, outcome.is_error)
        self._run.add_block("tool_result", block)
        self._noted(self._run)
        return block

    async def _outcome(self, call: ToolUseBlock) -> Outcome:
        tool = self._tools.get(call.name) or self._unoffered.get(call.name)
        if tool is None:
            return refused(f"There is no tool {call.name!r} here. Use another, or answer without.")
        if not await self._may(tool, call):
            return refused("The reader did not allow this. Do not try again; go on without it.")
        used = _Use(call, self._run, self._person, self._noted)
        self._run.say("tool_runs", {"id": call.id, "writes": not tool.read_only})
        self._noted(self._run)
        if not tool.read_only:
            await self._run.stored()
        try:
            async with asyncio.timeout(None) as clock:
                used.clock = clock
                used.wind(tool.timeout_s)
                return await tool.run(used)
        except asyncio.CancelledError:
            if not tool.read_only:  # else an answer that goes on would let it run again
                self._run.add_block("tool_result", of_unknown_outcome(call.id))
            raise
        except ToolFailed as error:
            return refused(str(error))
        except TimeoutError:
            return refused(f"The tool was given up after {tool.timeout_s:.0f} seconds.")
        except ConsigneError as error:
            if isinstance(error, OperatorError):
                log.warning("the tool %s failed: %s", tool.name, error.message)
            return refused(error.message)
        except Exception:
            log.exception("the tool %s failed", tool.name)
            return refused("Something went wrong in the tool. Go on without it.")

    async def _may(self, tool: ChatTool, call: ToolUseBlock) -> bool:
        if not tool.needs_approval:
            return True
        where = self._run.conversation_id
        if await self._keeper.allowed(self._person, where, tool.name):
            return True
        waits = ask(self._run, call.id)
        self._run.say("tool_asks", {"id": call.id, "name": tool.name, "title": tool.title})
        self._noted(self._run)
        try:
            async with asyncio.timeout(APPROVAL_TIMEOUT_S):
                decision = await waits
        except TimeoutError:
            return False
        finally:
            self._run.asked.pop(call.id, None)
        if decision == "always":
            await self._keeper.allow(self._person, where, tool.name)
        return decision in ("once", "always")


class _Use:
    """One call as its tool sees it; see ``Call``."""

    clock: asyncio.Timeout

    def __init__(
        self, call: ToolUseBlock, run: LiveRun, person: Caller, noted: Callable[[LiveRun], None]
    ) -> None:
        self.id = call.id
        self.name = call.name
        self.input: Json = call.input
        self.person = person
        self.conversation_id = run.conversation_id
        self.message_id = run.message.id
        self._run = run
        self._noted = noted
        self._seconds = 0.0

    def wind(self, seconds: float) -> None:
        """Let the tool have so much time from now on."""
        self._seconds = seconds
        self.clock.reschedule(asyncio.get_running_loop().time() + seconds)

    def cite(self, title: str, url: str, passage: str = "") -> int:
        number = self._run.cite(title, url, passage)
        self._noted(self._run)
        return number

    def progress(self, done: int, total: int, growing: Growing | None = None) -> None:
        told: Json = {"id": self.id, "done": done, "total": total}
        if growing is not None:
            told["growing"] = msgspec.to_builtins(growing)
        self._run.say("tool_progress", told)
        self._noted(self._run)

    async def ask_page(self, *, timeout_s: float) -> Any:
        self.clock.reschedule(None)
        waits = ask(self._run, self.id)
        self._run.say("tool_asks", {"id": self.id, "name": self.name, "page": True})
        self._noted(self._run)
        try:
            async with asyncio.timeout(timeout_s):
                return await waits
        except TimeoutError:
            raise ToolFailed("No page of the reader's answered in time.") from None
        finally:
            self._run.asked.pop(self.id, None)
            self.wind(self._seconds)


def ask(run: LiveRun, call: str) -> asyncio.Future[Any]:
    """Return what the reader's answer to a call will be put in."""
    waits: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    run.asked[call] = waits
    return waits


def unanswered(content: Sequence[ContentBlock]) -> list[ToolUseBlock]:
    """Return the calls that have no result, if nothing follows them."""
    answered = {block.tool_use_id for block in content if isinstance(block, ToolResultBlock)}
    waiting: list[ToolUseBlock] = []
    for block in content:
        match block:
            case ToolUseBlock():
                if block.id not in answered:
                    waiting.append(block)
            case TextBlock():
                waiting = []
            case _:
                pass
    return waiting


def _with(
    messages: tuple[Message, ...],
    content: tuple[ContentBlock, ...],
    results: tuple[ContentBlock, ...],
) -> tuple[Message, ...]:
    if messages and messages[-1].role == "assistant":  # the answer was gone on with
        *before, last = messages
        messages, content = tuple(before), (*last.content, *content)
    return (*messages, Message("assistant", content), Message("user", results))


def _last(request: Request) -> Request:
    """Return a request that must be answered without any further call."""
    *before, last = request.messages
    told = Message(last.role, (*last.content, TextBlock(_ENOUGH)))
    return msgspec.structs.replace(
        request, messages=(*before, told), tool_choice=ToolChoice("none")
    )
