"""Responses: one builder folds the answer's events and tells each step as the stream's events."""

from collections.abc import Iterable
from typing import Any, assert_never

from consigne.api import sse
from consigne.api.errors import openai_error
from consigne.api.openai.responses.convert import Called, names, served_tools
from consigne.api.openai.responses.schemas import ResponsesBody
from consigne.api.openai.shared import logprobs, renamed
from consigne.domain import sources
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    BlockStop,
    Event,
    Failed,
    InputDelta,
    MessageStart,
    MessageStop,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    TokenLogprob,
    ToolUseStart,
)
from consigne.domain.ids import new_id
from consigne.domain.usage import Usage

Json = dict[str, Any]

_INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "context_full": "max_output_tokens",
    "refusal": "content_filter",
}


def usage(counts: Usage) -> Json:
    """Return the token counts."""
    return {
        "input_tokens": counts.input_tokens,
        "input_tokens_details": {
            "cached_tokens": counts.cached_input_tokens,
            "cache_write_tokens": 0,
        },
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counts.input_tokens + counts.output_tokens,
    }


def envelope(body: ResponsesBody, created: int) -> Json:
    """Return a response that has only begun: every field is there, null or not."""
    text = body.text.model_dump(by_alias=True, exclude_unset=True) if body.text else {}
    return {
        "id": "",
        "object": "response",
        "created_at": created,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "model": "",
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "conversation": None,
        "prompt": None,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {
            "effort": body.reasoning.effort if body.reasoning else None,
            "summary": None,
        },
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": False,
        "temperature": body.temperature,
        "text": {
            "format": text.get("format") or {"type": "text"},
            "verbosity": text.get("verbosity") or "medium",
        },
        "tool_choice": _tool_choice(body),
        "tools": [tool.model_dump(exclude_unset=True) for tool in served_tools(body)],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "usage": None,
        "user": body.user,
        "metadata": body.metadata or {},
    }


def _tool_choice(body: ResponsesBody) -> Any:
    choice = body.tool_choice
    if choice is None or isinstance(choice, str):
        return choice or "auto"
    return choice.model_dump(exclude_unset=True)


class ResponseBuilder:
    """Folds one answer's events into a response; each step yields the events that tell of it."""

    def __init__(self, body: ResponsesBody) -> None:
        self.response = envelope(body, int(sources.now().timestamp()))
        self._called = names(body)
        self._sequence = -1
        self._items: list[Json] = self.response["output"]
        self._parts: list[str] = []
        self._tokens: list[TokenLogprob] = []

    def add(self, event: Event) -> Iterable[Json]:
        """Take the next event.

        Raises:
            ConsigneError: The answer could not be finished.
        """
        match event:
            case TextDelta():
                self._tokens.extend(event.logprobs)
                found = logprobs(event.logprobs)
                yield self._delta("output_text", event.text, content_index=0, logprobs=found)
            case ThinkingDelta():
                yield self._delta("reasoning_text", event.thinking, content_index=0)
            case InputDelta():
                yield self._delta("function_call_arguments", event.partial_json)
            case MessageStart():
                self.response["id"] = renamed(event.id, "resp_")
                self.response["model"] = event.model
                yield self._lifecycle("created")
                yield self._lifecycle("in_progress")
            case TextStart() | ThinkingStart() | ToolUseStart():
                yield from self._begin(event)
            case BlockStop():
                yield from self._end("completed")
            case MessageStop():
                yield self._finish(event)
            case Failed():
                raise from_code(event.code, event.message)
            case _:
                assert_never(event)

    def fail(self, error: ConsigneError) -> Json:
        """Return the event that ends the stream with an error."""
        told = openai_error(error)
        code = "rate_limit_exceeded" if error.status in (429, 529) else "server_error"
        code = "invalid_prompt" if error.status < 429 else code
        self.response["error"] = {"code": code, "message": told["message"]}
        self.response["status"] = "failed"
        return self._lifecycle("failed")

    def _event(self, kind: str, **fields: Any) -> Json:
        self._sequence += 1
        return {"type": f"response.{kind}", "sequence_number": self._sequence, **fields}

    def _lifecycle(self, kind: str) -> Json:
        return self._event(kind, response=self.response)

    def _of_item(self, kind: str, **fields: Any) -> Json:
        index = len(self._items) - 1
        item_id = self._items[-1]["id"]
        return self._event(kind, item_id=item_id, output_index=index, **fields)

    def _delta(self, kind: str, delta: str, **fields: Any) -> Json:
        self._parts.append(delta)
        return self._of_item(f"{kind}.delta", delta=delta, **fields)

    def _begin(self, event: TextStart | ThinkingStart | ToolUseStart) -> Iterable[Json]:
        self._parts, self._tokens = [], []
        item = self._item(event)
        self._items.append(item)
        index = len(self._items) - 1
        yield self._event("output_item.added", output_index=index, item=dict(item))
        if not isinstance(event, ToolUseStart):
            part = _part(item, "", ())
            yield self._of_item("content_part.added", content_index=0, part=part)

    def _item(self, event: TextStart | ThinkingStart | ToolUseStart) -> Json:
        status = {"status": "in_progress"}
        match event:
            case TextStart():
                item = {"id": new_id("msg"), "type": "message", "role": "assistant", "content": []}
                return item | status
            case ThinkingStart():
                item = {"id": new_id("rs"), "type": "reasoning", "summary": [], "content": []}
                return item | status | {"encrypted_content": None}
            case ToolUseStart():
                called = self._called.get(event.name, Called(event.name))
                item = {
                    "id": new_id("fc"),
                    "type": "function_call",
                    "call_id": event.id,
                    "name": called.name,
                    "arguments": "",
                }
                return item | status | ({"namespace": called.namespace} if called.namespace else {})
            case _:
                assert_never(event)

    def _end(self, status: str) -> Iterable[Json]:
        item, whole = self._items[-1], "".join(self._parts)
        if item["type"] == "function_call":
            item["arguments"] = whole or "{}"
            yield self._of_item("function_call_arguments.done", arguments=item["arguments"])
        else:
            part = _part(item, whole, self._tokens)
            item["content"] = [part]
            fields = {"logprobs": part["logprobs"]} if item["type"] == "message" else {}
            kind = part["type"]
            yield self._of_item(f"{kind}.done", content_index=0, text=whole, **fields)
            yield self._of_item("content_part.done", content_index=0, part=part)
        item["status"] = status
        index = len(self._items) - 1
        yield self._event("output_item.done", output_index=index, item=item)

    def _finish(self, event: MessageStop) -> Json:
        reason = _INCOMPLETE.get(event.stop_reason)
        status = "incomplete" if reason else "completed"
        if reason:
            self.response["incomplete_details"] = {"reason": reason}
            if self._items:
                self._items[-1]["status"] = "incomplete"
        else:
            self.response["completed_at"] = int(sources.now().timestamp())
        self.response["status"] = status
        self.response["usage"] = usage(event.usage)
        return self._lifecycle(status)


def _part(item: Json, text: str, tokens: Iterable[TokenLogprob]) -> Json:
    if item["type"] == "reasoning":
        return {"type": "reasoning_text", "text": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs(tokens)}


class StreamEncoder:
    """Encodes one answer's events."""

    keep_alive = b": still here\n\n"

    def __init__(self, body: ResponsesBody) -> None:
        self._builder = ResponseBuilder(body)

    def encode(self, event: Event) -> bytes:
        """Return the event's bytes."""
        told = b"".join(sse.event(step["type"], step) for step in self._builder.add(event))
        return told + b"data: [DONE]\n\n" if isinstance(event, MessageStop) else told

    def error(self, error: ConsigneError) -> bytes:
        """Return the event that ends the stream with an error."""
        failed = self._builder.fail(error)
        return sse.event(failed["type"], failed)
