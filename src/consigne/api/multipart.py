"""Forms with a file (``multipart/form-data``, RFC 7578), read as they arrive: never held whole."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from consigne.api.errors import InvalidField
from consigne.domain.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType

T = TypeVar("T")

MAX_FIELDS = 64
MAX_FIELD_BYTES = 64 * 1024


class FilePart(msgspec.Struct, frozen=True):
    """A form's file; ``chunks`` must be read to their end before the form goes on."""

    filename: str
    media_type: str
    chunks: AsyncIterator[bytes]


class _Head(msgspec.Struct, frozen=True):
    """A part begins."""

    name: str
    filename: str | None
    media_type: str


_END = object()
"""A part is over."""


async def read(
    request: Request, field: str, store: Callable[[FilePart], Awaitable[T]]
) -> tuple[dict[str, str], T]:
    """Read a form with one file, and return its other fields and what ``store`` made of the file.

    Args:
        request: Its body is read.
        field: The name of the file's field.
        store: Takes the file while it arrives.

    Raises:
        UnsupportedMediaType: The body is not declared as a form.
        InvalidRequest: It is malformed, or has no such file, or two.
    """
    events = _events(request, _boundary(request))
    fields: dict[str, str] = {}
    stored: list[T] = []
    async for head in events:
        if head.name == field:
            if stored:
                raise InvalidField("Only one file can be sent.", param=field)
            stored.append(
                await store(FilePart(head.filename or "", head.media_type, _content(events)))
            )
            continue
        if len(fields) >= MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields.")
        fields[head.name] = await _text(head.name, _content(events))
    if not stored:
        raise InvalidField("Field required", param=field, kind="missing")
    return fields, stored[0]


async def read_all(
    request: Request, names: frozenset[str], most: int
) -> tuple[dict[str, str], dict[str, list[bytes]]]:
    """Read a form whose few files are held in memory; return its fields, and its files by field.

    A field of ``names`` may be written ``name`` or ``name[]``, and may come more than once.

    Raises:
        UnsupportedMediaType: The body is not declared as a form.
        InvalidRequest: It is malformed.
        RequestTooLarge: A file has more than ``most`` bytes.
    """
    events = _events(request, _boundary(request))
    fields: dict[str, str] = {}
    files: dict[str, list[bytes]] = {}
    async for head in events:
        name = head.name.removesuffix("[]")
        if name in names:
            whole = bytearray()
            async for chunk in _content(events):
                whole += chunk
                if len(whole) > most:
                    raise RequestTooLarge(f"A file has at most {most:,} bytes.", param=name)
            files.setdefault(name, []).append(bytes(whole))
            continue
        if len(fields) >= MAX_FIELDS:
            raise InvalidRequest(f"The form has more than {MAX_FIELDS} fields.")
        fields[head.name] = await _text(head.name, _content(events))
    return fields, files


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        shown = kind.decode("latin-1")[:100] or "nothing"
        raise UnsupportedMediaType(
            f"The body is declared as '{shown}'; send the file as 'multipart/form-data'."
        )
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise InvalidRequest("The form's content type names no boundary.")
    return boundary


async def _content(events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for event in events:
        if event is _END:
            return
        yield event


async def _text(name: str, chunks: AsyncIterator[bytes]) -> str:
    found = b""
    async for chunk in chunks:
        found += chunk
        if len(found) > MAX_FIELD_BYTES:
            raise InvalidField("This field is too long.", param=name[:100])
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise InvalidField("This field is not UTF-8.", param=name[:100]) from None


async def _events(request: Request, boundary: bytes) -> AsyncIterator[Any]:
    """Yield a ``_Head``, the bytes and ``_END`` of each part in turn."""
    reader = _Reader(boundary)
    try:
        async for chunk in request.stream():
            for event in reader.feed(chunk):
                yield event
    except FormParserError as error:
        raise InvalidRequest(f"The form can't be read: {error}.") from None
    if not reader.ended:
        raise InvalidRequest("The form breaks off before its closing boundary.")


class _Reader:
    """Turns the parser's calls into events."""

    def __init__(self, boundary: bytes) -> None:
        self.ended = False
        self._found: list[Any] = []
        self._headers: dict[str, bytes] = {}
        self._name = self._value = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": lambda: self._found.append(_END),
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._head,
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> list[Any]:
        """Return what ``chunk`` brings."""
        self._parser.write(chunk)
        found, self._found = self._found, []
        return found

    def _begin(self) -> None:
        self._headers = {}

    def _data(self, data: bytes, start: int, end: int) -> None:
        if end > start:
            self._found.append(data[start:end])

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def _head(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise InvalidRequest("A part of the form has no name.")
        self._found.append(
            _Head(
                name.decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
                self._headers.get("content-type", b"").decode("latin-1"),
            )
        )

    def _end(self) -> None:
        self.ended = True
