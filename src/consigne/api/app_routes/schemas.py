"""The web app's API as its documentation shows it, and the bodies that it takes.

Answers are encoded from the chat's own values; tests hold them to these schemas.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class In(BaseModel):
    """A body that is taken."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """A body that is sent."""

    model_config = ConfigDict(extra="forbid")


class SignIn(In):
    """A one-time link's token."""

    token: Annotated[str, Field(max_length=200)]


class NewConversation(In):
    """The model is the default's if none is named."""

    model: Annotated[str, Field(max_length=200)] | None = None
    project_id: Annotated[str, Field(max_length=64)] | None = None


class ConversationChange(In):
    """Only what is given changes."""

    title: Annotated[str, Field(max_length=2000)] | None = None
    model: Annotated[str, Field(max_length=200)] | None = None
    head_id: Annotated[str, Field(max_length=64)] | None = None
    """Any message: the branch through it is read from now on, to its newest leaf."""
    pinned: bool | None = None
    archived: bool | None = None
    """What is archived is pinned no longer, and the other way round."""
    folder_id: Annotated[str, Field(max_length=64)] | None = None
    """Empty takes it out of its folder."""
    project_id: Annotated[str, Field(max_length=64)] | None = None
    """Empty takes it out of its project; it is in a folder or in a project, never in both."""


class FolderName(In):
    """A folder's name; of more than 80 characters the first 80 are kept."""

    name: Annotated[str, Field(max_length=400)]


class MarkedPart(In):
    """A part of one of one's pictures."""

    picture_id: Annotated[str, Field(max_length=64)]
    cells: Annotated[str, Field(max_length=1000)]
    """Which of 64 × 64 cells are marked: one bit each, row by row, in base 64 for URLs."""


class NewMessage(In):
    """To edit a message, send another with the same parent."""

    text: Annotated[str, Field(max_length=1_000_000)]
    parent_id: Annotated[str, Field(max_length=64)] | None
    model: Annotated[str, Field(max_length=200)] | None = None
    client_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$")]
    """Made by the page; a message sent twice with the same is taken once."""
    mode: Literal["", "research", "picture"] = ""
    """How it is to be answered."""
    attachments: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=20)] = []
    """Ids of documents."""
    second_model: Annotated[str, Field(max_length=200)] = ""
    """Answers too, beside the first, until one of the two is made the conversation's head."""
    part: MarkedPart | None = None
    """The part of a picture that is to be drawn anew, as the text says."""


class AnotherAnswer(In):
    """The model is the conversation's if none is named."""

    model: Annotated[str, Field(max_length=200)] | None = None


class GoOn(In):
    """Nothing to say."""


class User(Out):
    """Who is signed in."""

    id: str
    name: str
    email: str | None


class Organisation(Out):
    """Where they are signed in."""

    id: str
    name: str


class Session(Out):
    """A session."""

    user: User
    organisation: Organisation
    role: Literal["owner", "admin", "billing", "member"]
    copies_marked_by: str | None
    """Whose name copied answers bear as generated; ``null`` where they bear no mark."""


class Problem(Out):
    """What went wrong."""

    code: str
    message: str


class Conversation(Out):
    """A conversation as the list shows it."""

    id: str
    title: str
    model: str | None
    head_id: str | None
    created_at: datetime
    updated_at: datetime
    running: bool
    pinned: bool
    archived: bool
    folder_id: str | None
    """It may name a folder that is deleted."""
    project_id: str | None
    """It may name a project that is deleted, or not shared with you any more."""


class Folder(Out):
    """A folder."""

    id: str
    name: str
    created_at: datetime


class Folders(Out):
    """All folders."""

    folders: list[Folder]


class Conversations(Out):
    """Some of the conversations."""

    conversations: list[Conversation]
    next_cursor: str | None


class Text(Out):
    """A run of text, in markdown."""

    type: Literal["text"]
    text: str


class Thinking(Out):
    """What the model wrote to itself."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class ToolUse(Out):
    """A tool's call."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


class Picture(Out):
    """A picture that a tool made: its bytes in base64, or where they are."""

    type: Literal["image"]
    media_type: str | None
    data: str | None
    url: str | None


class ToolResult(Out):
    """What a tool answered."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: list[Annotated[Text | Picture, Field(discriminator="type")]]
    is_error: bool


class Source(Out):
    """What an answer cites as ``[number]``."""

    number: int
    title: str
    url: str
    passage: str


class Usage(Out):
    """Tokens."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cache_creation_tokens: int = 0
    """Left out where the provider tells none."""
    reasoning_tokens: int = 0
    """Left out where the provider tells none."""


class Attachment(Out):
    """A file that was sent with a question."""

    id: str
    kind: Literal["text", "image"]
    filename: str
    media_type: str
    size: int
    excerpt: str


class Citation(Out):
    """A passage that an answer rests on: one it cites by its number, or one its model was shown."""

    number: int
    document_id: str
    filename: str
    passage: int
    page: int | None
    section: str
    text: str
    cited: bool
    """Whether the answer names it by its number."""


class Document(Out):
    """A file that was given and read."""

    id: str
    kind: Literal["text", "image"]
    filename: str
    media_type: str
    size: int
    pages: int | None
    characters: int
    passages: int
    indexed: int
    """How many passages can be found by their meaning so far."""
    excerpt: str
    cut: bool
    """Whether the file has more text than is read."""
    created_at: datetime


class Passage(Out):
    """A passage of a document."""

    document_id: str
    filename: str
    number: int
    page: int | None
    section: str
    start: int
    text: str


class Passages(Out):
    """A stretch of a document."""

    document: Document
    passages: list[Passage]
    earlier: bool
    later: bool


class Message(Out):
    """One turn; messages form a tree by ``parent_id``."""

    id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    content: list[
        Annotated[Text | Thinking | ToolUse | ToolResult | Picture, Field(discriminator="type")]
    ]
    """A picture is a part that was marked: its address ends in ``#part=`` and the cells."""
    model: str | None
    state: Literal["complete", "running", "stopped", "failed", "interrupted"]
    stop_reason: str | None
    error: Problem | None
    usage: Usage | None
    left_out: int
    created_at: datetime
    run_id: str | None
    sources: list[Source]
    mode: Literal["", "research", "picture"]
    attachments: list[Attachment]
    citations: list[Citation]


class Thread(Out):
    """A conversation and a stretch of one of its branches."""

    conversation: Conversation
    leaf_id: str | None
    """Where the branch ends."""
    messages: list[Message]
    versions: dict[str, list[str]]
    """Ids of messages that stand in each other's place, by their parent's (empty: the first)."""
    earlier: bool
    """Whether the branch has messages before these."""
    later: bool
    """Whether it has messages after these."""
    beside: Message | None = None
    """The second model's answer beside the last of these, until one of the two is chosen."""


class Piece(Out):
    """A part of a snippet."""

    text: str
    hit: bool


class Hit(Out):
    """A message that was found."""

    message_id: str
    conversation_id: str
    title: str
    archived: bool
    role: Literal["user", "assistant"]
    created_at: datetime
    snippet: list[Piece]


class Found(Out):
    """What a search found."""

    conversations: list[Conversation]
    messages: list[Hit]
    more: bool


class Run(Out):
    """A run's name."""

    id: str


class Started(Out):
    """An answer that is being written."""

    answer: Message
    run: Run


class Sent(Out):
    """A message that was taken, and the answer that is being written."""

    message: Message
    answer: Message
    run: Run
    beside: Started | None = None
    """The second model's answer, where two were asked."""


class LeftOut(Out):
    """What an import did not take, and how often."""

    what: Literal["file", "tool", "hidden", "empty"]
    count: int


class Import(Out):
    """How far a file of conversations is taken in."""

    id: str
    filename: str
    state: Literal["running", "done", "failed"]
    conversations: int
    """How many are in."""
    total: int | None
    left_out: list[LeftOut]
    error: str | None
    created_at: datetime


class Provenance(Out):
    """Where a picture is from."""

    verdict: Literal["intact", "changed", "stripped", "foreign", "unmarked"]
    ours: bool | None
    signer: str
    trusted: bool
    generator: str
    model: str
    made_at: str
    picture_id: str
    generated: bool | None
    mark: float
    marked: bool
    changes: list[str]
    """What other programs say that they did since, the earliest first."""
    problems: list[str]
