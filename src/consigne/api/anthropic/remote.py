"""Servers of tools within messages: ``mcp_servers`` and the toolsets that choose from them."""

from typing import Any

from consigne.api.anthropic.schemas import McpResultParam, McpUseParam, PromptBody
from consigne.api.anthropic.tool_schemas import McpServerParam, ToolsetParam
from consigne.api.errors import InvalidField
from consigne.api.remote_calls import (
    MOST_SERVERS,
    RemoteBegun,
    RemoteEnded,
    RemoteEvent,
    RemoteListed,
    RemoteWish,
)
from consigne.api.remote_calls import recalled as recalled_call
from consigne.domain.messages import TextBlock, ToolResultBlock, ToolUseBlock
from consigne.settings import ToolSettings

Json = dict[str, Any]


def wanted(body: PromptBody, settings: ToolSettings) -> list[RemoteWish]:
    """Return the servers of a request, as its toolsets want them.

    Raises:
        InvalidField: Such servers are not called here, or the request contradicts itself.
    """
    servers = body.mcp_servers or []
    if servers and not settings.requested_servers:
        message = "MCP servers are not called here; the operator can allow it"
        raise InvalidField(f"{message} (tools.requested_servers)", param="mcp_servers")
    if len(servers) > MOST_SERVERS or len({each.name for each in servers}) < len(servers):
        message = f"At most {MOST_SERVERS} servers, with names of their own, can be called"
        raise InvalidField(message, param="mcp_servers")
    sets: dict[str, ToolsetParam] = {}
    names = {each.name for each in servers}
    for i, tool in enumerate(body.tools or ()):
        if isinstance(tool, ToolsetParam):
            if tool.mcp_server_name not in names:
                message = "There is no server of this name in 'mcp_servers'"
                raise InvalidField(message, param=f"tools.{i}.mcp_server_name")
            if tool.tools is not None:
                message = "Servers are asked for their tools each time; leave it out"
                raise InvalidField(message, param=f"tools.{i}.tools")
            sets[tool.mcp_server_name] = tool
    wishes = (_wish(server, sets.get(server.name), i) for i, server in enumerate(servers))
    return [wish for wish in wishes if wish is not None]


def _wish(server: McpServerParam, chosen: ToolsetParam | None, i: int) -> RemoteWish | None:
    """Return how a server is wanted; ``None`` where it is switched off."""
    set_up = server.tool_configuration
    allowed = set_up.allowed_tools if set_up else None
    if set_up is not None and set_up.enabled is False:
        return None
    hidden: set[str] = set()
    if chosen is not None:
        on = not (chosen.default_config and chosen.default_config.enabled is False)
        single = {name: each.enabled for name, each in (chosen.configs or {}).items()}
        hidden = {name for name, enabled in single.items() if enabled is False}
        if not on:
            allowed = [name for name, enabled in single.items() if enabled]
    token = server.authorization_token
    if token is not None and not (token.isascii() and token.isprintable()):
        where = f"mcp_servers.{i}.authorization_token"
        raise InvalidField("This can't be the value of a header", param=where)
    return RemoteWish(
        label=server.name,
        url=server.url,
        headers={"authorization": f"Bearer {token}"} if token else {},
        allowed=None if allowed is None else frozenset(allowed),
        hidden=frozenset(hidden),
        param=f"mcp_servers.{i}",
    )


def blocks(event: RemoteEvent) -> list[Json]:
    """Return the blocks that tell of a step."""
    match event:
        case RemoteListed():
            return []
        case RemoteBegun():
            told = {"name": event.name, "server_name": event.label, "input": event.input}
            return [{"type": "mcp_tool_use", "id": _call_id(event), **told}]
        case RemoteEnded():
            return [
                {
                    "type": "mcp_tool_result",
                    "tool_use_id": _call_id(event.begun),
                    "is_error": event.is_error,
                    "content": [{"type": "text", "text": event.text, "citations": None}],
                }
            ]


def _call_id(begun: RemoteBegun) -> str:
    return f"mcptoolu_{begun.call_id.partition('_')[2]}"


def recalled_use(block: McpUseParam) -> ToolUseBlock:
    """Return an earlier call as the model is told of it."""
    return recalled_call(block.id, block.server_name, block.name, block.input, "", is_error=False)[
        0
    ]


def recalled_result(block: McpResultParam) -> ToolResultBlock:
    """Return its result as the model is told of it."""
    given = block.content
    said = given if isinstance(given, str) else "\n\n".join(part.text for part in given)
    return ToolResultBlock(block.tool_use_id, (TextBlock(said),), is_error=block.is_error)
