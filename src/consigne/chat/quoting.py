"""Documents of a request that its answer is to cite: shown as passages, and told where cited."""

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)

import msgspec

from consigne.chat.citing import HOW_TO_CITE, cited, numbered
from consigne.documents.passages import cut
from consigne.documents.reading import Part
from consigne.documents.values import Passage
from consigne.domain.events import BlockStop, Cited, Event, TextDelta
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Message,
    Request,
    TextBlock,
    ToolResultBlock,
)

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
    quoting = _Quoting(read)
    messages = [
        Message(message.role, tuple([await quoting.block(each) for each in message.content]))
        for message in request.messages
    ]
    how = (TextBlock(HOW_TO_CITE),) if request.output.kind == "text" else ()
    system = (*request.system, *how)
    request = msgspec.structs.replace(request, messages=tuple(messages), system=system)
    return Quoted(request, quoting.shown)


class _Quoting:
    """Puts passages in the place of documents, and numbers them over the whole request."""

    def __init__(self, read: Read) -> None:
        self.shown: dict[int, Cited] = {}
        self._read = read
        self._documents = 0
        self._search_results = 0

    async def block(self, block: ContentBlock) -> ContentBlock:
        match block:
            case DocumentBlock():
                return await self._document(block)
            case ToolResultBlock():
                inner = [await self._inner(each) for each in block.content]
                return msgspec.structs.replace(block, content=tuple(inner))
            case _:
                return block

    async def _inner(
        self, block: TextBlock | ImageBlock | DocumentBlock
    ) -> TextBlock | ImageBlock | DocumentBlock:
        return await self._document(block) if isinstance(block, DocumentBlock) else block

    async def _document(self, block: DocumentBlock) -> TextBlock | DocumentBlock:
        if not block.cite:
            return block
        if block.source is not None:
            number = self._search_results
            self._search_results += 1
        else:
            number = self._documents
            self._documents += 1
        if block.blocks:
            return self._in_blocks(block, number)
        if block.data is None:
            return block
        parts = await self._read(block.data, block.title or "document", block.media_type or "")
        found = [
            Passage("", _name(block, number), n, p.page, p.section, p.start, p.text)
            for n, p in enumerate(cut(parts))
        ]
        ends = set(_added(parts))
        cites = [
            Cited("", block.title or "", _own(p, ends), number, p.start, p.page) for p in found
        ]
        return self._numbered(found, cites)

    def _in_blocks(self, block: DocumentBlock, number: int) -> TextBlock:
        name, title = _name(block, number), block.title or ""
        found = [Passage("", name, n, None, "", 0, text) for n, text in enumerate(block.blocks)]
        cites = [
            Cited("", title, text, number, 0, block=n, source=block.source)
            for n, text in enumerate(block.blocks)
        ]
        return self._numbered(found, cites)

    def _numbered(self, passages: Sequence[Passage], cites: Sequence[Cited]) -> TextBlock:
        first = len(self.shown) + 1
        self.shown.update(enumerate(cites, first))
        return TextBlock(numbered(passages, range(first, first + len(passages))))


def _added(parts: Sequence[Part]) -> Iterator[int]:
    """Yield where a passage ends with the end of a line that its document has not."""
    at = 0
    for part in parts:
        lacks = not part.text.endswith("\n")
        at += len(part.text) + lacks
        if lacks:
            yield at


def _own(passage: Passage, added: Collection[int]) -> str:
    """Return a passage's text as it stands in its document."""
    text = passage.text
    return text[:-1] if passage.start + len(text) in added else text


def _name(block: DocumentBlock, number: int) -> str:
    """Return what a document is called before its passages."""
    if block.source is not None:
        return f"{block.title} ({block.source})"
    return block.title or f"document {number + 1}"


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
                rests = event.cited + cited(written.pop(event.index), shown)
                event = msgspec.structs.replace(event, cited=rests)  # noqa: PLW2901
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
