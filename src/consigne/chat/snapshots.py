"""What a link to a conversation shows: its branch as it is, without what its author did not write.

Shown are the texts, the pictures and documents that were made, and the names of files. Not shown
are what a model thought, what other tools were asked and answered, whatever stands in files, and
which model or assistant answered.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from consigne.chat.portable import PortableConversation, PortableMessage
from consigne.chat.tools.picture_tool import NAME as PICTURE
from consigne.chat.tools.picture_tool import picture_id
from consigne.chat.values import Citation, Source, StoredMessage
from consigne.domain.messages import (
    ContentBlock,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)

ARTIFACTS = ("create_artifact", "update_artifact")
_MADE = re.compile(r"\bid: (art_\w+) version: (\d+)")

Made = tuple[str, int]
"""An artifact's id and the number of a version."""


class SharedArtifact(msgspec.Struct, frozen=True):
    """A version of an artifact that is shown."""

    id: str
    number: int
    title: str
    kind: str
    language: str
    content: str


class Snapshot(msgspec.Struct, frozen=True):
    """A branch as it is shown."""

    conversation: PortableConversation
    artifacts: tuple[SharedArtifact, ...]

    @property
    def pictures(self) -> dict[str, str]:
        """The ids of the pictures that it shows, each with its instruction."""
        found: dict[str, str] = {}
        for message in self.conversation.messages:
            uses = {block.id: block for block in message.content if isinstance(block, ToolUseBlock)}
            for block in message.content:
                if isinstance(block, ToolResultBlock) and block.tool_use_id in uses:
                    prompt = str(uses[block.tool_use_id].input.get("prompt", ""))
                    shown = filter(None, map(picture_id, block.content))
                    found |= dict.fromkeys(shown, prompt)
        return found


def taken(
    title: str, branch: Sequence[StoredMessage], artifacts: Sequence[SharedArtifact], now: datetime
) -> Snapshot:
    """Return the snapshot of a branch, root first; messages are numbered from 1."""
    names = {message.id: str(number) for number, message in enumerate(branch, 1)}
    messages = tuple(_shown(message, names) for message in branch)
    conversation = PortableConversation(title, now, now, messages, head_id=messages[-1].id)
    return Snapshot(conversation, tuple(artifacts))


def made_on(branch: Sequence[StoredMessage]) -> list[Made]:
    """Return the versions of artifacts that the branch's answers made."""
    found = (made for message in branch for made in _made_in(message.content))
    return list(dict.fromkeys(found))


def copied(snapshot: Snapshot, renamed: Mapping[str, str]) -> PortableConversation:
    """Return the conversation as its reader goes on with it, over copies under other names.

    A picture of which there is no copy is left out.
    """
    messages = tuple(
        msgspec.structs.replace(message, content=_copied(message.content, renamed))
        for message in snapshot.conversation.messages
    )
    return msgspec.structs.replace(snapshot.conversation, messages=messages)


def _shown(message: StoredMessage, names: Mapping[str, str]) -> PortableMessage:
    web = (source for source in message.sources if source.url.startswith(("https://", "http://")))
    return PortableMessage(
        id=names[message.id],
        parent_id=names.get(message.parent_id or ""),
        role="user" if message.role == "user" else "assistant",
        content=tuple(_blocks(message.content)),
        created_at=message.created_at,
        sources=tuple(Source(each.number, each.title, each.url) for each in web),
        citations=tuple(_named(each) for each in message.citations if each.cited),
        attachments=tuple(file.filename for file in message.attachments),
    )


def _named(citation: Citation) -> Citation:
    """Return a citation that names its file and holds nothing of it."""
    return Citation(
        number=citation.number,
        document_id="",
        filename=citation.filename,
        passage=0,
        page=citation.page,
        section="",
        text="",
    )


def _blocks(content: Sequence[ContentBlock]) -> Iterator[ContentBlock]:
    results = {block.tool_use_id: block for block in content if isinstance(block, ToolResultBlock)}
    for block in content:
        if isinstance(block, TextBlock):
            yield block
        elif isinstance(block, ToolUseBlock) and block.id in results:
            yield from _step(block, results[block.id])


def _step(use: ToolUseBlock, result: ToolResultBlock) -> Iterator[ContentBlock]:
    """Yield a call with its result, if it made something to be shown."""
    if use.name in ARTIFACTS and (made := _made(result)):
        said = TextBlock(f"id: {made[0]} version: {made[1]}")
        title = {"title": use.input["title"]} if "title" in use.input else {}
        yield ToolUseBlock(use.id, use.name, title)
        yield ToolResultBlock(use.id, (said,))
    pictures = tuple(
        ImageBlock(each.media_type, url=each.url)
        for each in result.content
        if isinstance(each, ImageBlock) and picture_id(each)
    )
    if use.name == PICTURE and pictures:
        yield ToolUseBlock(use.id, use.name, {"prompt": use.input.get("prompt", "")})
        yield ToolResultBlock(use.id, pictures)


def _made_in(content: Sequence[ContentBlock]) -> Iterator[Made]:
    names = {block.id: block.name for block in content if isinstance(block, ToolUseBlock)}
    for block in content:
        if isinstance(block, ToolResultBlock) and names.get(block.tool_use_id) in ARTIFACTS:
            made = _made(block)
            if made:
                yield made


def _made(result: ToolResultBlock) -> Made | None:
    if result.is_error:
        return None
    said = "\n".join(each.text for each in result.content if isinstance(each, TextBlock))
    found = _MADE.search(said)
    return (found[1], int(found[2])) if found else None


def _copied(
    content: Sequence[ContentBlock], renamed: Mapping[str, str]
) -> tuple[ContentBlock, ...]:
    uses = {block.id: block for block in content if isinstance(block, ToolUseBlock)}
    kept: list[ContentBlock] = []
    for block in content:
        if isinstance(block, TextBlock):
            kept.append(block)
        elif isinstance(block, ToolResultBlock) and (use := uses.get(block.tool_use_id)):
            shown = tuple(_renamed(block, renamed))
            if shown:
                kept += [use, ToolResultBlock(use.id, shown)]
    return tuple(kept)


def _renamed(
    result: ToolResultBlock, renamed: Mapping[str, str]
) -> Iterator[TextBlock | ImageBlock]:
    """Yield what a result shows, under the names of the copies that there are."""
    if made := _made(result):
        yield TextBlock(f"id: {renamed.get(made[0], '')} version: {made[1]}")
    for each in result.content:
        known = picture_id(each)
        if isinstance(each, ImageBlock) and each.url and known and known in renamed:
            yield ImageBlock(each.media_type, url=each.url.replace(known, renamed[known]))
