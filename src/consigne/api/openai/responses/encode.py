"""Responses: one builder folds the answer's events and tells each step as the stream's events."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

from consigne.api.errors import openai_error
from consigne.api.fetch_calls import FetchBegun, FetchEnded
from consigne.api.openai import custom
from consigne.api.openai.responses import pictures, remote, searches
from consigne.api.openai.responses.envelope import envelope, summary
from consigne.api.openai.responses.schemas import ResponsesBody
from consigne.api.openai.responses.sealed import seal
from consigne.api.openai.responses.tools import Called, names
from consigne.api.openai.shared import logprobs
from consigne.api.picture_calls import PictureBegun, PictureEnded, PictureGrows
from consigne.api.remote_calls import RemoteBegun, RemoteEnded, RemoteListed
from consigne.api.run_here import CallEvent, Told
from consigne.api.search_calls import SearchBegun, SearchEnded
from consigne.domain import sources
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    BlockStop,
    Cited,
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


_RUN_HERE = (pictures.KIND, searches.KIND, remote.KIND)
_WHOLE = (*_RUN_HERE, remote.LIST)
"""Items that are over when the model goes on: an answer that is cut then does not cut them."""


def usage(counts: Usage) -> Json:
    """Return the token counts."""
    return {
        "input_tokens": counts.input_tokens,
        "input_tokens_details": {
            "cached_tokens": counts.cached_input_tokens,
            "cache_write_tokens": 0,
        },
        "output_tokens": counts.output_tokens,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning_tokens},
        "total_tokens": counts.input_tokens + counts.output_tokens,
    }


class ResponseBuilder:
    """Folds one answer's events into a response; each step yields the events that tell of it."""

    def __init__(self, body: ResponsesBody, model: str) -> None:
        self.response = envelope(body, model, int(sources.now().timestamp()))
        self._body = body
        self._called = names(body)
        self._summarises = summary(body) is not None
        self._seals = body.store is False or "reasoning.encrypted_content" in (body.include or ())
        self._sequence = -1
        self._begun = False
        self._open = False
        self._items: list[Json] = self.response["output"]
        self._parts: list[str] = []
        self._tokens: list[TokenLogprob] = []
        self._annotations: list[Json] = []
        self._input = custom.InputReader()

    @property
    def begun(self) -> bool:
        """Whether anything has been told."""
        return self._begun

    @property
    def next_number(self) -> int:
        """The sequence number of the next event."""
        return self._sequence + 1

    def begin(self) -> Iterable[Json]:
        """Tell that the response waits for its turn; only one in the background does."""
        self._begun = True
        self.response["status"] = "queued"
        yield self._lifecycle("created")
        yield self._lifecycle("queued")

    def add(self, event: Told) -> Iterable[Json]:
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
                yield self._thought(event.thinking)
            case InputDelta():
                yield from self._arguments(event.partial_json)
            case MessageStart():
                self.response |= {"model": event.model, "status": "in_progress"}
                if not self._begun:
                    self._begun = True
                    yield self._lifecycle("created")
                yield self._lifecycle("in_progress")
            case TextStart() | ThinkingStart() | ToolUseStart():
                yield from self._begin(event)
            case BlockStop():
                yield from self._cite(event.cited)
                yield from self._end("completed")
            case MessageStop():
                yield self._finish(event)
            case Failed():
                raise from_code(event.code, event.message)
            case _:
                yield from self._run_here(event)

    def _run_here(self, event: CallEvent) -> Iterable[Json]:
        match event:
            case PictureBegun() | PictureGrows() | PictureEnded():
                yield from self._picture(event)
            case SearchBegun() | SearchEnded():
                yield from self._search(event)
            case RemoteListed():
                yield from self._listed(event)
            case RemoteBegun() | RemoteEnded():
                yield from self._remote(event)
            case FetchBegun() | FetchEnded():
                raise TypeError("responses read no pages")
            case _:
                assert_never(event)

    def fail(self, error: ConsigneError) -> Json:
        """Return the event that ends the stream with an error."""
        told = openai_error(error)
        code = "rate_limit_exceeded" if error.status in (429, 529) else "server_error"
        code = "invalid_prompt" if error.status < 429 else code
        self.response["error"] = told | {"code": code}
        return self._cut("failed", "failed")

    def cancel(self) -> Json:
        """Return the event that ends a response that was cancelled.

        The dialect has no event of that name: it is ``response.incomplete``, and the response's
        status says ``cancelled``.
        """
        return self._cut("cancelled", "incomplete")

    def _cut(self, status: str, kind: str) -> Json:
        if self._open:
            self._open = False
            self._fill(self._items[-1])
            self._items[-1]["status"] = "incomplete"
        elif self._items and self._items[-1]["type"] in _RUN_HERE:
            pictures.cut_item(self._items[-1])
        self.response["status"] = status
        return self._lifecycle(kind)

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

    def _arguments(self, piece: str) -> Iterable[Json]:
        if self._items[-1]["type"] != custom.KIND:
            yield self._delta("function_call_arguments", piece)
            return
        self._parts.append(piece)
        if given := self._input.feed(piece):
            yield self._of_item("custom_tool_call_input.delta", delta=given)

    def _thought(self, thinking: str) -> Json:
        if self._summarises:
            return self._delta("reasoning_summary_text", thinking, summary_index=0)
        return self._delta("reasoning_text", thinking, content_index=0)

    def _begin(self, event: TextStart | ThinkingStart | ToolUseStart) -> Iterable[Json]:
        self._parts, self._tokens, self._annotations, self._open = [], [], [], True
        self._input = custom.InputReader()
        item = self._item(event)
        self._items.append(item)
        index = len(self._items) - 1
        yield self._event("output_item.added", output_index=index, item=dict(item))
        if isinstance(event, ThinkingStart) and self._summarises:
            part = {"type": "summary_text", "text": ""}
            yield self._of_item("reasoning_summary_part.added", summary_index=0, part=part)
        elif not isinstance(event, ToolUseStart):
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
                item = {"id": new_id("fc"), "type": "function_call", "arguments": ""}
                if called.custom:
                    item = {"id": new_id("ctc"), "type": custom.KIND, "input": ""}
                item |= {"call_id": event.id, "name": called.name}
                return item | status | ({"namespace": called.namespace} if called.namespace else {})
            case _:
                assert_never(event)

    def _cite(self, cited: Sequence[Cited]) -> Iterable[Json]:
        """Tell of the passages that the text rests on, each where the text ends."""
        text = "".join(self._parts)
        files = [
            {
                "type": "file_citation",
                "index": len(text),
                "file_id": each.file_id,
                "filename": each.filename,
            }
            for each in cited
            if each.url is None
        ]
        for number, note in enumerate([*files, *searches.notes(text, cited)]):
            self._annotations.append(note)
            place = {"content_index": 0, "annotation_index": number}
            yield self._of_item("output_text.annotation.added", **place, annotation=note)

    def _end(self, status: str) -> Iterable[Json]:
        item, self._open = self._items[-1], False
        self._fill(item)
        if item["type"] == "function_call":
            item["arguments"] = item["arguments"] or "{}"
            yield self._of_item("function_call_arguments.done", arguments=item["arguments"])
        elif item["type"] == custom.KIND:
            yield self._of_item("custom_tool_call_input.done", input=item["input"])
        elif item["type"] == "reasoning" and self._summarises:
            part = item["summary"][0]
            yield self._of_item("reasoning_summary_text.done", summary_index=0, text=part["text"])
            yield self._of_item("reasoning_summary_part.done", summary_index=0, part=part)
        else:
            part = item["content"][0]
            fields = {"logprobs": part["logprobs"]} if item["type"] == "message" else {}
            kind = part["type"]
            yield self._of_item(f"{kind}.done", content_index=0, text=part["text"], **fields)
            yield self._of_item("content_part.done", content_index=0, part=part)
        item["status"] = status
        index = len(self._items) - 1
        yield self._event("output_item.done", output_index=index, item=item)

    def _picture(self, event: PictureBegun | PictureGrows | PictureEnded) -> Iterable[Json]:
        kind = pictures.KIND
        match event:
            case PictureBegun():
                item = pictures.begun_item(event, self._body)
                self._items.append(item)
                index = len(self._items) - 1
                yield self._event("output_item.added", output_index=index, item=dict(item))
                yield self._of_item(f"{kind}.in_progress")
                yield self._of_item(f"{kind}.generating")
            case PictureGrows():
                yield self._of_item(f"{kind}.partial_image", **pictures.partial(event))
            case PictureEnded():
                item = self._items[-1]
                pictures.end_item(item, event)
                if event.ready is not None:
                    yield self._of_item(f"{kind}.completed")
                index = len(self._items) - 1
                yield self._event("output_item.done", output_index=index, item=item)

    def _listed(self, event: RemoteListed) -> Iterable[Json]:
        item = remote.list_item(event)
        self._items.append(item)
        index = len(self._items) - 1
        yield self._event("output_item.added", output_index=index, item=item | {"tools": []})
        yield self._of_item("mcp_list_tools.in_progress")
        yield self._of_item("mcp_list_tools.completed")
        yield self._event("output_item.done", output_index=index, item=item)

    def _remote(self, event: RemoteBegun | RemoteEnded) -> Iterable[Json]:
        kind = remote.KIND
        if isinstance(event, RemoteBegun):
            item = remote.begun_item(event)
            self._items.append(item)
            index, given = len(self._items) - 1, item["arguments"]
            yield self._event(
                "output_item.added", output_index=index, item=item | {"arguments": ""}
            )
            yield self._of_item(f"{kind}.in_progress")
            yield self._of_item(f"{kind}_arguments.delta", delta=given)
            yield self._of_item(f"{kind}_arguments.done", arguments=given)
            return
        item = self._items[-1]
        remote.end_item(item, event)
        yield self._of_item(f"{kind}.failed" if event.is_error else f"{kind}.completed")
        yield self._event("output_item.done", output_index=len(self._items) - 1, item=item)

    def _search(self, event: SearchBegun | SearchEnded) -> Iterable[Json]:
        index = len(self._items) - isinstance(event, SearchEnded)
        if isinstance(event, SearchBegun):
            item = searches.begun_item(event)
            self._items.append(item)
            yield self._event("output_item.added", output_index=index, item=dict(item))
            yield self._of_item(f"{searches.KIND}.in_progress")
            yield self._of_item(f"{searches.KIND}.searching")
            return
        item = self._items[-1]
        searches.end_item(item, event, self._body.include or ())
        if event.trouble is None:
            yield self._of_item(f"{searches.KIND}.completed")
        yield self._event("output_item.done", output_index=index, item=item)

    def _fill(self, item: Json) -> None:
        """Put what was written so far into its item."""
        whole = "".join(self._parts)
        if item["type"] == "function_call":
            item["arguments"] = whole
        elif item["type"] == custom.KIND:
            item["input"] = custom.whole(whole)
        elif item["type"] == "reasoning" and self._summarises:
            item["summary"] = [{"type": "summary_text", "text": whole}]
        else:
            item["content"] = [_part(item, whole, self._tokens, self._annotations)]
        if item["type"] == "reasoning" and self._seals:
            item["encrypted_content"] = seal(whole)

    def _finish(self, event: MessageStop) -> Json:
        reason = _INCOMPLETE.get(event.stop_reason)
        status = "incomplete" if reason else "completed"
        if reason:
            self.response["incomplete_details"] = {"reason": reason}
            if self._items and self._items[-1]["type"] not in _WHOLE:
                self._items[-1]["status"] = "incomplete"
        else:
            self.response["completed_at"] = int(sources.now().timestamp())
        self.response["status"] = status
        self.response["usage"] = usage(event.usage)
        return self._lifecycle(status)


def _part(
    item: Json, text: str, tokens: Iterable[TokenLogprob], annotations: Sequence[Json] = ()
) -> Json:
    if item["type"] == "reasoning":
        return {"type": "reasoning_text", "text": text}
    told = {"annotations": list(annotations), "logprobs": logprobs(tokens)}
    return {"type": "output_text", "text": text, **told}
