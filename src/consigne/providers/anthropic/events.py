"""Messages and their streams as the domain's events; unknown fields and blocks are passed over.

The garbage collector need not know what is read: none holds itself (``gc=False``).
"""

from collections.abc import Sequence

import msgspec

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
from consigne.providers.faults import Fault

_STOP_REASONS: dict[str, StopReason] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_full",
}


class _OutputDetails(msgspec.Struct, frozen=True, gc=False):
    thinking_tokens: int | None = None


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Token counts; the prompt's are in three parts."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class Block(msgspec.Struct, frozen=True, gc=False):
    """A content block, whole or as it begins."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    data: str = ""
    """Of thinking that only its author can read."""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """A piece of a block, or of the message's own fields."""

    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None


class WholeMessage(msgspec.Struct, frozen=True, gc=False):
    """An answer, whole or as it begins."""

    content: tuple[Block, ...] = ()
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Counts = Counts()


class Frame(msgspec.Struct, frozen=True, gc=False):
    """An event of a stream."""

    type: str
    index: int = 0
    message: WholeMessage | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Counts | None = None
    error: Fault | None = None


class TokenCount(msgspec.Struct, frozen=True, gc=False):
    """The answer of ``POST /v1/messages/count_tokens``."""

    input_tokens: int


class Unreadable(Exception):
    """The frames don't add up to an answer."""


class EventReader:
    """Reads one answer's stream."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._counts = Counts()
        self._open: int | None = None
        """The provider's index of the block that is open."""
        self._skipping = False
        self._index = -1
        self._signature = ""
        self._reason: str | None = None
        self._sequence: str | None = None
        self._started = False
        self.finished = False

    def read(self, frame: Frame, found: list[Event]) -> None:
        """Add the events of a frame to those found.

        Raises:
            Unreadable: The frame does not follow from those before.
        """
        delta = frame.delta
        if (
            delta is not None
            and delta.text
            and not delta.signature
            and frame.type == "content_block_delta"
            and frame.index == self._open
            and not self._skipping
        ):
            found.append(TextDelta(self._index, delta.text))  # as nearly all are
        else:
            found += self._events(frame)

    def _events(self, frame: Frame) -> Sequence[Event]:
        match frame.type:
            case "content_block_delta":
                return self._delta(frame)
            case "content_block_start":
                return self._start(frame)
            case "content_block_stop":
                return self._stop(frame)
            case "message_start":
                return self._begin(frame)
            case "message_delta":
                self._message_delta(frame)
                return ()
            case "message_stop":
                return self._end()
            case _:
                return ()

    def _begin(self, frame: Frame) -> Sequence[Event]:
        if self._started or frame.message is None:
            raise Unreadable
        self._started = True
        self._counts = frame.message.usage
        return (MessageStart(new_id("msg"), self._model, as_usage(self._counts)),)

    def _start(self, frame: Frame) -> Sequence[Event]:
        block = frame.content_block
        if not self._started or self._open is not None or block is None:
            raise Unreadable
        self._open = frame.index
        start = _start_of(block, self._index + 1)
        self._skipping = start is None
        if start is None:
            return ()
        self._index += 1
        self._signature = block.signature
        first = _delta_of(Delta(text=block.text, thinking=block.thinking), self._index)
        return (start, first) if first else (start,)

    def _delta(self, frame: Frame) -> Sequence[Event]:
        if frame.delta is None or self._open != frame.index:
            raise Unreadable
        if self._skipping:
            return ()
        self._signature += frame.delta.signature
        event = _delta_of(frame.delta, self._index)
        return (event,) if event else ()

    def _stop(self, frame: Frame) -> Sequence[Event]:
        if self._open != frame.index:
            raise Unreadable
        self._open = None
        return () if self._skipping else (BlockStop(self._index, self._signature),)

    def _message_delta(self, frame: Frame) -> None:
        if frame.delta is not None and frame.delta.stop_reason:
            self._reason, self._sequence = frame.delta.stop_reason, frame.delta.stop_sequence
        if frame.usage is not None:
            self._counts = _merge(self._counts, frame.usage)

    def _end(self) -> Sequence[Event]:
        if not self._started or self._open is not None or self._reason is None:
            raise Unreadable
        self.finished = True
        return (_message_stop(self._reason, self._sequence, self._counts),)


def whole(message: WholeMessage, model: str) -> Sequence[Event]:
    """Return the events of a whole answer.

    Raises:
        Unreadable: It is none.
    """
    if message.stop_reason is None:
        raise Unreadable
    found: list[Event] = [MessageStart(new_id("msg"), model, as_usage(message.usage))]
    index = 0
    for block in message.content:
        if (start := _start_of(block, index)) is None:
            continue
        found.append(start)
        arguments = bytes(block.input).decode() if block.type == "tool_use" else ""
        piece = Delta(text=block.text, thinking=block.thinking, partial_json=arguments)
        if event := _delta_of(piece, index):
            found.append(event)
        found.append(BlockStop(index, block.signature))
        index += 1
    found.append(_message_stop(message.stop_reason, message.stop_sequence, message.usage))
    return found


def as_usage(counts: Counts) -> Usage:
    """Return the counts as ours: all of the prompt's together, and those read from the cache."""
    cached = counts.cache_read_input_tokens or 0
    written = counts.cache_creation_input_tokens or 0
    prompt = (counts.input_tokens or 0) + written + cached
    wrote, details = counts.output_tokens or 0, counts.output_tokens_details
    thinking = min(details.thinking_tokens or 0, wrote) if details else 0
    return Usage(prompt, cached, wrote, written, thinking)


def _merge(before: Counts, after: Counts) -> Counts:
    fields = Counts.__struct_fields__
    later = {name: getattr(after, name) for name in fields if getattr(after, name) is not None}
    return msgspec.structs.replace(before, **later)


def _message_stop(reason: str, sequence: str | None, counts: Counts) -> MessageStop:
    return MessageStop(_STOP_REASONS.get(reason, "end_turn"), as_usage(counts), sequence)


def _start_of(block: Block, index: int) -> TextStart | ThinkingStart | ToolUseStart | None:
    match block.type:
        case "text":
            return TextStart(index)
        case "thinking":
            return ThinkingStart(index)
        case "redacted_thinking":
            return ThinkingStart(index, block.data)
        case "tool_use":
            return ToolUseStart(index, block.id, block.name)
        case _:
            return None


def _delta_of(delta: Delta, index: int) -> TextDelta | ThinkingDelta | InputDelta | None:
    if delta.text:
        return TextDelta(index, delta.text)
    if delta.partial_json:
        return InputDelta(index, delta.partial_json)
    if delta.thinking:
        return ThinkingDelta(index, delta.thinking)
    return None
