"""Answers in the Anthropic dialect: whole, and as the events of a stream."""

from typing import Any, assert_never

from consigne.api import sse
from consigne.api.errors import anthropic_error
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    Answer,
    BlockStop,
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

_STOP_REASONS: dict[StopReason, str] = {
    "end_turn": "end_turn",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "context_full": "model_context_window_exceeded",
    "refusal": "refusal",
    "cancelled": "end_turn",
}


def message(answer: Answer) -> dict[str, Any]:
    """Return the body of a whole answer."""
    return _envelope(answer.id, answer.model, answer.usage) | {
        "content": [_block(block) for block in answer.message.content],
        "stop_reason": _STOP_REASONS[answer.stop_reason],
        "stop_sequence": answer.stop_sequence,
    }


def usage(counts: Usage) -> dict[str, int]:
    """Return the token counts; the prompt's are parted by whether the prefix cache had them."""
    return {
        "input_tokens": counts.input_tokens - counts.cached_input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached_input_tokens,
        "output_tokens": counts.output_tokens,
    }


def _envelope(message_id: str, model: str, counts: Usage) -> dict[str, Any]:
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(counts) | {"service_tier": "standard"},
    }


def _block(block: ContentBlock) -> dict[str, Any]:
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text, "citations": None}
        case ThinkingBlock():
            return {
                "type": "thinking",
                "thinking": block.thinking,
                "signature": block.signature,
            }
        case ToolUseBlock():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
        case ImageBlock() | DocumentBlock() | ToolResultBlock():
            raise TypeError(f"an answer holds no {type(block).__name__}")
        case _:
            assert_never(block)


class StreamEncoder:
    """Encodes one answer's events."""

    keep_alive = sse.event("ping", {"type": "ping"})

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id

    def error(self, error: ConsigneError) -> bytes:
        """Return the event that ends the stream with an error."""
        body = {"type": "error", "error": anthropic_error(error), "request_id": self._request_id}
        return sse.event("error", body)

    def encode(self, event: Event) -> bytes:
        """Return the event's bytes."""
        match event:
            case TextDelta():
                return _delta(event.index, {"type": "text_delta", "text": event.text})
            case ThinkingDelta():
                return _delta(event.index, {"type": "thinking_delta", "thinking": event.thinking})
            case InputDelta():
                delta = {"type": "input_json_delta", "partial_json": event.partial_json}
                return _delta(event.index, delta)
            case MessageStart():
                body = _envelope(event.id, event.model, event.usage)
                return sse.event("message_start", {"type": "message_start", "message": body})
            case TextStart():
                return _start(event.index, {"type": "text", "text": "", "citations": None})
            case ThinkingStart():
                return _start(event.index, {"type": "thinking", "thinking": "", "signature": ""})
            case ToolUseStart():
                block = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
                return _start(event.index, block)
            case BlockStop():
                return _block_stop(event)
            case MessageStop():
                return _stop(event)
            case Failed():
                return self.error(from_code(event.code, event.message))
            case _:
                assert_never(event)


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    body = {"type": "content_block_delta", "index": index, "delta": delta}
    return sse.event("content_block_delta", body)


def _start(index: int, block: dict[str, Any]) -> bytes:
    body = {"type": "content_block_start", "index": index, "content_block": block}
    return sse.event("content_block_start", body)


def _block_stop(event: BlockStop) -> bytes:
    proof = b""
    if event.signature:
        proof = _delta(event.index, {"type": "signature_delta", "signature": event.signature})
    body = {"type": "content_block_stop", "index": event.index}
    return proof + sse.event("content_block_stop", body)


def _stop(event: MessageStop) -> bytes:
    delta = {
        "stop_reason": _STOP_REASONS[event.stop_reason],
        "stop_sequence": event.stop_sequence,
    }
    body = {"type": "message_delta", "delta": delta, "usage": usage(event.usage)}
    return sse.event("message_delta", body) + sse.event("message_stop", {"type": "message_stop"})
