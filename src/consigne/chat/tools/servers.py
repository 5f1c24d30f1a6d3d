"""Servers of tools: those of the operator's settings, and those that a workspace added."""

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.tools import mcp_client
from consigne.chat.tools.base import Call, ChatTool, Outcome, ToolFailed, Words
from consigne.chat.tools.mcp_client import RemoteTool, Server
from consigne.chat.tools.toolbox import forget_approvals
from consigne.domain import sources
from consigne.domain.errors import Conflict, InvalidRequest, NotFound
from consigne.domain.ids import new_id
from consigne.settings import ToolSettings
from consigne.store.db import Database
from consigne.store.tools_tables import ToolServerRow

log = logging.getLogger(__name__)

KEPT_S = 300.0
"""How long a server's list of tools is believed."""
RETRIED_S = 30.0
"""After so long a server that failed is asked again."""
CALL_TIMEOUT_S = 120.0
MOST_SERVERS = 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,24}")


class ServerState(msgspec.Struct, frozen=True):
    """A server as people see it; nobody is shown its secrets."""

    id: str
    """Empty for one of the operator's."""
    name: str
    url: str
    """Empty for a program of this machine."""
    tools: int
    problem: str
    """Why it can't be used, if so."""
    created_at: datetime | None = None


class _Listing(msgspec.Struct, frozen=True):
    tools: tuple[RemoteTool, ...]
    problem: str
    until: float


class ToolServers:
    """Knows the servers of each workspace, and what they offer; a ``ToolSource``."""

    def __init__(self, db: Database, settings: ToolSettings) -> None:
        self._db = db
        self._settings = settings
        self._own = [
            Server(s.name, s.command, s.args, s.env, s.url, s.headers, anywhere=True)
            for s in settings.servers
        ]
        self._listings: dict[str, _Listing] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def tools(self, person: Caller) -> Sequence[ChatTool]:
        """Return the tools of all servers that can be used; those that can't hinder nobody."""
        servers = [server for server, _ in await self._servers(person)]
        listings = await asyncio.gather(*(self._listing(person, each) for each in servers))
        return [
            _chat_tool(server, tool)
            for server, listing in zip(servers, listings, strict=True)
            for tool in listing.tools
        ]

    async def states(self, person: Caller) -> list[ServerState]:
        """Return the servers of a person's workspace, and how they are."""
        servers = await self._servers(person)
        listings = await asyncio.gather(*(self._listing(person, each) for each, _ in servers))
        return [
            ServerState(
                id=row.id if row else "",
                name=server.name,
                url=server.url,
                tools=len(listing.tools),
                problem=listing.problem,
                created_at=row.created_at if row else None,
            )
            for (server, row), listing in zip(servers, listings, strict=True)
        ]

    async def add(
        self, person: Caller, *, name: str, url: str, authorization: str = ""
    ) -> ServerState:
        """Add a server to a person's workspace, once it was found to work.

        Raises:
            InvalidRequest: The name is none, or the server can't be used.
            Conflict: There is one of this name, or there are too many.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequest("A name is 1 to 24 letters, digits, _ or -.", param="name")
        if not (authorization.isascii() and (authorization.isprintable() or not authorization)):
            raise InvalidRequest("This is no value of a header.", param="authorization")
        present = await self._servers(person)
        if any(server.name == name for server, _ in present):
            raise Conflict(f"There is a server of the name {name} already.")
        if len(present) >= MOST_SERVERS:
            raise Conflict(f"A workspace has at most {MOST_SERVERS} servers.")
        row = ToolServerRow(
            id=new_id("srv"),
            organisation_id=person.organisation_id,
            workspace_id=person.workspace_id,
            name=name,
            url=url,
            authorization=authorization,
            created_at=sources.now(),
        )
        try:
            found = await mcp_client.list_tools(self._as_server(row))
        except ToolFailed as error:
            raise InvalidRequest(str(error), param="url") from None
        async with self._db.session() as session:
            session.add(row)
        return ServerState(row.id, name, url, len(found), "", row.created_at)

    async def remove(self, person: Caller, server_id: str) -> None:
        """Remove a server from a person's workspace; what was allowed of it is forgotten.

        Raises:
            NotFound: The workspace has no such server.
        """
        async with self._db.session() as session:
            row = await _row(session, person, server_id)
            await forget_approvals(session, person, mcp_client.offered_name(row.name, ""))
            await session.delete(row)

    async def _servers(self, person: Caller) -> list[tuple[Server, ToolServerRow | None]]:
        own: list[tuple[Server, ToolServerRow | None]] = [(each, None) for each in self._own]
        async with self._db.reading() as session:
            rows = await session.scalars(
                select(ToolServerRow)
                .where(
                    ToolServerRow.organisation_id == person.organisation_id,
                    ToolServerRow.workspace_id == person.workspace_id,
                )
                .order_by(ToolServerRow.id)
            )
            return own + [(self._as_server(row), row) for row in rows]

    def _as_server(self, row: ToolServerRow) -> Server:
        headers = {"authorization": row.authorization} if row.authorization else {}
        return Server(
            row.name, url=row.url, headers=headers, anywhere=self._settings.private_addresses
        )

    async def _listing(self, person: Caller, server: Server) -> _Listing:
        key = f"{person.workspace_id} {server.name} {server.url} {server.headers}"
        lock = self._asking.setdefault(key, asyncio.Lock())
        async with lock:  # many conversations ask at once; the server is asked once
            known = self._listings.get(key)
            if known is None or known.until < time.monotonic():
                known = self._listings[key] = await _asked(server)
            return known


async def _asked(server: Server) -> _Listing:
    try:
        found = await mcp_client.list_tools(server)
    except ToolFailed as error:
        log.warning("no tools of %s: %s", server.name, error)
        return _Listing((), str(error), time.monotonic() + RETRIED_S)
    return _Listing(tuple(found), "", time.monotonic() + KEPT_S)


async def _row(session: AsyncSession, person: Caller, server_id: str) -> ToolServerRow:
    row = await session.scalar(
        select(ToolServerRow).where(
            ToolServerRow.id == server_id,
            ToolServerRow.organisation_id == person.organisation_id,
            ToolServerRow.workspace_id == person.workspace_id,
        )
    )
    if row is None:
        raise NotFound("There is no such server of tools.")
    return row


def _chat_tool(server: Server, tool: RemoteTool) -> ChatTool:
    async def run(call: Call) -> Outcome:
        return await mcp_client.call_tool(server, tool.name, call.input, timeout_s=CALL_TIMEOUT_S)

    return ChatTool(
        name=mcp_client.offered_name(server.name, tool.name),
        title=Words(tool.title, tool.title),
        description=tool.description,
        input_schema=tool.input_schema,
        run=run,
        read_only=tool.read_only,
        timeout_s=CALL_TIMEOUT_S + 5,
        group=server.name,
    )
