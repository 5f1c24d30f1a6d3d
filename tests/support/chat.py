"""A person's chat in a test: what they do, in few words."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from consigne.business.caller import Caller
from consigne.chat.conversations import Conversations
from consigne.chat.runs import Runs
from consigne.chat.tools.toolbox import Toolbox
from consigne.chat.turns import Question
from consigne.chat.values import Conversation, RunEvent, Sent, StoredMessage, Thread
from consigne.store.db import Database
from doubles.chat_gateway import ChatGateway

DEADLINE_S = 60.0


class Chat:
    """Runs and conversations as one caller uses them."""

    def __init__(self, db: Database, gateway: ChatGateway, caller: Caller) -> None:
        self.db = db
        self.gateway = gateway
        self.caller = caller
        self.toolbox = Toolbox(db)
        self.runs = Runs(db, gateway, toolbox=self.toolbox)
        self.conversations = Conversations(db)
        self._client_ids = itertools.count(1)

    async def new(self) -> Conversation:
        return await self.conversations.create(self.caller)

    async def send(
        self,
        conversation: Conversation,
        text: str,
        parent: StoredMessage | None = None,
        **fields: str,
    ) -> Sent:
        fields.setdefault("client_id", f"client-{next(self._client_ids)}")
        parent_id = parent.id if parent else None
        question = Question(conversation.id, text, parent_id=parent_id, **fields)
        return await self.runs.send(self.caller, question)

    async def ask(
        self, conversation: Conversation, text: str, parent: StoredMessage | None = None
    ) -> StoredMessage:
        """Send a message and return its whole answer."""
        sent = await self.send(conversation, text, parent)
        return await self.done(sent.run.id)

    async def read(self, run_id: str, after: int = 0) -> list[RunEvent]:
        """Read a run to its end."""
        events = await self.runs.events(self.caller, run_id, after)
        return await collected(events) if events is not None else []

    async def done(self, run_id: str) -> StoredMessage:
        """Wait for a run's end and return its message as it is stored."""
        last = (await self.read(run_id))[-1]
        return msgspec.json.decode(msgspec.json.encode(body(last)["message"]), type=StoredMessage)

    async def thread(self, conversation: Conversation) -> Thread:
        return await self.conversations.thread(self.caller, conversation.id)

    async def message(self, conversation: Conversation, message_id: str) -> StoredMessage:
        thread = await self.thread(conversation)
        return next(message for message in thread.messages if message.id == message_id)


async def collected(events: AsyncIterator[Sequence[RunEvent]]) -> list[RunEvent]:
    async with asyncio.timeout(DEADLINE_S):
        return [event async for batch in events for event in batch]


def body(event: RunEvent) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(event.data)
    return decoded


def said(events: Sequence[RunEvent]) -> str:
    """Return the text of the deltas."""
    return "".join(body(event)["text"] for event in events if event.kind == "delta")


async def until_said(events: AsyncIterator[Sequence[RunEvent]], text: str) -> list[RunEvent]:
    """Read until the deltas make this text."""
    seen: list[RunEvent] = []
    async with asyncio.timeout(DEADLINE_S):
        async for batch in events:
            seen.extend(batch)
            if said(seen) == text:
                return seen
    raise AssertionError(f"the run ended with {said(seen)!r}")
