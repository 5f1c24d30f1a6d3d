"""Compressed bodies: requests in gzip or zstd are unpacked, large JSON answers packed.

Streams of events leave as they are: a packer would hold events back, or hardly pack them.
"""

import asyncio
import zlib
from functools import lru_cache
from typing import Literal, Protocol

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

from consigne.domain.errors import UnsupportedMediaType
from consigne.domain.zstd import zstd

Coding = Literal["gzip", "zstd"]

PACK_FROM_BYTES = 2048
"""Smaller answers gain nothing on a network that sends packets of 1,500 bytes."""
ZSTD_FROM_BYTES = 16 * 1024
"""To start zstd takes 50 µs, for which gzip packs about so much; beyond it zstd is the faster."""
THREAD_FROM_BYTES = 128 * 1024
"""Larger answers are packed beside the event loop."""
PIECE_BYTES = 64 * 1024
WINDOW_LOG = 23
"""Largest window of zstd on the web (RFC 9659): 8 MiB."""

_CODINGS: tuple[Coding, ...] = ("gzip", "zstd")
_GZIP = 31  # zlib's word for "with gzip's header"
_LEVEL = 1


def coding_of(header: bytes) -> Coding | None:
    """Return the coding that a request's ``content-encoding`` names; ``None`` for none.

    Raises:
        UnsupportedMediaType: It is not one that is read here.
    """
    match header.strip().lower():
        case b"" | b"identity":
            return None
        case b"gzip" | b"x-gzip":
            return "gzip"
        case b"zstd":
            return "zstd"
        case other:
            raise UnsupportedMediaType(
                f"Bodies in '{other[:100].decode('ascii', 'replace')}' can't be read here; "
                "send gzip, zstd, or the body as it is."
            )


class _Unpacking(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def piece(self, data: bytes) -> bytes: ...

    def hungry(self) -> bool: ...


class _Gunzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(_GZIP)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def piece(self, data: bytes) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, PIECE_BYTES)

    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail


class _Unzstd:
    def __init__(self) -> None:
        module = zstd()
        limit = {module.DecompressionParameter.window_log_max: WINDOW_LOG}
        self._inner = module.ZstdDecompressor(options=limit)

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def piece(self, data: bytes) -> bytes:
        return bytes(self._inner.decompress(data, PIECE_BYTES))

    def hungry(self) -> bool:
        return bool(self._inner.needs_input)


class Unpacker:
    """Unpacks a body piece by piece, so that no input can make it hold more than a piece."""

    def __init__(self, coding: Coding) -> None:
        self._make = _Gunzip if coding == "gzip" else _Unzstd
        self._inner: _Unpacking = self._make()
        self._pending = b""
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether the input may end here."""
        return self._inner.eof or not self._begun

    def feed(self, data: bytes) -> None:
        """Take more input."""
        self._pending += data

    def next(self) -> bytes:
        """Return the next piece; empty where more input is needed.

        Raises:
            HTTPException: The input is damaged.
        """
        try:
            return self._next()
        except (zlib.error, zstd().ZstdError):
            raise HTTPException(400, "The compressed body is damaged.") from None

    def _next(self) -> bytes:
        while self._pending or not (self._inner.eof or self._inner.hungry()):
            if self._inner.eof:
                self._inner = self._make()
            data, self._pending = self._pending, b""
            self._begun = True
            piece = self._inner.piece(data)
            if self._inner.eof:
                self._pending = self._inner.unused_data
            if piece:
                return piece
        return b""


def unpacked(receive: Receive, coding: Coding, limit: int) -> Receive:
    """Return a ``receive`` that unpacks the body; ``limit`` bounds what it unpacks to."""
    unpacker, room, ended, told = Unpacker(coding), limit, False, False

    async def receive_unpacked() -> Message:
        nonlocal room, ended, told
        while not told:
            piece = unpacker.next()
            room -= len(piece)
            if room < 0:
                raise HTTPException(413, f"The request body unpacks to over {limit:,} bytes.")
            if piece:
                return {"type": "http.request", "body": piece, "more_body": True}
            if ended:
                if not unpacker.whole:
                    raise HTTPException(400, "The compressed body ends too early.")
                told = True
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await receive()
            if message["type"] != "http.request":
                return message
            unpacker.feed(message.get("body", b""))
            ended = not message.get("more_body", False)
        return await receive()

    return receive_unpacked


@lru_cache(256)
def accepted(header: bytes) -> tuple[Coding, ...]:
    """Return the codings to answer in: of those that ``accept-encoding`` names, the most wanted."""
    weights: dict[str, float] = {}
    for part in header[:500].decode("latin-1").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            continue
    most = max(weights.get(coding, 0.0) for coding in _CODINGS)
    return tuple(c for c in _CODINGS if most > 0 and weights.get(c) == most)


def packed(send: Send, codings: tuple[Coding, ...]) -> Send:
    """Return a ``send`` that packs a JSON answer that is sent in one piece and is large."""
    held: Message | None = None

    async def send_packed(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start":
            if _packable(message):
                held = message
            else:
                await send(message)
            return
        start, held = held, None
        if start is not None:
            if not message.get("more_body", False):
                start, message = await _pack(start, message, codings)
            await send(start)
        await send(message)

    return send_packed


def _packable(start: Message) -> bool:
    headers = dict(start.get("headers", ()))
    return (
        headers.get(b"content-type", b"").startswith(b"application/json")
        and int(headers.get(b"content-length", 0)) >= PACK_FROM_BYTES
        and b"content-encoding" not in headers
    )


async def _pack(
    start: Message, message: Message, codings: tuple[Coding, ...]
) -> tuple[Message, Message]:
    body = message["body"]
    coding = codings[-1 if len(body) >= ZSTD_FROM_BYTES else 0]
    if len(body) >= THREAD_FROM_BYTES:
        small = await asyncio.to_thread(compress, body, coding)
    else:
        small = compress(body, coding)
    headers = [
        (name, b"%d" % len(small) if name == b"content-length" else value)
        for name, value in start["headers"]
    ]
    headers += [(b"content-encoding", coding.encode()), (b"vary", b"Accept-Encoding")]
    return {**start, "headers": headers}, {**message, "body": small}


def compress(body: bytes, coding: Coding) -> bytes:
    """Return the body in a coding, at the speed that suits an answer made once."""
    if coding == "zstd":
        return bytes(zstd().compress(body, _LEVEL))
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return packer.compress(body) + packer.flush()
