"""Turns a model's text, as it comes, into text, thinking and tool-call blocks."""

from collections.abc import Collection

import msgspec

from consigne.domain.events import (
    BlockStop,
    InputDelta,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    ToolUseStart,
)
from consigne.domain.ids import new_id
from consigne.engines.prompts.formats import CallFormat
from consigne.engines.prompts.json_text import BrokenJson, ObjectFollower

BlockEvent = (
    TextStart | ThinkingStart | ToolUseStart | TextDelta | ThinkingDelta | InputDelta | BlockStop
)

_THINK, _THOUGHT = "<think>", "</think>"


class _Blocks:
    """Writes the blocks' events; holds back white space until it is known to be inside a text.

    White space around thinking and tool calls belongs to the form, not to the answer.
    """

    def __init__(self, *, hold_space: bool) -> None:
        self.events: list[BlockEvent] = []
        self._hold_space = hold_space
        self._index = -1
        self._open = ""
        self._space = ""
        self._trim = False

    @property
    def in_call(self) -> bool:
        """Whether a tool call is open."""
        return self._open == "call"

    def write(self, kind: str, text: str) -> None:
        """Add text to the block of this kind (``text`` or ``thinking``), begun if need be."""
        if self._open != kind:
            self.close()
        text = self._space + text
        self._space = ""
        if self._hold_space:
            body = text.rstrip()
            self._space, text = text[len(body) :], body
        if self._open != kind and (kind == "thinking" or self._trim):
            text = text.lstrip()
        if text and self._open != kind:
            self._index += 1
            self._open, self._trim = kind, False
            start = TextStart if kind == "text" else ThinkingStart
            self.events.append(start(self._index))
        if text and kind == "text":
            self.events.append(TextDelta(self._index, text))
        elif text:
            self.events.append(ThinkingDelta(self._index, text))

    def call(self, name: str) -> None:
        """Begin a tool call."""
        self.close()
        self._space = ""
        self._index += 1
        self._open = "call"
        self.events.append(ToolUseStart(self._index, new_id("toolu"), name))

    def arguments(self, text: str) -> None:
        """Add to the tool call's input."""
        self.events.append(InputDelta(self._index, text))

    def close(self) -> None:
        """End the open block, if any; white space after it is dropped."""
        if self._open:
            self.events.append(BlockStop(self._index))
            self.trim()

    def trim(self) -> None:
        """Drop the white space held back, and what follows up to the next block."""
        self._open = self._space = ""
        self._trim = True

    def end(self) -> None:
        """End the answer: white space that ends a text, or is all of it, belongs to it."""
        if self._space and (self._open == "text" or not self._trim):
            self._hold_space = False
            self.write("text", "")
        self.close()


class _Call:
    """Reads one call's object."""

    def __init__(self, tools: Collection[str]) -> None:
        self._follower = ObjectFollower()
        self._tools = tools
        self._name_text = ""
        self._text = ""
        self.name: str | None = None
        self.arguments = ""
        """The arguments' text, or its part not yet taken."""
        self._arguments_over = False
        self.begun = False
        """Whether name and first brace are there: from here on it is a call."""

    @property
    def whole(self) -> bool:
        return self._follower.done

    def push(self, char: str) -> None:
        """Take the next character.

        Raises:
            BrokenJson: This is no call of a known tool.
        """
        belongs = self._follower.push(char)
        if belongs and self._follower.key == "name":
            self._name_text += char
            self._read_name(char)
        elif belongs and self._follower.key in ("arguments", "parameters"):
            self._read_arguments(char)
        else:
            self._arguments_over = bool(self._text or self.arguments or self.begun)
        if self.whole:
            self._check_whole()
        self.begun = self.begun or (self.name is not None and self.arguments[:1] == "{")

    def _read_name(self, char: str) -> None:
        if self.name is not None or self._name_text[0] != '"':
            raise BrokenJson("a tool's name is a string")
        if char == '"' and len(self._name_text) > 1:
            try:
                self.name = msgspec.json.decode(self._name_text, type=str)
            except msgspec.DecodeError:
                return  # an escaped quote inside the name
            if self.name not in self._tools:
                raise BrokenJson(f"no tool {self.name!r}")

    def _read_arguments(self, char: str) -> None:
        if self._arguments_over:
            raise BrokenJson("arguments come once")
        if self._text or (not self.arguments and not self.begun and char == '"'):
            self._text += char  # some models write the object as a string of JSON
        elif not self.arguments and not self.begun and char != "{":
            raise BrokenJson("arguments are an object")
        else:
            self.arguments += char

    def _check_whole(self) -> None:
        if self.name is None:
            raise BrokenJson("a call names its tool")
        if self._text:
            try:
                self.arguments = msgspec.json.decode(self._text, type=str).strip()
                msgspec.json.decode(self.arguments, type=dict)
            except msgspec.DecodeError as error:
                raise BrokenJson("arguments are an object") from error
        elif not self.arguments and not self.begun:
            self.arguments = "{}"


class OutputParser:
    """Turns a token text stream into block events.

    Text is passed on as soon as it can't be part of a tag. A call is announced once its tool and
    the start of its arguments are known; its arguments are then passed on as they come, the
    model's own characters. What looks like a call and is none (another tool, broken JSON before
    the arguments) is text, whole; where JSON breaks inside the arguments, the call ends there and
    the rest is text.
    """

    def __init__(
        self,
        *,
        call_format: CallFormat | None = None,
        tools: Collection[str] = (),
        thinks: bool = False,
        thinking_open: bool = False,
    ) -> None:
        self._format = call_format if tools else None
        self._tools = tools
        self._thinks = thinks
        self._blocks = _Blocks(hold_space=self._format is not None or thinks)
        self._mode = "thinking" if thinking_open else "text"
        self._pending = ""
        self._raw = ""  # since a call was announced: text again if it proves to be none
        self._call: _Call | None = None
        self._at_start = True
        self._calls = 0

    def feed(self, text: str) -> list[BlockEvent]:
        """Take more of the model's text; return what is decided."""
        self._pending += text
        self._run(final=False)
        return self._take()

    def finish(self) -> tuple[list[BlockEvent], bool]:
        """End the stream; return the last events and whether a whole tool call was made."""
        self._run(final=True)
        if self._call is not None and not self._call.begun:
            self._reject()
            self._run(final=True)
        self._blocks.end()
        return self._take(), self._calls > 0

    def _take(self) -> list[BlockEvent]:
        events, self._blocks.events = self._blocks.events, []
        return events

    def _run(self, *, final: bool) -> None:
        going = True
        while going:
            match self._mode:
                case "text":
                    going = self._text(final=final)
                case "thinking":
                    going = self._thinking(final=final)
                case "announced":
                    going = self._announced(final=final)
                case _:
                    going = self._in_call()

    def _triggers(self) -> tuple[str, ...]:
        triggers = self._format.triggers if self._format else ()
        if self._at_start and self._format and self._format.bare:
            triggers = (*triggers, "{")
        return (*triggers, _THINK) if self._at_start and self._thinks else triggers

    def _text(self, *, final: bool) -> bool:
        pending, triggers = self._pending, self._triggers()
        found = [(at, trigger) for trigger in triggers if (at := pending.find(trigger)) >= 0]
        at, trigger = min(found, default=(len(pending), ""))
        if self._at_start and trigger in ("{", _THINK) and pending[:at].strip():
            self._at_start = False
            return True
        if not trigger and not final:
            at -= _undecided(pending, triggers)
        if pending[:at].strip():
            self._at_start = False
        if at:
            self._blocks.write("text", pending[:at])
        self._pending = pending[at + len(trigger) :]
        if trigger == _THINK:
            self._mode, self._at_start = "thinking", False
        elif trigger:
            self._mode, self._raw, self._at_start = "announced", trigger, False
            if trigger == "{":
                self._raw, self._pending = "", "{" + self._pending
        return bool(trigger)

    def _thinking(self, *, final: bool) -> bool:
        at = self._pending.find(_THOUGHT)
        if at >= 0:
            self._blocks.write("thinking", self._pending[:at])
            self._blocks.close()
            self._blocks.trim()
            self._pending = self._pending[at + len(_THOUGHT) :]
            self._mode, self._at_start = "text", True
            return True
        end = len(self._pending) - (0 if final else _undecided(self._pending, (_THOUGHT,)))
        self._blocks.write("thinking", self._pending[:end])
        self._pending = self._pending[end:]
        return False

    def _announced(self, *, final: bool) -> bool:
        """Between a trigger and its first object, or after an object."""
        assert self._format is not None
        rest = self._pending.lstrip(" \t\r\n" + self._format.separators)
        closing = self._format.closing
        if not rest and not final:
            return False
        if rest.startswith("{"):
            self._raw += self._pending[: -len(rest)]
            self._pending, self._call, self._mode = rest, _Call(self._tools), "call"
            return True
        if closing and rest.startswith(closing) and not self._raw:
            self._pending, self._mode = rest[len(closing) :], "text"
            return True
        if rest and closing != rest and closing.startswith(rest):
            if final and not self._raw:
                self._pending = ""  # the answer was cut inside the closing tag
            if not final:
                return False
        if self._raw:
            self._reject()
        self._mode = "text"
        return bool(self._pending)

    def _in_call(self) -> bool:
        call = self._call
        assert call is not None
        pending, self._pending = self._pending, ""
        for at, char in enumerate(pending):
            try:
                call.push(char)
            except BrokenJson:
                self._write_arguments(call)
                self._pending = pending[at:]
                self._reject()
                return True
            if not call.begun and not call.whole:
                self._raw += char
            elif not self._blocks.in_call:
                self._raw = ""
                self._blocks.call(call.name or "")
            if call.whole:
                self._write_arguments(call)
                self._blocks.close()
                self._calls += 1
                self._call, self._mode, self._pending = None, "announced", pending[at + 1 :]
                return True
        self._write_arguments(call)
        return False

    def _write_arguments(self, call: _Call) -> None:
        if call.begun and call.arguments:
            self._blocks.arguments(call.arguments)
            call.arguments = ""

    def _reject(self) -> None:
        """What was read as a call is text."""
        if self._call is not None and self._call.begun:
            self._blocks.close()
        if self._raw:
            self._blocks.write("text", self._raw)
        self._raw, self._call, self._mode = "", None, "text"


def _undecided(text: str, triggers: tuple[str, ...]) -> int:
    """Return the length of the longest end of ``text`` that may begin a trigger."""
    longest = max((len(trigger) for trigger in triggers), default=1) - 1
    for length in range(min(longest, len(text)), 0, -1):
        if any(trigger.startswith(text[-length:]) for trigger in triggers):
            return length
    return 0
