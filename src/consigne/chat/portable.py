"""Conversations as a file holds them: one's own form, whole, and markdown of the branch read."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from consigne.chat.values import Citation, MessageState, Source
from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock

TRAINED: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""What IPTC calls content that a trained model made."""


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
    sources: tuple[Source, ...] = ()
    citations: tuple[Citation, ...] = ()
    attachments: tuple[str, ...] = ()
    """The names of the files that were sent with it; the files are not in here."""

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


class Disclosure(msgspec.Struct, frozen=True):
    """The mark that the answers in a file were generated."""

    provider: str
    models: tuple[str, ...] = ()
    ai_generated: bool = True
    digital_source_type: str = TRAINED


class PortableFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file of conversations holds."""

    format: Literal["consigne.conversations"]
    version: Literal[1]
    conversations: tuple[PortableConversation, ...]
    answers: Disclosure | None = None
    """How its answers came about, where the operator wants it said."""


def encode(conversations: Sequence[PortableConversation], provider: str | None = None) -> bytes:
    """Return conversations as a file, which ``imports.read`` reads.

    With a ``provider`` it says that the answers were generated.
    """
    mark = None if provider is None else Disclosure(provider, _models(conversations))
    whole = PortableFile("consigne.conversations", 1, tuple(conversations), mark)
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


def _models(conversations: Sequence[PortableConversation]) -> tuple[str, ...]:
    named = {message.model for each in conversations for message in each.messages}
    return tuple(sorted(named - {None, ""}))  # type: ignore[arg-type]


def _front_matter(mark: Disclosure) -> str:
    """Return the mark as a markdown file begins with it; JSON strings are YAML's too."""
    provider, models = (msgspec.json.encode(each).decode() for each in (mark.provider, mark.models))
    return (
        f"---\nai_generated: true\ndigital_source_type: {mark.digital_source_type}\n"
        f"provider: {provider}\nmodels: {models}\n---"
    )


def markdown(conversation: PortableConversation, provider: str | None = None) -> str:
    """Return the branch that is read as one markdown text.

    With a ``provider`` its front matter says that the answers were generated.
    """
    parts, footnotes = [f"# {conversation.title or 'Conversation'}"], Footnotes()
    for message in branch(conversation):
        who = "You" if message.role == "user" else message.model or "Answer"
        parts.append(f"## {who}\n\n*{message.created_at:%Y-%m-%d %H:%M} UTC*")
        if message.attachments:
            parts.append("\n".join(f"- File: {name}" for name in message.attachments))
        parts.append(footnotes.marked("\n\n".join(_said(message)), message))
    if provider is not None:
        parts.insert(0, _front_matter(Disclosure(provider, _models([conversation]))))
    return "\n\n".join([*parts, *footnotes.notes]) + "\n"


class Footnotes:
    """The footnotes of one text: what its messages cite, counted through."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def marked(self, text: str, message: PortableMessage) -> str:
        """Return a message's text with footnotes for what it cites, outside of code."""
        notes = {source.number: _source_note(source) for source in message.sources}
        cited = (citation for citation in message.citations if citation.cited)
        notes |= {citation.number: _citation_note(citation) for citation in cited}
        if not notes:
            return text
        numbers: dict[int, int] = {}
        for number in sorted(notes):
            numbers[number] = len(self.notes) + 1
            self.notes.append(f"[^{numbers[number]}]: {notes[number]}")

        def mark(found: re.Match[str]) -> str:
            if found["numbers"] is None:
                return found[0]
            cited = [int(each) for each in found["numbers"].split(",")]
            if not all(each in numbers for each in cited):
                return found[0]
            return "".join(f"[^{numbers[each]}]" for each in cited)

        return _MARK_OR_CODE.sub(mark, text)


_MARK_OR_CODE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\[(?P<numbers>\d{1,4}(?:\s*,\s*\d{1,4})*)\]"
    r"(?![(:]|\[(?!\d[\d\s,]*\]))",
    re.DOTALL,
)
_LONGEST_NOTE = 200


def _said(message: PortableMessage) -> Iterator[str]:
    """Yield the paragraphs of a message; each step of a tool is a line of its own."""
    failed = {
        block.tool_use_id
        for block in message.content
        if isinstance(block, ToolResultBlock) and block.is_error
    }
    for block in message.content:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, ToolUseBlock):
            given = msgspec.json.encode(block.input).decode().replace("`", "'")
            how = " failed" if block.id in failed else ""
            yield f"- *Tool {block.name}{how}:* `{_shortened(given)}`"


def _source_note(source: Source) -> str:
    return _shortened(source.title or source.url) + f" <{source.url}>"


def _citation_note(citation: Citation) -> str:
    where = [citation.filename]
    if citation.page is not None:
        where.append(f"page {citation.page}")
    elif citation.section:
        where.append(citation.section)
    return f"{', '.join(where)}: “{_shortened(citation.text)}”"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_NOTE else f"{text[: _LONGEST_NOTE - 1]}…"


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
