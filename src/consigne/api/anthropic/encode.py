"""Answers in the Anthropic dialect: whole, and as the events of a stream."""

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, assert_never

import msgspec

from consigne.api import sse
from consigne.api.errors import anthropic_error
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    Answer,
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
    ToolUseStart,
)
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.usage import Usage

_json = msgspec.json.Encoder().encode

_STOP_REASONS: dict[StopReason, str] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "context_full": "model_context_window_exceeded",
    "refusal": "refusal",
    "cancelled": "end_turn",
}


class Shape(msgspec.Struct, frozen=True):
    """What a request says of its answer's form."""

    cache_ttl: Literal["5m", "1h"] | None = None
    """Which lifetime ``cache_control`` asked for, where it stood anywhere."""
    cached_here: bool = True
    """Whether the model runs here; a provider says itself what it wrote to its cache."""
    show_thinking: bool = True
    edits: Sequence[dict[str, Any]] | None = None
    """What ``context_management`` did, where it was asked for."""
    diagnosed: bool = False
    """Whether the reason of a cache miss was asked for."""
    searches: int | None = None
    """How often the web was searched, where it may be."""
    pages: int | None = None
    """How many of its pages were read, where they may be."""


PLAIN = Shape()


def message(answer: Answer, shape: Shape = PLAIN) -> dict[str, Any]:
    """Return the body of a whole answer."""
    return (
        _envelope(answer.id, answer.model, answer.usage, shape)
        | {
            "content": [
                _block(block, shape, answer.cited.get(index, ()))
                for index, block in enumerate(answer.message.content)
            ],
            "stop_reason": _STOP_REASONS[answer.stop_reason],
            "stop_sequence": answer.stop_sequence,
        }
        | _edits(shape)
    )


def usage(counts: Usage, shape: Shape = PLAIN) -> dict[str, Any]:
    """Return the token counts; the prompt's are parted by whether the prefix cache had them.

    The cache of models here keeps every prompt. What it did not have it has now: those tokens are
    told as written to it where the request says ``cache_control``, and as plain input else. A
    provider says itself what it wrote to its own.
    """
    fresh = counts.input_tokens - counts.cached_input_tokens
    told_so = shape.cached_here and shape.cache_ttl is not None
    written = counts.cache_creation_tokens or (fresh if told_so else 0)
    told: dict[str, Any] = {
        "input_tokens": fresh - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": counts.cached_input_tokens,
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"thinking_tokens": counts.reasoning_tokens},
    }
    if shape.searches is not None or shape.pages is not None:
        told["server_tool_use"] = {
            "web_search_requests": shape.searches or 0,
            "web_fetch_requests": shape.pages or 0,
        }
    return told


def _envelope(message_id: str, model: str, counts: Usage, shape: Shape) -> dict[str, Any]:
    told = usage(counts, shape)
    written = told["cache_creation_input_tokens"]
    hour = shape.cache_ttl == "1h"
    by_lifetime = {
        "ephemeral_5m_input_tokens": 0 if hour else written,
        "ephemeral_1h_input_tokens": written if hour else 0,
    }
    body: dict[str, Any] = {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "container": None,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": told | {"cache_creation": by_lifetime, "service_tier": "standard"},
    }
    if shape.diagnosed:
        body["diagnostics"] = {"cache_miss_reason": {"type": "unavailable"}}
    return body


def _edits(shape: Shape) -> dict[str, Any]:
    return {} if shape.edits is None else {"context_management": {"applied_edits": shape.edits}}


def _signature(thinking: str) -> str:
    """Return what stands for the signature of thinking made here.

    It proves nothing; but clients send back only thinking that carries one.
    """
    digest = hashlib.blake2b(thinking.encode("utf-8", "surrogatepass"), digest_size=32)
    return base64.b64encode(digest.digest()).decode()


def _block(block: ContentBlock, shape: Shape, cited: Sequence[Cited]) -> dict[str, Any]:
    match block:
        case TextBlock():
            citations = [_citation(each) for each in cited] or None
            return {"type": "text", "text": block.text, "citations": citations}
        case ThinkingBlock(redacted=data) if data:
            return {"type": "redacted_thinking", "data": data}
        case ThinkingBlock():
            return {
                "type": "thinking",
                "thinking": block.thinking if shape.show_thinking else "",
                "signature": block.signature or _signature(block.thinking),
            }
        case ToolUseBlock():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
        case ImageBlock() | DocumentBlock() | ToolResultBlock():
            raise TypeError(f"an answer holds no {type(block).__name__}")
        case _:
            assert_never(block)


def _citation(cited: Cited) -> dict[str, Any]:
    if cited.url is not None:
        found = {"cited_text": cited.text, "title": cited.filename, "url": cited.url}
        return {"type": "web_search_result_location", "encrypted_index": ""} | found
    if cited.block is not None:
        return _block_citation(cited, cited.block)
    told = {
        "cited_text": cited.text,
        "document_index": cited.document,
        "document_title": cited.filename or None,
        "file_id": cited.file_id or None,
    }
    if cited.page is not None:
        pages = {"start_page_number": cited.page, "end_page_number": cited.page + 1}
        return {"type": "page_location"} | told | pages
    place = {"start_char_index": cited.start, "end_char_index": cited.start + len(cited.text)}
    return {"type": "char_location"} | told | place


def _block_citation(cited: Cited, block: int) -> dict[str, Any]:
    told = {"cited_text": cited.text, "start_block_index": block, "end_block_index": block + 1}
    if cited.source is None:
        place = {"document_index": cited.document, "document_title": cited.filename or None}
        return {"type": "content_block_location"} | told | place | {"file_id": None}
    place = {"search_result_index": cited.document, "title": cited.filename or None}
    return {"type": "search_result_location"} | told | place | {"source": cited.source}


class StreamEncoder:
    """Encodes one answer's events."""

    keep_alive = sse.event("ping", {"type": "ping"})

    def __init__(self, request_id: str, shape: Shape = PLAIN) -> None:
        self._request_id = request_id
        self._shape = shape
        self._thinking: list[str] | None = None

    def error(self, error: ConsigneError) -> bytes:
        """Return the event that ends the stream with an error."""
        body = {"type": "error", "error": anthropic_error(error), "request_id": self._request_id}
        return sse.event("error", body)

    def encode(self, event: Event) -> bytes:
        """Return the event's bytes."""
        match event:
            case TextDelta():
                before, after = _text_frame(event.index)
                return before + _json(event.text) + after
            case ThinkingDelta():
                return self._thought(event)
            case InputDelta():
                delta = {"type": "input_json_delta", "partial_json": event.partial_json}
                return _delta(event.index, delta)
            case MessageStart():
                body = _envelope(event.id, event.model, event.usage, self._shape)
                start = {"type": "message_start", "message": body}
                return sse.event("message_start", start) + self.keep_alive
            case TextStart():
                return _text_start(event.index)
            case ThinkingStart(redacted=data) if data:
                return _start(event.index, {"type": "redacted_thinking", "data": data})
            case ThinkingStart():
                self._thinking = []
                return _start(event.index, {"type": "thinking", "thinking": "", "signature": ""})
            case ToolUseStart():
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                return _start(event.index, block)
            case BlockStop():
                return self._signed(event) + _citations(event) + _block_stop(event.index)
            case MessageStop():
                return _stop(event, self._shape)
            case Failed():
                return self.error(from_code(event.code, event.message))
            case _:
                assert_never(event)

    def encode_all(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of events that came together; nearly all are pieces of one text."""
        pieces, index, before, after = list[bytes](), -1, b"", b""
        for event in events:
            if type(event) is TextDelta:
                if event.index != index:
                    index = event.index
                    before, after = _text_frame(index)
                pieces += (before, _json(event.text), after)
            else:
                pieces.append(self.encode(event))
        return b"".join(pieces)

    def _thought(self, event: ThinkingDelta) -> bytes:
        if self._thinking is not None:
            self._thinking.append(event.thinking)
        if not self._shape.show_thinking:
            return b""
        return _delta(event.index, {"type": "thinking_delta", "thinking": event.thinking})

    def _signed(self, event: BlockStop) -> bytes:
        """Return the signature of the thinking block that ends, if one does."""
        if self._thinking is None:
            return b""
        signature = event.signature or _signature("".join(self._thinking))
        self._thinking = None
        return _delta(event.index, {"type": "signature_delta", "signature": signature})


def _citations(event: BlockStop) -> bytes:
    if not event.cited:
        return b""
    deltas = ({"type": "citations_delta", "citation": _citation(each)} for each in event.cited)
    return b"".join(_delta(event.index, delta) for delta in deltas)


@lru_cache(maxsize=64)
def _text_start(index: int) -> bytes:
    return _start(index, {"type": "text", "text": "", "citations": None})


@lru_cache(maxsize=64)
def _block_stop(index: int) -> bytes:
    return sse.event("content_block_stop", {"type": "content_block_stop", "index": index})


@lru_cache(maxsize=64)
def _text_frame(index: int) -> tuple[bytes, bytes]:
    """Return what stands before and after the text of a delta."""
    before, after = _delta(index, {"type": "text_delta", "text": ""}).split(b'"text":""')
    return before + b'"text":', after


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    body = {"type": "content_block_delta", "index": index, "delta": delta}
    return sse.event("content_block_delta", body)


def _start(index: int, block: dict[str, Any]) -> bytes:
    body = {"type": "content_block_start", "index": index, "content_block": block}
    return sse.event("content_block_start", body)


_MESSAGE_STOP = sse.event("message_stop", {"type": "message_stop"})


def _stop(event: MessageStop, shape: Shape) -> bytes:
    delta = {
        "container": None,
        "stop_reason": _STOP_REASONS[event.stop_reason],
        "stop_sequence": event.stop_sequence,
        "stop_details": None,
    }
    body = {"type": "message_delta", "delta": delta, "usage": usage(event.usage, shape)}
    body |= _edits(shape)
    return sse.event("message_delta", body) + _MESSAGE_STOP
