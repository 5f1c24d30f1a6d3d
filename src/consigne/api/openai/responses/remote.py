"""Servers of tools within responses: the tool ``mcp``, and the items that tell of it."""

from typing import Any, Final, TypeVar

import msgspec

from consigne.api.openai.responses.schemas import ContextBody, McpCallItem
from consigne.api.openai.responses.tool_schemas import McpFilter, McpToolItem
from consigne.api.openai.shared import arguments, refuse
from consigne.api.remote_calls import (
    MOST_SERVERS,
    RemoteBegun,
    RemoteEnded,
    RemoteListed,
    RemoteWish,
    recalled,
)
from consigne.domain.messages import ToolResultBlock, ToolUseBlock
from consigne.settings import ToolSettings

Json = dict[str, Any]
Asked = TypeVar("Asked", bound=ContextBody)

KIND: Final = "mcp_call"
LIST: Final = "mcp_list_tools"


def offered(body: Asked, settings: ToolSettings) -> Asked:
    """Return the body; where such servers are not called the tools are left out."""
    rest = [each for each in body.tools or () if not isinstance(each, McpToolItem)]
    if settings.requested_servers or len(rest) == len(body.tools or ()):
        return body
    return body.model_copy(update={"tools": rest})


def wanted(body: ContextBody) -> list[RemoteWish]:
    """Return the servers of a request.

    Raises:
        InvalidField: One can't be called as it is wanted.
    """
    found: dict[str, RemoteWish] = {}
    for i, item in enumerate(body.tools or ()):
        if isinstance(item, McpToolItem):
            path = f"tools.{i}"
            if item.server_label in found or len(found) == MOST_SERVERS:
                refuse(f"{path}.server_label", f"at most {MOST_SERVERS} labels, each once")
            found[item.server_label] = _wish(item, path)
    return list(found.values())


def _wish(item: McpToolItem, path: str) -> RemoteWish:
    if item.server_url is None:
        message = "Give the server's address: there are no connectors or tunnels here."
        refuse(f"{path}.server_url", message, "unsupported")
    if item.require_approval != "never":
        message = "Nobody is asked for approval here; say 'never', and allow fewer tools instead."
        refuse(f"{path}.require_approval", message, "unsupported")
    headers = dict(item.headers or {})
    if item.authorization:
        headers["authorization"] = f"Bearer {item.authorization}"
    if not all(text.isascii() and text.isprintable() for each in headers.items() for text in each):
        refuse(f"{path}.headers", "a header is of printable ASCII characters")
    chosen = item.allowed_tools
    names = chosen.tool_names if isinstance(chosen, McpFilter) else chosen
    return RemoteWish(
        label=item.server_label,
        url=item.server_url,
        headers=headers,
        allowed=None if names is None else frozenset(names),
        read_only=isinstance(chosen, McpFilter) and chosen.read_only is True,
        about=item.server_description or "",
        param=path,
    )


def list_item(listed: RemoteListed) -> Json:
    """Return the item that tells a server's tools."""
    tools = [
        {
            "name": each.name,
            "description": each.description,
            "input_schema": each.input_schema,
            "annotations": {"read_only": each.read_only},
        }
        for each in listed.tools
    ]
    told = {"server_label": listed.label, "tools": tools, "error": None}
    return {"id": listed.list_id, "type": LIST, **told}


def begun_item(begun: RemoteBegun) -> Json:
    """Return the item of a call that is under way."""
    return {
        "id": begun.call_id,
        "type": KIND,
        "status": "in_progress",
        "approval_request_id": None,
        "server_label": begun.label,
        "name": begun.name,
        "arguments": msgspec.json.encode(begun.input).decode(),
        "output": None,
        "error": None,
    }


def end_item(item: Json, ended: RemoteEnded) -> None:
    """Put what came of it into an item."""
    if ended.is_error:
        content = [{"type": "text", "text": ended.text}]
        error = {"type": "mcp_tool_execution_error", "content": content}
        item |= {"status": "failed", "error": error}
    else:
        item |= {"status": "completed", "output": ended.text}


def called(item: McpCallItem, path: str) -> tuple[ToolUseBlock, ToolResultBlock]:
    """Return an earlier call with its result, as the model is told of both.

    Raises:
        InvalidField: Its arguments can't be read.
    """
    given = arguments(item.arguments, f"{path}.arguments")
    failed = item.output is None
    said = "It failed." if item.output is None else item.output
    call_id = item.id or f"mcp_{path}"
    return recalled(call_id, item.server_label, item.name, given, said, is_error=failed)
