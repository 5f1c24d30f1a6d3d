"""Files in requests: uploaded ones are put in place, documents are read where the model can't.

Content is read once for each of its forms and kept a while, since a conversation sends its files
again with every turn.
"""

import hashlib
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from consigne.business.caller import Caller
from consigne.business.files import Files
from consigne.documents.reading import Part, Reader, UnreadableFile
from consigne.domain.errors import InvalidRequest, NotFound, RequestTooLarge
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Message,
    Request,
    TextBlock,
    ToolResultBlock,
    document_text,
)
from consigne.domain.models import Model

MOST_BYTES: Final = 50 * 2**20
"""Of all uploaded files that one request names."""
_KEPT_CHARACTERS: Final = 16 * 2**20
"""Of texts that were read, over all callers."""
_PASSED_ON: Final = ("application/pdf", "text/plain")
"""What a model that reads documents is given as it is."""


class Fetched(msgspec.Struct, frozen=True):
    """What stood at an address."""

    data: bytes
    media_type: str
    name: str
    url: str
    """Where the address led."""


class Fetch(Protocol):
    """Fetches what stands at an address (``chat.tools.fetching.Fetcher``)."""

    async def __call__(self, url: str, most: int) -> Fetched:
        """Return it, if it has at most ``most`` bytes.

        Raises:
            InvalidRequest: It can't be fetched; the message says why.
        """
        ...


class Attachments:
    """Prepares the files of requests."""

    def __init__(
        self, files: Files, fetch: Fetch | None = None, *, reader: Reader | None = None
    ) -> None:
        """Prepare files; ``fetch`` brings documents at addresses, where the operator allows it."""
        self.fetch = fetch
        self._files = files
        self._reader = reader or Reader()
        self._kept: OrderedDict[bytes, Sequence[Part]] = OrderedDict()

    async def placed(self, request: Request, caller: Caller, model: Model) -> Request:
        """Return the request as its model can read it.

        Raises:
            NotFound: The caller's workspace has no file of an id that the request names.
            InvalidRequest: A file is no picture where one is wanted, can't be read or fetched.
            RequestTooLarge: The files that it names are too large together.
        """
        work = _Work(self, self._files, caller, model)
        messages = [
            Message(message.role, tuple([await work.block(each) for each in message.content]))
            for message in request.messages
        ]
        return msgspec.structs.replace(request, messages=tuple(messages))

    async def text(self, data: bytes, name: str, media_type: str) -> str:
        """Return the text of a document; see ``parts``."""
        found = await self.parts(data, name, media_type)
        return "\n\n".join(part.text for part in found)

    async def parts(self, data: bytes, name: str, media_type: str) -> Sequence[Part]:
        """Return what is in a document.

        Raises:
            UnreadableFile: It can't be read; the message says why.
            InvalidRequest: It is a picture.
        """
        if media_type == "application/pdf" and b"%PDF-" not in data[:1024]:
            raise UnreadableFile("damaged")  # the reader would take it for the text it is
        if media_type == "text/plain":
            try:
                return (Part(data.decode("utf-8-sig")),)
            except UnicodeDecodeError:
                pass  # of another encoding, which the reader finds out
        key = hashlib.sha256(f"{media_type}\0{name}\0".encode() + data).digest()
        if (known := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return known
        with tempfile.TemporaryDirectory(prefix="consigne-") as folder:
            path = Path(folder) / "content"
            path.write_bytes(data)
            reading = await self._reader.read(path, name, media_type)
        if reading.kind != "text":
            raise InvalidRequest(f"The file {name} is a picture; send it as one.", param="messages")
        self._kept[key] = reading.parts
        while sum(map(_length, self._kept.values())) > _KEPT_CHARACTERS and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return reading.parts


def _length(parts: Sequence[Part]) -> int:
    return sum(len(part.text) for part in parts)


class _Work:
    """One request's files."""

    def __init__(
        self, attachments: Attachments, files: Files, caller: Caller, model: Model
    ) -> None:
        self._attachments = attachments
        self._files = files
        self._caller = caller
        self._reads_documents = model.capabilities.documents_in
        self._reads_addresses = model.capabilities.document_urls
        self._room = MOST_BYTES

    async def block(self, block: ContentBlock) -> ContentBlock:
        match block:
            case ImageBlock() | DocumentBlock():
                return await self._readable(block)
            case ToolResultBlock():
                inner = [
                    each if isinstance(each, TextBlock) else await self._readable(each)
                    for each in block.content
                ]
                return msgspec.structs.replace(block, content=tuple(inner))
            case _:
                return block

    async def _readable(
        self, block: ImageBlock | DocumentBlock
    ) -> TextBlock | ImageBlock | DocumentBlock:
        if block.file_id is not None:
            block = await self._given(block, block.file_id)
        if isinstance(block, DocumentBlock) and block.url is not None:
            if self._reads_addresses and not block.cite:
                return block
            block = await self._fetched(block, block.url)
        if isinstance(block, ImageBlock) or block.data is None or block.cite:
            return block  # what is to be cited is cut into passages by others
        kind = block.media_type or ""
        if self._reads_documents and kind in _PASSED_ON:
            return block
        name = block.title or "document"
        text = await self._attachments.text(block.data, name, kind)
        if self._reads_documents:
            return DocumentBlock("text/plain", text.encode(), title=block.title)
        return TextBlock(document_text(text, block.title))

    async def _fetched(self, block: DocumentBlock, url: str) -> DocumentBlock:
        if self._attachments.fetch is None:
            raise InvalidRequest(
                f"The document at {url[:200]} is needed here, and this server fetches none: send "
                "its content, or upload it. The operator can allow it (files.fetch_urls)."
            )
        found = await self._attachments.fetch(url, self._room)
        if found.media_type.startswith("image/"):
            raise InvalidRequest(f"At {url[:200]} there is a picture; send it as one.")
        self._room -= len(found.data)
        title = block.title or found.name
        return DocumentBlock(found.media_type, found.data, title=title, cite=block.cite)

    async def _given(
        self, block: ImageBlock | DocumentBlock, file_id: str
    ) -> ImageBlock | DocumentBlock:
        try:
            file = await self._files.get(self._caller, file_id)
        except NotFound as error:
            error.param = "file_id"
            raise
        if isinstance(block, ImageBlock) and not file.media_type.startswith("image/"):
            raise InvalidRequest(
                f"The file {file_id} is no picture but {file.media_type}; send it as a document.",
                param="file_id",
            )
        self._room -= file.size
        if self._room < 0:
            raise RequestTooLarge(
                f"The files of one request may have {MOST_BYTES // 2**20} MB together."
            )
        content = await self._files.content(self._caller, file_id)
        data = b"".join([chunk async for chunk in content.chunks])
        if isinstance(block, ImageBlock):
            return ImageBlock(media_type=file.media_type, data=data, detail=block.detail)
        title = block.title or file.filename
        return DocumentBlock(file.media_type, data, title=title, cite=block.cite)
