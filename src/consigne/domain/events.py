"""The one stream of events that every source of generation emits.

Order: ``MessageStart``, then for each block ``BlockStart``, ``Delta``…, ``BlockStop``, then
``MessageStop``. Block indexes count from 0 without gaps. A stream that cannot go on raises a
``ConsigneError`` in its consumer; ``Failed`` carries that error where a stream is stored or sent.

There are many, and none holds itself: the garbage collector need not know them (``gc=False``).
"""

from typing import Final, Literal

import msgspec

from consigne.domain.messages import (
    ContentBlock,
    Json,
    Message,
    TextBlock,
    ThinkingBlock,
    ToolUseBlock,
)
from consigne.domain.usage import Usage

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "context_full", "refusal", "cancelled"
]
"""``max_tokens``: the request's own limit; ``context_full``: the model's context is full;
``cancelled``: the caller stopped it."""


class TokenLogprob(msgspec.Struct, frozen=True, gc=False):
    """The log-probability (natural) of one token."""

    token: bytes
    """The token's own bytes, perhaps a part of a character."""
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()
    """The likeliest tokens in its place, best first."""


class MessageStart(msgspec.Struct, frozen=True, gc=False, tag="message_start"):
    """The answer begins; ``usage`` holds the input's counts."""

    id: str
    model: str
    usage: Usage


class TextStart(msgspec.Struct, frozen=True, gc=False, tag="text_start"):
    """A text block begins."""

    index: int


class ThinkingStart(msgspec.Struct, frozen=True, gc=False, tag="thinking_start"):
    """A thinking block begins."""

    index: int
    redacted: str = ""
    """See ``ThinkingBlock``; no deltas follow then."""


class ToolUseStart(msgspec.Struct, frozen=True, gc=False, tag="tool_use_start"):
    """A tool call begins."""

    index: int
    id: str
    name: str


class TextDelta(msgspec.Struct, frozen=True, gc=False, tag="text_delta"):
    """More text, in whole UTF-8 characters."""

    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens this text ends; only where the request asked for them."""


class ThinkingDelta(msgspec.Struct, frozen=True, gc=False, tag="thinking_delta"):
    """More thinking."""

    index: int
    thinking: str


class InputDelta(msgspec.Struct, frozen=True, gc=False, tag="input_delta"):
    """More of a tool call's input, as JSON text; concatenated, the deltas are one object."""

    index: int
    partial_json: str


class Cited(msgspec.Struct, frozen=True, gc=False):
    """A passage of a document that a text rests on."""

    file_id: str
    """Empty where the document came with the request."""
    filename: str
    text: str
    document: int
    """Which of the documents that the model was shown, from 0; search results count apart."""
    start: int
    """Where it begins in the document's text, in characters."""
    page: int | None = None
    """From 1, where the document has pages."""
    block: int | None = None
    """Which of the document's blocks, from 0, where it was given in blocks."""
    source: str | None = None
    """Of a search result: where it was found."""
    url: str | None = None
    """Of a page that a search of the web found."""
    number: int = 0
    """Of such a page: by which the text names it."""


class BlockStop(msgspec.Struct, frozen=True, gc=False, tag="block_stop"):
    """The block is whole."""

    index: int
    signature: str = ""
    """Of a thinking block: its author's proof of it, given back with the block in a later turn."""
    cited: tuple[Cited, ...] = ()
    """Of a text block: the passages whose numbers it holds."""


class MessageStop(msgspec.Struct, frozen=True, gc=False, tag="message_stop"):
    """The answer is whole; ``usage`` is final."""

    stop_reason: StopReason
    usage: Usage
    stop_sequence: str | None = None


class Failed(msgspec.Struct, frozen=True, gc=False, tag="failed"):
    """The answer ends here because of an error (see ``domain.errors``)."""

    code: str
    message: str


DELTAS: Final[frozenset[type]] = frozenset({TextDelta, ThinkingDelta, InputDelta})
"""The events that are pieces of an answer; each is about a token."""

Event = (
    MessageStart
    | TextStart
    | ThinkingStart
    | ToolUseStart
    | TextDelta
    | ThinkingDelta
    | InputDelta
    | BlockStop
    | MessageStop
    | Failed
)

EVENTS: Final = (
    MessageStart,
    TextStart,
    ThinkingStart,
    ToolUseStart,
    TextDelta,
    ThinkingDelta,
    InputDelta,
    BlockStop,
    MessageStop,
    Failed,
)
"""All kinds of events."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A whole answer, folded from its events."""

    id: str
    model: str
    message: Message
    stop_reason: StopReason
    usage: Usage
    stop_sequence: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    cited: dict[int, tuple[Cited, ...]] = {}
    """What its text blocks rest on, by their indexes."""


class AnswerBuilder:
    """Fold a stream of events into blocks; what has come so far is always readable."""

    def __init__(self) -> None:
        self.id = ""
        self.model = ""
        self.usage = Usage()
        self.stop: MessageStop | None = None
        self._starts: list[TextStart | ThinkingStart | ToolUseStart] = []
        self._parts: list[list[str]] = []
        self._signatures: dict[int, str] = {}
        self._logprobs: list[TokenLogprob] = []
        self._cited: dict[int, tuple[Cited, ...]] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case MessageStart():
                self.id, self.model, self.usage = event.id, event.model, event.usage
            case TextStart() | ThinkingStart() | ToolUseStart():
                self._starts.append(event)
                self._parts.append([])
            case TextDelta():
                self._parts[event.index].append(event.text)
                self._logprobs.extend(event.logprobs)
            case ThinkingDelta():
                self._parts[event.index].append(event.thinking)
            case InputDelta():
                self._parts[event.index].append(event.partial_json)
            case MessageStop():
                self.stop, self.usage = event, event.usage
            case BlockStop():
                if event.signature:
                    self._signatures[event.index] = event.signature
                if event.cited:
                    self._cited[event.index] = event.cited
            case Failed():
                pass

    @property
    def content(self) -> tuple[ContentBlock, ...]:
        """The blocks so far; a tool call whose input is still cut has an empty input."""
        return tuple(
            _block(start, "".join(parts), self._signatures.get(start.index, ""))
            for start, parts in zip(self._starts, self._parts, strict=True)
        )

    def answer(self) -> Answer:
        """Return the whole answer.

        Raises:
            ValueError: The stream has not reached its ``MessageStop``.
        """
        if self.stop is None:
            raise ValueError("the stream has not ended")
        return Answer(
            id=self.id,
            model=self.model,
            message=Message("assistant", self.content),
            stop_reason=self.stop.stop_reason,
            usage=self.usage,
            stop_sequence=self.stop.stop_sequence,
            logprobs=tuple(self._logprobs),
            cited=self._cited,
        )


def _block(
    start: TextStart | ThinkingStart | ToolUseStart, body: str, signature: str
) -> ContentBlock:
    match start:
        case TextStart():
            return TextBlock(body)
        case ThinkingStart():
            return ThinkingBlock(body, signature, start.redacted)
        case ToolUseStart():
            return ToolUseBlock(start.id, start.name, _object(body))


def _object(body: str) -> Json:
    try:
        return msgspec.json.decode(body or "{}", type=Json)
    except msgspec.MsgspecError:
        return {}
