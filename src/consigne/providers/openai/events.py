"""Chunks of a chat completion as the domain's events."""

from collections.abc import Sequence

from consigne.domain.events import (
    BlockStop,
    Event,
    InputDelta,
    MessageStart,
    MessageStop,
    StopReason,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    ToolUseStart,
)
from consigne.domain.ids import new_id
from consigne.domain.usage import Usage
from consigne.providers.openai.wire import Call, Choice, Chunk, token_logprobs

_STOP_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class Unreadable(Exception):
    """The chunks don't add up to an answer."""


class EventReader:
    """Reads one answer: pieces of text, thinking and calls become blocks, one after the other."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._started = False
        self._index = -1
        self._kind = ""
        """Of the open block: text, thinking, or tool and the call's number; empty if none is."""
        self._calls = 0
        self._refused = False
        self._usage = Usage()
        self._reason: str | None = None
        self._sequence: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the answer has its end; its counts may still come."""
        return self._reason is not None

    def read(self, chunk: Chunk, found: list[Event]) -> None:
        """Add the events of a chunk to those found.

        Raises:
            Unreadable: The chunk is none of this answer.
        """
        choices = chunk.choices
        if self._kind == "text" and len(choices) == 1 and chunk.usage is None:
            choice = choices[0]
            delta = choice.delta
            if (
                delta is not None
                and delta.content
                and choice.index == 0
                and choice.finish_reason is None
                and choice.logprobs is None
            ):
                found.append(TextDelta(self._index, delta.content))
                return
        if not self._started:
            self._started = True
            found.append(MessageStart(new_id("msg"), self._model, self._usage))
        if chunk.usage is not None:
            self._usage = chunk.usage.as_usage()
        for choice in choices:
            if choice.index == 0:
                self._choice(choice, found)

    def end(self) -> list[Event]:
        """Return the events that end the answer."""
        found: list[Event] = []
        self._close(found)
        reason = _STOP_REASONS.get(self._reason or "", "end_turn")
        if self._calls and reason == "end_turn":
            reason = "tool_use"
        elif self._refused:
            reason = "refusal"
        elif self._sequence is not None and reason == "end_turn":
            reason = "stop_sequence"
        sequence = self._sequence if reason == "stop_sequence" else None
        found.append(MessageStop(reason, self._usage, sequence))
        return found

    def _choice(self, choice: Choice, found: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            if thinking := delta.reasoning_content or delta.reasoning:
                self._open("thinking", found)
                found.append(ThinkingDelta(self._index, thinking))
            text = delta.content or ""
            if delta.refusal:
                self._refused = True
                text += delta.refusal
            logprobs = token_logprobs(choice.logprobs) if choice.logprobs is not None else ()
            if text or logprobs:
                if self._kind != "text":
                    self._open("text", found)
                found.append(TextDelta(self._index, text, logprobs))
            if delta.tool_calls is not None:
                for at, call in enumerate(delta.tool_calls):
                    self._call(call, at, found)
        if choice.finish_reason:
            self._reason = choice.finish_reason
            if isinstance(choice.stop_reason, str):
                self._sequence = choice.stop_reason

    def _call(self, call: Call, at: int, found: list[Event]) -> None:
        function = call.function
        key = f"tool {at if call.index is None else call.index}"
        if key != self._kind or (call.id and function and function.name and call.index is None):
            if function is None or not function.name:
                raise Unreadable
            self._close(found)
            self._begin(key)
            self._calls += 1
            found.append(ToolUseStart(self._index, call.id or new_id("call"), function.name))
        if function is not None and function.arguments:
            found.append(InputDelta(self._index, function.arguments))

    def _open(self, kind: str, found: list[Event]) -> None:
        if self._kind == kind:
            return
        self._close(found)
        self._begin(kind)
        start = TextStart if kind == "text" else ThinkingStart
        found.append(start(self._index))

    def _begin(self, kind: str) -> None:
        self._index += 1
        self._kind = kind

    def _close(self, found: list[Event]) -> None:
        if self._kind:
            found.append(BlockStop(self._index))
            self._kind = ""


def whole(chunk: Chunk, model: str) -> Sequence[Event]:
    """Return the events of a whole completion.

    Raises:
        Unreadable: It is none.
    """
    reader = EventReader(model)
    found: list[Event] = []
    reader.read(chunk, found)
    if not reader.finished:
        raise Unreadable
    return found + reader.end()
