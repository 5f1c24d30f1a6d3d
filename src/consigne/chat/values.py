"""What the chat speaks of: conversations, their messages, and the events of a run."""

from datetime import datetime
from typing import Literal

import msgspec

from consigne.domain.messages import ContentBlock, Role, TextBlock
from consigne.domain.usage import Usage

MessageState = Literal["complete", "running", "stopped", "failed", "interrupted"]
"""``stopped``: by its reader; ``interrupted``: the service ended in mid-answer."""

EventKind = Literal["start", "delta", "thinking", "title", "done"]


class Conversation(msgspec.Struct, frozen=True):
    """A conversation as its list shows it."""

    id: str
    title: str
    model: str | None
    head_id: str | None
    """The leaf of the branch that is being read."""
    created_at: datetime
    updated_at: datetime
    running: bool
    """Whether an answer is being written."""


class Problem(msgspec.Struct, frozen=True):
    """Why an answer failed; see ``domain.errors``."""

    code: str
    message: str


class StoredMessage(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    id: str
    parent_id: str | None
    role: Role
    content: tuple[ContentBlock, ...]
    """While a run writes the message, what it held when that run began."""
    model: str | None
    state: MessageState
    stop_reason: str | None
    error: Problem | None
    usage: Usage | None
    """``None`` where it is not known: an answer that was cut does not count its tokens."""
    left_out: int
    """How many of the earliest messages the model was not shown, for they no longer fitted."""
    created_at: datetime
    run_id: str | None
    """The run that wrote it last."""

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


class Page(msgspec.Struct, frozen=True):
    """Some of the conversations, the latest first."""

    conversations: tuple[Conversation, ...]
    next_cursor: str | None


class Thread(msgspec.Struct, frozen=True):
    """A conversation with the latest of its messages, all branches, the earliest first."""

    conversation: Conversation
    messages: tuple[StoredMessage, ...]
    more: bool
    """Whether there are earlier ones."""


class RunRef(msgspec.Struct, frozen=True):
    """Names a run."""

    id: str


class Started(msgspec.Struct, frozen=True):
    """A run that has begun, and the message that it writes."""

    answer: StoredMessage
    run: RunRef


class Sent(msgspec.Struct, frozen=True):
    """A message that was taken, and the run that answers it."""

    message: StoredMessage
    answer: StoredMessage
    run: RunRef


class RunEvent(msgspec.Struct, frozen=True):
    """One event of a run; numbers count from 1 without gaps."""

    number: int
    kind: EventKind
    data: bytes
    """The body, as JSON."""
