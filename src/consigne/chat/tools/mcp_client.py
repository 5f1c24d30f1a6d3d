"""Speaks the Model Context Protocol to servers of tools, by the official SDK.

A connection lives for one call or one listing: a server that hangs, dies or leaks takes nothing
with it, and its program ends with the call.
"""

import asyncio
import base64
import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from consigne.chat.tools.base import Outcome, ToolFailed
from consigne.chat.tools.guarded_http import Forbidden, pin
from consigne.domain.messages import ImageBlock, Json, TextBlock

if TYPE_CHECKING:
    from mcp import Client

LISTING_TIMEOUT_S = 20.0
MOST_TOOLS = 64
LARGEST_PICTURE = 256 * 1024
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_NAME = re.compile(r"[^A-Za-z0-9_-]")


class Server(msgspec.Struct, frozen=True):
    """Where a server of tools is: a program of this machine, or an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str = ""
    headers: dict[str, str] = {}
    anywhere: bool = False
    """Whether the address may be in the operator's own network."""


class RemoteTool(msgspec.Struct, frozen=True):
    """A tool that a server offers."""

    name: str
    title: str
    description: str
    input_schema: Json
    read_only: bool


async def list_tools(server: Server) -> list[RemoteTool]:
    """Return what a server offers.

    Raises:
        ToolFailed: It can't be reached, or does not speak the protocol.
    """
    async with _connected(server, LISTING_TIMEOUT_S) as client:
        found: list[RemoteTool] = []
        cursor: str | None = None
        while len(found) < MOST_TOOLS:
            page = await client.list_tools(cursor=cursor)
            found += [_tool(each) for each in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        return found[:MOST_TOOLS]


async def call_tool(server: Server, name: str, arguments: Json, *, timeout_s: float) -> Outcome:
    """Return what a server's tool answers.

    Raises:
        ToolFailed: It can't be reached, or broke off.
    """
    async with _connected(server, timeout_s) as client:
        result = await client.call_tool(name, arguments)
    content = tuple(map(_block, result.content))
    if not content and result.structured_content is not None:
        content = (TextBlock(msgspec.json.encode(result.structured_content).decode()),)
    return Outcome(content or (TextBlock("(It answered nothing.)"),), bool(result.is_error))


@contextlib.asynccontextmanager
async def _connected(server: Server, timeout_s: float) -> "AsyncIterator[Client]":
    try:
        async with asyncio.timeout(timeout_s), contextlib.AsyncExitStack() as stack:
            yield await stack.enter_async_context(await _client(server, stack))
    except (ToolFailed, asyncio.CancelledError):
        raise
    except BaseExceptionGroup as group:
        raise _failed(server, _first(group)) from None
    except Exception as error:  # noqa: BLE001 - whatever a server or the SDK thinks of
        raise _failed(server, error) from None


async def _client(server: Server, stack: contextlib.AsyncExitStack) -> "Client":
    try:
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client
        from mcp.client.streamable_http import streamable_http_client
    except ImportError:
        raise ToolFailed(
            "Servers of tools need a part that is not installed here: pip install 'consigne[tools]'"
        ) from None
    if server.command:
        program = StdioServerParameters(
            command=server.command, args=list(server.args), env=server.env or None
        )
        quiet = stack.enter_context(Path(os.devnull).open("w"))  # noqa: ASYNC230, SIM115 - no disk
        return Client(stdio_client(program, errlog=quiet))
    http = await stack.enter_async_context(_http(server))
    return Client(streamable_http_client(server.url, http_client=http))


def _http(server: Server) -> Any:
    import httpx2

    class Guarded(httpx2.AsyncHTTPTransport):
        """Asks public addresses alone."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await pin(request)
            return await super().handle_async_request(request)

    transport = None if server.anywhere else Guarded()
    return httpx2.AsyncClient(
        headers=server.headers, transport=transport, timeout=60.0, trust_env=server.anywhere
    )


def _failed(server: Server, error: BaseException) -> ToolFailed:
    if isinstance(error, ToolFailed):
        return error
    if isinstance(error, Forbidden):
        return ToolFailed(str(error))
    if isinstance(error, TimeoutError):
        return ToolFailed(f"The server {server.name} did not answer in time.")
    if isinstance(error, FileNotFoundError):
        return ToolFailed(f"The server {server.name} has no program {server.command!r} here.")
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return ToolFailed(f"The server {server.name} can't be used: {said}")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tool(tool: Any) -> RemoteTool:
    notes = tool.annotations
    return RemoteTool(
        name=tool.name,
        title=(tool.title or (notes.title if notes else None) or tool.name)[:80],
        description=(tool.description or "")[:2000],
        input_schema=tool.input_schema,
        read_only=bool(notes and notes.read_only_hint),
    )


def _block(block: Any) -> TextBlock | ImageBlock:
    match block.type:
        case "text":
            return TextBlock(block.text)
        case "image" if block.mime_type in _PICTURES:
            data = base64.b64decode(block.data)
            if len(data) <= LARGEST_PICTURE:
                return ImageBlock(block.mime_type, data)
            return TextBlock(f"(A picture of {len(data):,} bytes, which is too large.)")
        case "resource" if getattr(block.resource, "text", None):
            return TextBlock(block.resource.text)
        case "resource_link":
            return TextBlock(f"{block.name}: {block.uri}")
        case other:
            return TextBlock(f"(Something of kind {other}, which is not shown here.)")


def offered_name(server: str, tool: str) -> str:
    """Return the name under which models call a server's tool: 64 characters at most."""
    return _NAME.sub("_", f"{server}__{tool}")[:64]
