"""Servers of tools that a request names (Model Context Protocol), called within its answer.

Only where the operator allows it (``tools.requested_servers``), and in the public internet alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from consigne.domain.errors import InvalidRequest
from consigne.domain.ids import new_id
from consigne.domain.messages import (
    ImageBlock,
    Json,
    TextBlock,
    Tool,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model
from consigne.settings import ToolSettings

if TYPE_CHECKING:
    from consigne.chat.tools.base import Outcome
    from consigne.chat.tools.mcp_client import RemoteTool, Server

MOST_SERVERS: Final = 20
_CALL_TIMEOUT_S: Final = 60.0
_PICTURE: Final = "(A picture, which is not shown here.)"


class RemoteWish(msgspec.Struct, frozen=True, kw_only=True):
    """A server that the request names."""

    label: str
    url: str
    headers: dict[str, str] = {}
    allowed: frozenset[str] | None = None
    """The tools that may be used; all where unset."""
    hidden: frozenset[str] = frozenset()
    """Those that may not."""
    read_only: bool = False
    """Whether only those may that change nothing."""
    about: str = ""
    param: str = ""
    """Where the request names it."""


class Offered(msgspec.Struct, frozen=True):
    """A tool of such a server."""

    label: str
    server: "Server"
    tool: "RemoteTool"


class RemoteListed(msgspec.Struct, frozen=True):
    """A server has told its tools."""

    list_id: str
    label: str
    tools: Sequence["RemoteTool"]


class RemoteBegun(msgspec.Struct, frozen=True):
    """The model has called a tool."""

    call_id: str
    label: str
    name: str
    input: Json


class RemoteEnded(msgspec.Struct, frozen=True):
    """It has answered, or failed."""

    begun: RemoteBegun
    text: str
    is_error: bool = False


RemoteEvent = RemoteListed | RemoteBegun | RemoteEnded
Offers = Mapping[str, Offered]
"""The tools, by the names that the model knows them by."""


async def listed(
    wishes: Sequence[RemoteWish], settings: ToolSettings
) -> tuple[list[RemoteListed], dict[str, Offered]]:
    """Ask the servers for their tools.

    Raises:
        InvalidRequest: One can't be used; the message says why.
    """
    from consigne.chat.tools import mcp_client
    from consigne.chat.tools.base import ToolFailed

    servers = [
        mcp_client.Server(
            wish.label, url=wish.url, headers=wish.headers, anywhere=settings.private_addresses
        )
        for wish in wishes
    ]
    try:
        told = await asyncio.gather(*map(mcp_client.list_tools, servers))
    except ToolFailed as error:
        raise InvalidRequest(str(error), param=wishes[0].param) from None
    lists: list[RemoteListed] = []
    offers: dict[str, Offered] = {}
    for wish, server, tools in zip(wishes, servers, told, strict=True):
        fitting = [each for each in tools if _may_use(wish, each)]
        lists.append(RemoteListed(new_id("mcpl"), wish.label, fitting))
        for each in fitting:
            name = mcp_client.offered_name(wish.label, each.name)
            offers[name] = Offered(wish.label, server, each)
    return lists, offers


def _may_use(wish: RemoteWish, tool: "RemoteTool") -> bool:
    allowed = wish.allowed is None or tool.name in wish.allowed
    return allowed and tool.name not in wish.hidden and (tool.read_only or not wish.read_only)


def tools(offers: Offers, wishes: Sequence[RemoteWish]) -> tuple[Tool, ...]:
    """Return the tools as the model is told of them; the first of a server tells what that is."""
    about = {wish.label: wish.about for wish in wishes if wish.about}
    found = []
    for name, offered in offers.items():
        said = (about.pop(offered.label, ""), offered.tool.description)
        described = "\n\n".join(filter(None, said))
        found.append(Tool(name, {"type": "object"} | offered.tool.input_schema, described))
    return tuple(found)


class RemoteRunner:
    """Calls one server's tool, for one answer."""

    def __init__(self, offered: Offered, model: Model) -> None:
        self._offered = offered
        self._model = model

    async def run(self, call: ToolUseBlock) -> AsyncIterator[RemoteEvent | ToolResultBlock]:
        """Call it; what hinders that is told the reader and the model."""
        from consigne.chat.tools.limits import as_seen, fitted

        offered = self._offered
        begun = RemoteBegun(new_id("mcp"), offered.label, offered.tool.name, call.input)
        yield begun
        outcome = fitted(await self._called(call), self._model)
        yield RemoteEnded(begun, _text(outcome), outcome.is_error)
        result = ToolResultBlock(call.id, outcome.content, is_error=outcome.is_error)
        seen = as_seen(result, self._model)
        assert isinstance(seen, ToolResultBlock)
        yield seen

    async def _called(self, call: ToolUseBlock) -> "Outcome":
        from consigne.chat.tools import mcp_client
        from consigne.chat.tools.base import ToolFailed, refused

        server, name = self._offered.server, self._offered.tool.name
        try:
            return await mcp_client.call_tool(server, name, call.input, timeout_s=_CALL_TIMEOUT_S)
        except ToolFailed as error:
            return refused(str(error))


def _text(outcome: "Outcome") -> str:
    return "\n\n".join(
        _PICTURE if isinstance(block, ImageBlock) else block.text for block in outcome.content
    )


def recalled(
    call_id: str, label: str, name: str, given: Json, said: str, *, is_error: bool
) -> tuple[ToolUseBlock, ToolResultBlock]:
    """Return an earlier call with its result, as the model is told of both."""
    from consigne.chat.tools.mcp_client import offered_name

    call = ToolUseBlock(call_id, offered_name(label, name), given)
    return call, ToolResultBlock(call_id, (TextBlock(said),), is_error=is_error)
