"""What the chat speaks of: conversations, their messages, and the events of a run."""

from datetime import datetime
from typing import Literal

import msgspec

from consigne.domain.messages import ContentBlock, Role, TextBlock
from consigne.domain.usage import Usage

MessageState = Literal["complete", "running", "stopped", "failed", "interrupted"]
"""``stopped``: by its reader; ``interrupted``: the service ended in mid-answer."""

EventKind = Literal[
    "start",
    "delta",
    "thinking",
    "title",
    "tool_use",
    "tool_asks",
    "tool_runs",
    "tool_progress",
    "tool_result",
    "sources",
    "done",
]

Mode = Literal["", "research", "picture"]
"""How a question is answered; ``research`` plans, searches, reads and writes a cited report,
``picture`` draws what it says."""


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
    pinned: bool = False
    archived: bool = False
    folder_id: str | None = None
    project_id: str | None = None


class Folder(msgspec.Struct, frozen=True):
    """A folder of conversations."""

    id: str
    name: str
    created_at: datetime


class Problem(msgspec.Struct, frozen=True):
    """Why an answer failed; see ``domain.errors``."""

    code: str
    message: str


class Source(msgspec.Struct, frozen=True):
    """Something that an answer stands on; the text cites it as ``[number]``."""

    number: int
    """Counts from 1 within the answer."""
    title: str
    url: str
    """Where it is read: an address of the web, or of this service."""
    passage: str = ""
    """The words that matter, or the beginning."""


class Attachment(msgspec.Struct, frozen=True):
    """A file that was sent with a question; it may have been deleted since."""

    id: str
    kind: Literal["text", "image"]
    filename: str
    media_type: str
    size: int
    excerpt: str = ""


class Citation(msgspec.Struct, frozen=True):
    """A passage that an answer rests on; its text outlives the file."""

    number: int
    """As the answer writes it, between brackets."""
    document_id: str
    filename: str
    passage: int
    """Its place in the document, from 0."""
    page: int | None
    section: str
    text: str
    start: int = 0
    """Where it begins in the document's text, in characters."""
    cited: bool = True
    """Whether the answer names it; if not, its model was shown it, and it fits what was said."""


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
    sources: tuple[Source, ...] = ()
    """What the answer cites."""
    mode: Mode = ""
    """Of a question: how it is to be answered."""
    attachments: tuple[Attachment, ...] = ()
    citations: tuple[Citation, ...] = ()

    @property
    def text(self) -> str:
        """The text blocks, joined."""
        return "".join(block.text for block in self.content if isinstance(block, TextBlock))


class Page(msgspec.Struct, frozen=True):
    """Some of the conversations, the latest first."""

    conversations: tuple[Conversation, ...]
    next_cursor: str | None


class Thread(msgspec.Struct, frozen=True):
    """A conversation with a stretch of one of its branches, the earliest message first."""

    conversation: Conversation
    leaf_id: str | None
    """Where the branch ends: the conversation's head, unless another branch was asked for."""
    messages: tuple[StoredMessage, ...]
    versions: dict[str, tuple[str, ...]]
    """The ids of messages that stand in each other's place, the earliest first, by their parent's
    (`""` where they begin the conversation); only of those on the stretch that have several."""
    earlier: bool
    """Whether the branch has messages before these."""
    later: bool
    """Whether it has messages after these."""
    beside: StoredMessage | None = None
    """The second model's answer beside the last of these, until one of the two is chosen."""


class Piece(msgspec.Struct, frozen=True):
    """A part of a snippet."""

    text: str
    hit: bool
    """Whether it is what was looked for."""


class Hit(msgspec.Struct, frozen=True):
    """A message that a search found."""

    message_id: str
    conversation_id: str
    title: str
    """The conversation's."""
    archived: bool
    role: Role
    created_at: datetime
    snippet: tuple[Piece, ...]


class Found(msgspec.Struct, frozen=True):
    """What a search found."""

    conversations: tuple[Conversation, ...]
    """Those whose title holds the words, the latest first."""
    messages: tuple[Hit, ...]
    """The best first."""
    more: bool
    """Whether there are more messages."""


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
    beside: Started | None = None
    """The second model's answer, where two were asked."""


class RunEvent(msgspec.Struct, frozen=True):
    """One event of a run; numbers count from 1 without gaps."""

    number: int
    kind: EventKind
    data: bytes
    """The body, as JSON."""
