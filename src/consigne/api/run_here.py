"""Tools that are run here, within an answer: the model calls one, and then goes on.

``answering`` passes on the events of an answer. A call of such a tool is not among them: when the
model has ended its turn, the call is run, and told by events of its own; then the model is asked
again, with the result before it. To the reader all of it is one answer.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

import msgspec

from consigne.api.fetch_calls import FetchEvent
from consigne.api.picture_calls import PictureEvent
from consigne.api.remote_calls import RemoteEvent
from consigne.api.search_calls import SearchEvent
from consigne.domain.events import (
    AnswerBuilder,
    Event,
    Failed,
    MessageStart,
    MessageStop,
    ToolUseStart,
)
from consigne.domain.messages import (
    Message,
    Request,
    TextBlock,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.usage import Usage

MOST_ROUNDS: Final = 5
"""Turns of the model in one answer that may call these tools."""

_ENOUGH: Final = "There were as many calls as this answer may have. Go on without."

CallEvent = PictureEvent | SearchEvent | FetchEvent | RemoteEvent
Told = Event | CallEvent


class Runner(Protocol):
    """Runs one tool, for one answer."""

    def run(self, call: ToolUseBlock) -> AsyncIterator[Any]:
        """Run a call: yield what the reader is told, and at last the result for the model."""
        ...


Runners = Mapping[str, Runner]
"""The tools that are run here, by the names that the model calls them by."""


async def answering(
    request: Request,
    generate: Callable[[Request], AsyncIterator[Event]],
    runners: Runners,
    *,
    most_calls: int | None = None,
    opening: Sequence[CallEvent] = (),
) -> AsyncIterator[Told]:
    """Yield one answer with what is run for it; blocks are counted without those calls.

    Args:
        request: What the model is asked first.
        generate: Asks it.
        runners: What runs the calls.
        most_calls: How many calls are run; further ones are told to the model alone, as refused.
        opening: What the reader is told when the answer has begun.
    """
    used, blocks, started = Usage(), 0, False
    for rounds in range(1, MOST_ROUNDS + 1):
        turn = _Turn(blocks, runners)
        async with aclosing(generate(request)) as events:  # type: ignore[type-var]
            async for event in events:
                if not isinstance(event, MessageStart):
                    for told in turn.passed(event):
                        yield told
                elif not started:
                    started = True
                    yield event
                    for first in opening:
                        yield first
                turn.builder.add(event)
        if turn.stop is None:
            return
        used, blocks = used + turn.stop.usage, turn.blocks
        calls = turn.calls if turn.stop.stop_reason == "tool_use" else []
        results = []
        async with aclosing(_run(calls, runners, most_calls)) as running:
            async for step in running:
                if isinstance(step, ToolResultBlock):
                    results.append(step)
                else:
                    yield step
        most_calls = None if most_calls is None else most_calls - len(calls)
        if not calls or turn.others or rounds == MOST_ROUNDS:
            reason = "end_turn" if calls and not turn.others else turn.stop.stop_reason
            yield msgspec.structs.replace(turn.stop, usage=used, stop_reason=reason)
            return
        request = _continued(request, turn.builder, results, last=rounds + 1 == MOST_ROUNDS)


async def _run(
    calls: Sequence[ToolUseBlock], runners: Runners, most: int | None
) -> AsyncGenerator[CallEvent | ToolResultBlock, None]:
    for number, call in enumerate(calls):
        if most is not None and number >= most:
            yield ToolResultBlock(call.id, (TextBlock(_ENOUGH),), is_error=True)
            continue
        async with aclosing(runners[call.name].run(call)) as running:  # type: ignore[type-var]
            async for step in running:
                yield step


class _Turn:
    """One turn of the model, as it is passed on."""

    def __init__(self, blocks: int, runners: Runners) -> None:
        self.builder = AnswerBuilder()
        self.blocks = blocks
        """How many blocks were passed on, of all turns."""
        self.stop: MessageStop | None = None
        self.others = False
        """Whether it calls a tool that the client runs."""
        self._runners = runners
        self._places: dict[int, int] = {}
        self._hidden: set[int] = set()

    @property
    def calls(self) -> list[ToolUseBlock]:
        """The calls that are run here."""
        calls = [each for each in self.builder.content if isinstance(each, ToolUseBlock)]
        return [call for call in calls if call.name in self._runners]

    def passed(self, event: Event) -> Sequence[Event]:
        """Return the event as the reader gets it, if at all."""
        if isinstance(event, MessageStop):
            self.stop = event
            return ()
        if isinstance(event, Failed | MessageStart):
            return (event,)
        if event.index in self._hidden:
            return ()
        if isinstance(event, ToolUseStart):
            if event.name in self._runners:
                self._hidden.add(event.index)
                return ()
            self.others = True
        if event.index not in self._places:
            self._places[event.index] = self.blocks
            self.blocks += 1
        return (msgspec.structs.replace(event, index=self._places[event.index]),)


def _continued(
    request: Request, builder: AnswerBuilder, results: Sequence[Any], *, last: bool
) -> Request:
    messages = (
        *request.messages,
        Message("assistant", builder.content),
        Message("user", tuple(results)),
    )
    choice = ToolChoice("none" if last else "auto", parallel=request.tool_choice.parallel)
    return msgspec.structs.replace(request, messages=messages, tool_choice=choice)
