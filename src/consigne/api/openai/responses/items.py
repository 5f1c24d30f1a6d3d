"""Items as they are kept and listed: whole, each with its id and its status."""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import msgspec

from consigne.api.openai.responses.schemas import (
    CompactionItem,
    CustomCallItem,
    FunctionCallItem,
    FunctionOutputItem,
    ImageCallItem,
    InputFile,
    InputImage,
    InputRefusal,
    InputText,
    Item,
    ItemReference,
    McpCallItem,
    McpListItem,
    MessageItem,
    Part,
    ReasoningItem,
    ReasoningText,
    SearchCallItem,
    item_list,
)
from consigne.domain.ids import new_id

Json = dict[str, Any]

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
    "compaction": "cmp",
    "image_generation_call": "ig",
    "web_search_call": "ws",
    "mcp_list_tools": "mcpl",
    "mcp_call": "mcp",
}

_CALLS = ("function_call", "custom_tool_call")


def stored(given: str | Sequence[Item] | None) -> tuple[Json, ...]:
    """Return what a client gave as items to keep; an id that comes twice is given anew."""
    if given is None:
        return ()
    if isinstance(given, str):
        given = [MessageItem(role="user", content=given)]
    taken: set[str] = set()
    found = []
    for item in given:
        if isinstance(item, ItemReference):
            continue
        known = item.id if item.id is not None and item.id not in taken else None
        item_id = known or new_id(_PREFIXES[item.type])
        taken.add(item_id)
        found.append({"id": item_id, "type": item.type} | _fields(item))
    return tuple(found)


def read(kept: Iterable[Json]) -> list[Item]:
    """Return kept items as those of a request; calls that were cut in the middle are left out."""
    whole = [
        item for item in kept if not (item["type"] in _CALLS and item.get("status") == "incomplete")
    ]
    return item_list.validate_json(msgspec.json.encode(whole))


def references(given: Sequence[Item]) -> list[str]:
    """Return the ids of kept items that a request refers to."""
    return [item.id for item in given if isinstance(item, ItemReference)]


def resolved(given: Sequence[Item], known: dict[str, Json]) -> list[Item]:
    """Return the items with those that they refer to in their places."""
    found: list[Item] = []
    for item in given:
        found.extend(read([known[item.id]]) if isinstance(item, ItemReference) else [item])
    return found


def _fields(
    item: MessageItem
    | FunctionCallItem
    | FunctionOutputItem
    | CustomCallItem
    | ReasoningItem
    | CompactionItem
    | ImageCallItem
    | SearchCallItem
    | McpListItem
    | McpCallItem,
) -> Json:
    status = {"status": "completed"}
    match item:
        case MessageItem():
            parts = _parts(item.content, answer=item.role == "assistant")
            return {"role": item.role, "content": parts} | status
        case FunctionCallItem():
            called = {"call_id": item.call_id, "name": item.name, "arguments": item.arguments}
            space = {"namespace": item.namespace} if item.namespace else {}
            return called | space | {"status": item.status or "completed"}
        case CustomCallItem():
            called = {"call_id": item.call_id, "name": item.name, "input": item.input}
            space = {"namespace": item.namespace} if item.namespace else {}
            return called | space | {"status": item.status or "completed"}
        case FunctionOutputItem():
            kept = item.output if isinstance(item.output, str) else _parts(item.output)
            return {"call_id": item.call_id, "output": kept} | status
        case ReasoningItem():
            content = _texts("reasoning_text", item.content)
            told = {"summary": _texts("summary_text", item.summary), "content": content}
            return told | {"encrypted_content": item.encrypted_content} | status
        case CompactionItem():
            return {"encrypted_content": item.encrypted_content}
        case ImageCallItem():
            return {"result": None, "revised_prompt": item.revised_prompt} | status
        case SearchCallItem():
            return {"action": item.action or {"type": "search", "query": ""}} | status
        case McpListItem():
            return {"server_label": item.server_label, "tools": item.tools, "error": item.error}
        case McpCallItem():
            fields = ("server_label", "name", "arguments", "output", "error")
            told = {name: getattr(item, name) for name in fields}
            return told | {"approval_request_id": None, "status": item.status or "completed"}
        case _:
            assert_never(item)


def _texts(kind: str, texts: Sequence[ReasoningText] | None) -> list[Json]:
    return [{"type": kind, "text": each.text} for each in texts or ()]


def _parts(content: str | Sequence[Part], *, answer: bool = False) -> list[Json]:
    if isinstance(content, str):
        content = [InputText(type="input_text", text=content)]
    return [_part(part, answer=answer) for part in content]


def _part(part: Part, *, answer: bool) -> Json:
    match part:
        case InputText() if answer:
            return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}
        case InputText():
            return {"type": "input_text", "text": part.text}
        case InputRefusal():
            return {"type": "refusal", "refusal": part.refusal}
        case InputImage():
            given = part.model_dump(exclude_none=True)
            return {"file_id": None, "image_url": None, "detail": "auto"} | given
        case InputFile():
            return part.model_dump(exclude_none=True)
        case _:
            assert_never(part)
