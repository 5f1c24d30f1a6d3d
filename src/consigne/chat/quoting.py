"""Documents of a request that its answer is to cite: shown as passages, and told where cited."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence

import msgspec

from consigne.chat.citing import HOW_TO_CITE, cited, numbered
from consigne.documents.passages import cut
from consigne.documents.reading import Part
from consigne.documents.values import Passage
from consigne.domain.events import BlockStop, Cited, Event, TextDelta
from consigne.domain.messages import ContentBlock, DocumentBlock, Message, Request, TextBlock

Read = Callable[[bytes, str, str], Awaitable[Sequence[Part]]]
"""Returns what is in a document of this content, name and media type."""


class Quoted(msgspec.Struct, frozen=True):
    """A request with its documents in passages."""

    request: Request
    shown: dict[int, Cited]
    """The passages, by their numbers."""


async def quoted(request: Request, read: Read) -> Quoted:
    """Return the request with those documents as numbered passages, and how to cite them.

    Raises:
        UnreadableFile: One can't be read; the message says why.
    """
    shown: dict[int, Cited] = {}
    documents = 0
    messages: list[Message] = []
    for message in request.messages:
        content: list[ContentBlock] = []
        for block in message.content:
            if isinstance(block, DocumentBlock) and block.cite and block.data is not None:
                content.append(await _passages(block, block.data, documents, shown, read))
                documents += 1
            else:
                content.append(block)
        messages.append(Message(message.role, tuple(content)))
    how = (TextBlock(HOW_TO_CITE),) if request.output.kind == "text" else ()
    system = (*request.system, *how)
    return Quoted(msgspec.structs.replace(request, messages=tuple(messages), system=system), shown)


async def _passages(
    block: DocumentBlock, data: bytes, document: int, shown: dict[int, Cited], read: Read
) -> TextBlock:
    title = block.title or ""
    parts = await read(data, title or "document", block.media_type or "")
    first = len(shown) + 1
    found = [
        Passage("", title or f"document {document + 1}", n, p.page, p.section, p.start, p.text)
        for n, p in enumerate(cut(parts))
    ]
    for number, passage in enumerate(found, first):
        shown[number] = Cited("", title, passage.text, document, passage.start, passage.page)
    return TextBlock(numbered(found, first))


async def telling(
    events: AsyncIterator[Event], shown: Mapping[int, Cited]
) -> AsyncGenerator[Event, None]:
    """Yield an answer's events; where a text ends, it is told which passages it cites."""
    written: dict[int, str] = {}
    try:
        async for event in events:
            if isinstance(event, TextDelta):
                written[event.index] = written.get(event.index, "") + event.text
            elif isinstance(event, BlockStop) and event.index in written:
                rests = cited(written.pop(event.index), shown)
                event = msgspec.structs.replace(event, cited=rests)  # noqa: PLW2901
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
