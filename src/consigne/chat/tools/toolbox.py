"""All tools of the chat, and who is offered which."""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from consigne.business.caller import Caller
from consigne.chat.made_files import MadeFiles
from consigne.chat.tools.base import ChatTool, ToolSource
from consigne.domain import sources
from consigne.domain.errors import NotFound
from consigne.domain.messages import ContentBlock
from consigne.domain.models import Model
from consigne.store.db import Database
from consigne.store.tools_tables import ToolApprovalRow, ToolSwitchRow


class Switch(msgspec.Struct, frozen=True):
    """A tool as a person sees it among theirs."""

    tool: ChatTool
    on: bool


def can_use_tools(model: Model) -> bool:
    """Say whether a model is offered tools in the chat.

    The starter model can be made to call one, but is too small to choose well.
    """
    return model.capabilities.tools and not model.starter


class Toolbox:
    """Knows the tools; remembers which a person switched off, and what they allowed for good."""

    def __init__(self, db: Database, made: MadeFiles | None = None) -> None:
        self._db = db
        self._made = made
        self._tools: dict[str, ChatTool] = {}
        self._sources: list[ToolSource] = []

    def add(self, *tools: ChatTool) -> None:
        """Register tools that everybody may use."""
        for tool in tools:
            assert tool.name not in self._tools, tool.name
            self._tools[tool.name] = tool

    def tool(self, name: str) -> ChatTool | None:
        """Return one of the tools that everybody may use, if it is registered."""
        return self._tools.get(name)

    def add_source(self, source: ToolSource) -> None:
        """Register what brings tools that depend on the person."""
        self._sources.append(source)

    async def seen(
        self, person: Caller, model: Model, content: Sequence[ContentBlock]
    ) -> Sequence[ContentBlock]:
        """Return what tools answered as a model is shown it: with pictures, if it sees any."""
        if self._made is None or not model.capabilities.images_in:
            return content
        return await self._made.seen(person.organisation_id, content)

    async def switches(self, person: Caller) -> list[Switch]:
        """Return all tools that a person may use, and which of them are on."""
        known = await self._known(person)
        async with self._db.reading() as session:
            rows = await session.scalars(
                select(ToolSwitchRow).where(
                    ToolSwitchRow.organisation_id == person.organisation_id,
                    ToolSwitchRow.user_id == person.user_id,
                )
            )
            chosen = {row.tool: row.enabled for row in rows}
        return [Switch(tool, chosen.get(tool.name, tool.on)) for tool in known]

    async def switch(self, person: Caller, name: str, *, on: bool) -> None:
        """Switch a tool on or off for a person.

        Raises:
            NotFound: They have no such tool.
        """
        if not any(tool.name == name and not tool.research for tool in await self._known(person)):
            raise NotFound("There is no such tool.")
        async with self._db.session() as session:
            key = {
                "organisation_id": person.organisation_id,
                "user_id": person.user_id,
                "tool": name,
            }
            row = await session.scalar(select(ToolSwitchRow).filter_by(**key))
            if row is None:
                row = ToolSwitchRow(**key)
                session.add(row)
            row.enabled = on

    async def is_on(self, person: Caller, name: str) -> bool:
        """Say whether a person has a tool and has not switched it off."""
        return any(each.on and each.tool.name == name for each in await self.switches(person))

    async def offered(
        self, person: Caller, model: Model, *, mode: str, only: Collection[str] = ()
    ) -> dict[str, ChatTool]:
        """Return the tools that an answer may use, by name; ``only`` those named, if any are.

        Those of research cannot be named: they come with the search.
        """
        if not can_use_tools(model):
            return {}
        research = mode == "research" and (not only or "web_search" in only)
        return {
            each.tool.name: each.tool
            for each in await self.switches(person)
            if (
                research if each.tool.research else each.on and (not only or each.tool.name in only)
            )
        }

    async def allowed(self, person: Caller, conversation_id: str, name: str) -> bool:
        """Say whether a tool was allowed for the whole of a conversation."""
        async with self._db.reading() as session:
            found = await session.scalar(
                select(ToolApprovalRow.tool).where(
                    ToolApprovalRow.conversation_id == conversation_id,
                    ToolApprovalRow.tool == name,
                    ToolApprovalRow.organisation_id == person.organisation_id,
                )
            )
        return found is not None

    async def allow(self, person: Caller, conversation_id: str, name: str) -> None:
        """Allow a tool for the whole of a conversation, which the caller was found to own."""
        if await self.allowed(person, conversation_id, name):
            return
        async with self._db.session() as session:
            session.add(
                ToolApprovalRow(
                    conversation_id=conversation_id,
                    tool=name,
                    organisation_id=person.organisation_id,
                    created_at=sources.now(),
                )
            )

    async def _known(self, person: Caller) -> Sequence[ChatTool]:
        known = dict(self._tools)
        for source in self._sources:
            for tool in await source.tools(person):
                known.setdefault(tool.name, tool)
        return tuple(known.values())


async def forget_approvals(session: AsyncSession, person: Caller, prefix: str) -> None:
    """Take back what a person's organisation allowed for all tools whose name begins so."""
    await session.execute(
        delete(ToolApprovalRow).where(
            ToolApprovalRow.organisation_id == person.organisation_id,
            ToolApprovalRow.tool.startswith(prefix, autoescape=True),
        )
    )
