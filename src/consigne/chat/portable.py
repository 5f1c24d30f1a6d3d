"""Conversations as a file holds them: one's own form, whole, and markdown of the branch read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from consigne.chat.values import MessageState
from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import ContentBlock, TextBlock


class PortableMessage(msgspec.Struct, frozen=True):
    """One turn."""

    id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    content: tuple[ContentBlock, ...]
    created_at: datetime
    model: str | None = None
    state: MessageState = "complete"
    stop_reason: str | None = None

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


class PortableConversation(msgspec.Struct, frozen=True):
    """A conversation with all its branches; parents stand before their children."""

    title: str
    created_at: datetime
    updated_at: datetime
    messages: tuple[PortableMessage, ...]
    model: str = ""
    head_id: str | None = None
    """The leaf of the branch that is read."""
    pinned: bool = False
    archived: bool = False


class PortableFile(msgspec.Struct, frozen=True):
    """What a file of conversations holds."""

    format: Literal["consigne.conversations"]
    version: Literal[1]
    conversations: tuple[PortableConversation, ...]


def encode(conversations: Sequence[PortableConversation]) -> bytes:
    """Return conversations as a file, which ``imports.read`` reads."""
    whole = PortableFile("consigne.conversations", 1, tuple(conversations))
    return msgspec.json.format(msgspec.json.encode(whole), indent=1)


def branch(conversation: PortableConversation) -> list[PortableMessage]:
    """Return the branch that is read, root first."""
    known = {message.id: message for message in conversation.messages}
    found: list[PortableMessage] = []
    at = known.get(conversation.head_id or "")
    while at is not None:
        found.append(at)
        at = known.get(at.parent_id or "")
    return found[::-1]


def markdown(conversation: PortableConversation) -> str:
    """Return the branch that is read as one markdown text."""
    parts = [f"# {conversation.title or 'Conversation'}"]
    for message in branch(conversation):
        who = "You" if message.role == "user" else message.model or "Answer"
        parts.append(f"## {who}\n\n*{message.created_at:%Y-%m-%d %H:%M} UTC*\n\n{message.text}")
    return "\n\n".join(parts) + "\n"


def check(conversation: PortableConversation) -> None:
    """Check that the messages are a tree that the chat can hold.

    Raises:
        InvalidRequest: They are not.
    """
    roles: dict[str, str] = {}
    for message in conversation.messages:
        wrong = message.id in roles or (
            message.parent_id is not None and roles.get(message.parent_id) in (None, message.role)
        )
        if wrong or (message.parent_id is None and message.role != "user"):
            raise InvalidRequest(
                f"The conversation “{conversation.title}” is damaged: its message {message.id} "
                "does not follow one before it."
            )
        roles[message.id] = message.role
    if conversation.head_id is not None and conversation.head_id not in roles:
        raise InvalidRequest(f"The conversation “{conversation.title}” lacks its last message.")
