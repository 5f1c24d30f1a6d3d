"""Chat completions: whole, and as the chunks of a stream."""

from collections.abc import Sequence
from typing import Any, assert_never

import msgspec

from consigne.api import sse
from consigne.api.errors import openai_error
from consigne.api.openai import custom
from consigne.api.openai.searches import places
from consigne.api.openai.shared import fingerprint, logprobs, renamed
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    BlockStop,
    Cited,
    Event,
    Failed,
    InputDelta,
    MessageStart,
    MessageStop,
    StopReason,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    TokenLogprob,
    ToolUseStart,
)
from consigne.domain.usage import Usage

DONE = b"data: [DONE]\n\n"
_json = msgspec.json.Encoder().encode

_FINISH_REASONS: dict[StopReason, str] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "context_full": "length",
    "refusal": "content_filter",
    "cancelled": "stop",
}


class Form(msgspec.Struct, frozen=True):
    """How the answers are told."""

    include_usage: bool = False
    """Whether a stream's last chunk tells the token counts."""
    with_logprobs: bool = False
    legacy: bool = False
    """Whether calls are told in the form before tools."""
    custom_names: frozenset[str] = frozenset()
    """The tools whose input is a text."""
    cites: bool = False
    """Whether the texts cite pages of the web."""


def _finish_reason(reason: StopReason, *, legacy: bool) -> str:
    told = _FINISH_REASONS[reason]
    return "function_call" if legacy and told == "tool_calls" else told


def usage(counts: Usage) -> dict[str, Any]:
    """Return the token counts."""
    return {
        "prompt_tokens": counts.input_tokens,
        "completion_tokens": counts.output_tokens,
        "total_tokens": counts.input_tokens + counts.output_tokens,
        "prompt_tokens_details": {"cached_tokens": counts.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": counts.reasoning_tokens},
    }


def total(counts: Sequence[Usage]) -> Usage:
    """Return what several answers to one prompt used: the prompt counts once."""
    first = counts[0]
    if len(counts) == 1:
        return first
    output = sum(count.output_tokens for count in counts)
    reasoning = sum(count.reasoning_tokens for count in counts)
    return msgspec.structs.replace(first, output_tokens=output, reasoning_tokens=reasoning)


class Choice:
    """One of the answers, folded from its events."""

    def __init__(self, index: int, form: Form) -> None:
        self.id = ""
        self.model = ""
        self.usage = Usage()
        self._index = index
        self._form = form
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[tuple[str, str]] = []
        self._arguments: list[list[str]] = []
        self._logprobs: list[TokenLogprob] | None = [] if form.with_logprobs else None
        self._finish_reason = "stop"
        self._notes: list[dict[str, Any]] = []
        self._begun = 0
        """How many pieces of text there were before the open block."""

    def add(self, event: Event) -> None:
        """Take the next event.

        Raises:
            ConsigneError: The answer could not be finished.
        """
        match event:
            case MessageStart():
                self.id, self.model = renamed(event.id, "chatcmpl-"), event.model
            case TextDelta():
                self._text.append(event.text)
                if self._logprobs is not None:
                    self._logprobs.extend(event.logprobs)
            case ThinkingDelta():
                self._thinking.append(event.thinking)
            case ToolUseStart():
                self._calls.append((event.id, event.name))
                self._arguments.append([])
            case InputDelta():
                self._arguments[-1].append(event.partial_json)
            case MessageStop():
                self._finish_reason = _finish_reason(event.stop_reason, legacy=self._form.legacy)
                self.usage = event.usage
            case Failed():
                raise from_code(event.code, event.message)
            case TextStart() | ThinkingStart():
                self._begun = len(self._text)
            case BlockStop():
                before = sum(map(len, self._text[: self._begun])) if event.cited else 0
                text = "".join(self._text[self._begun :])
                self._notes += annotations(text, event.cited, before)
            case _:
                assert_never(event)

    def wire(self) -> dict[str, Any]:
        """Return the choice."""
        content = "".join(self._text)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if self._calls and not content else content,
            "refusal": None,
            "annotations": self._notes,
        }
        if self._thinking:
            message["reasoning_content"] = "".join(self._thinking)
        called = [
            self._call(*call, "".join(parts))
            for call, parts in zip(self._calls, self._arguments, strict=True)
        ]
        if called and self._form.legacy:
            message["function_call"] = called[0]["function"]
        elif called:
            message["tool_calls"] = called
        return {
            "index": self._index,
            "message": message,
            "logprobs": _choice_logprobs(self._logprobs),
            "finish_reason": self._finish_reason,
        }

    def _call(self, call_id: str, name: str, encoded: str) -> dict[str, Any]:
        if name in self._form.custom_names:
            given = {"name": name, "input": custom.whole(encoded)}
            return {"id": call_id, "type": "custom", "custom": given}
        function = {"name": name, "arguments": encoded or "{}"}
        return {"id": call_id, "type": "function", "function": function}


def annotations(text: str, cited: Sequence[Cited], start: int) -> list[dict[str, Any]]:
    """Return the pages that a text names; ``start`` is where it begins in its answer."""
    if not cited:
        return []
    found = places(text, cited, start)
    return [{"type": "url_citation", "url_citation": place} for place in found]


def _choice_logprobs(tokens: Sequence[TokenLogprob] | None) -> dict[str, Any] | None:
    return None if tokens is None else {"content": logprobs(tokens), "refusal": None}


def completion(choices: Sequence[Choice], created: int) -> dict[str, Any]:
    """Return the body of whole answers."""
    return {
        "id": choices[0].id,
        "object": "chat.completion",
        "created": created,
        "model": choices[0].model,
        "choices": [choice.wire() for choice in choices],
        "usage": usage(total([choice.usage for choice in choices])),
        "service_tier": "default",
        "system_fingerprint": fingerprint(choices[0].model),
    }


class ChoiceEncoder:
    """Encodes the events of one of the answers as chunks."""

    def __init__(self, index: int, created: int, form: Form) -> None:
        self.usage = Usage()
        self._index = index
        self._form = form
        self._calls = -1
        self._input: custom.InputReader | None = None
        """Reads the call that is under way, of a custom tool."""
        self._opened = False
        self._written = 0
        """Characters before the open text, where pages are cited."""
        self._open_text: list[str] | None = None
        self.frame: tuple[bytes, bytes] | None = None
        """What stands before and after the text of a chunk."""
        self._lead = b""
        """What each chunk begins with, up to its delta."""
        self._head: dict[str, Any] = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": "",
            "service_tier": "default",
            "system_fingerprint": None,
        }
        if form.include_usage:
            self._head["usage"] = None

    def encode(self, event: Event) -> bytes:
        """Return the event's bytes."""
        match event:
            case TextDelta():
                if self._open_text is not None:
                    self._open_text.append(event.text)
                return self.text(event)
            case ThinkingDelta():
                return self._chunk({"reasoning_content": event.thinking})
            case InputDelta():
                return self._call_goes_on(event.partial_json)
            case ToolUseStart():
                return self._open(None) + self._call_begins(event)
            case MessageStart():
                self._head["id"] = renamed(event.id, "chatcmpl-")
                self._head["model"] = event.model
                self._head["system_fingerprint"] = fingerprint(event.model)
                self.frame, self._lead = None, b""
                return b""
            case MessageStop():
                self.usage = event.usage
                reason = _finish_reason(event.stop_reason, legacy=self._form.legacy)
                return self._open("") + self._chunk({}, finish_reason=reason)
            case Failed():
                raise from_code(event.code, event.message)
            case TextStart():
                self._open_text = [] if self._form.cites else None
                return self._open("")
            case ThinkingStart():
                return self._open(None)
            case BlockStop():
                return self._cite(event.cited)
            case _:
                assert_never(event)

    def _open(self, content: str | None) -> bytes:
        """Return the first chunk, once it is known whether the answer has text, as a whole has."""
        if self._opened:
            return b""
        self._opened = True
        return self._chunk({"role": "assistant", "content": content, "refusal": None})

    def _cite(self, cited: Sequence[Cited]) -> bytes:
        """Return the chunk that tells which pages the text that ends names, if it does."""
        if self._open_text is None:
            return b""
        text, self._open_text = "".join(self._open_text), None
        start, self._written = self._written, self._written + len(text)
        notes = annotations(text, cited, start)
        return self._chunk({"annotations": notes}) if notes else b""

    def usage_chunk(self, counts: Usage) -> bytes:
        """Return the chunk that holds the token counts alone."""
        return sse.data(self._head | {"choices": [], "usage": usage(counts)})

    def _call_begins(self, event: ToolUseStart) -> bytes:
        self._calls += 1
        if event.name in self._form.custom_names:
            self._input = custom.InputReader()
            begun = {"name": event.name, "input": ""}
            return self._call({"id": event.id, "type": "custom", "custom": begun})
        self._input = None
        function = {"name": event.name, "arguments": ""}
        return self._call({"id": event.id, "type": "function", "function": function})

    def _call_goes_on(self, piece: str) -> bytes:
        if self._input is None:
            return self._call({"function": {"arguments": piece}})
        given = self._input.feed(piece)
        return self._call({"custom": {"input": given}}) if given else b""

    def _call(self, call: dict[str, Any]) -> bytes:
        if self._form.legacy:
            return self._chunk({"function_call": call["function"]})
        return self._chunk({"tool_calls": [{"index": self._calls} | call]})

    def text(self, event: TextDelta) -> bytes:
        """Return a chunk of text, which all but its text has in common with those before it."""
        if self.frame is not None:
            before, after = self.frame
            return before + _json(event.text) + after
        if self._form.with_logprobs:
            return self._chunk({"content": event.text}, tokens=event.logprobs)
        before, after = self._chunk({"content": ""}).split(b'"content":""')
        self.frame = before + b'"content":', after
        return self.text(event)

    def _chunk(
        self,
        delta: dict[str, Any],
        *,
        tokens: Sequence[TokenLogprob] | None = None,
        finish_reason: str | None = None,
    ) -> bytes:
        if not self._lead:
            head = _json(self._head)[:-1]
            self._lead = b'data: %b,"choices":[{"index":%d,"delta":' % (head, self._index)
        told = _json(delta), _json(_choice_logprobs(tokens)), _json(finish_reason)
        return self._lead + b'%b,"logprobs":%b,"finish_reason":%b}]}\n\n' % told


def _error(error: ConsigneError) -> bytes:
    return sse.data({"error": openai_error(error)})


class StreamEncoder(sse.Encoder[Event]):
    """Encodes the stream of one answer."""

    keep_alive = b": still here\n\n"

    def __init__(self, created: int, form: Form) -> None:
        self._choice = ChoiceEncoder(0, created, form)
        self._include_usage = form.include_usage
        self._cites = form.cites

    def encode(self, event: Event) -> bytes:
        """Return the event's bytes."""
        chunk = self._choice.encode(event)
        if type(event) is not MessageStop:
            return chunk
        last = self._choice.usage_chunk(event.usage) if self._include_usage else b""
        return chunk + last + DONE

    def encode_all(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of events that came together; nearly all are pieces of text."""
        choice, pieces = self._choice, list[bytes]()
        for event in events:
            frame = choice.frame
            if type(event) is TextDelta and frame is not None and not self._cites:
                pieces += (frame[0], _json(event.text), frame[1])
            else:
                pieces.append(self.encode(event))
        return b"".join(pieces)

    def error(self, error: ConsigneError) -> bytes:
        """Return the chunk that ends the stream with an error."""
        return _error(error)


class ManyEncoder(sse.Encoder[tuple[int, Event]]):
    """Encodes the stream of several answers to one prompt, as they come."""

    keep_alive = StreamEncoder.keep_alive

    def __init__(self, n: int, created: int, form: Form) -> None:
        self._choices = [ChoiceEncoder(i, created, form) for i in range(n)]
        self._include_usage = form.include_usage
        self._running = n
        self._start: MessageStart | None = None

    def encode(self, item: tuple[int, Event]) -> bytes:
        """Return the bytes of the event of one of the answers."""
        index, event = item
        if isinstance(event, MessageStart):
            # All choices are one completion: the first one's id is everybody's.
            self._start = event = self._start or event
        chunk = self._choices[index].encode(event)
        self._running -= isinstance(event, MessageStop)
        if self._running:
            return chunk
        counts = total([choice.usage for choice in self._choices])
        last = self._choices[0].usage_chunk(counts) if self._include_usage else b""
        return chunk + last + DONE

    def error(self, error: ConsigneError) -> bytes:
        """Return the chunk that ends the stream with an error."""
        return _error(error)
