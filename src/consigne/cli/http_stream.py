"""The lightest HTTP client that reads a stream of events: it shares the machine with the server.

One connection, one request at a time, parsed in C by httptools. What comes is handed on at once,
with its time of arrival and without a task switch.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import httptools

from consigne.domain.errors import OperatorError

OnPiece = Callable[[int, float, bytes], None]
"""Takes the status, the time of arrival (``time.perf_counter``) and a piece of the body."""


class Connection:
    """A keep-alive connection to one server, opened again when the server closes it."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise OperatorError(f"'{url}' is no address: give one like http://127.0.0.1:8000")
        self._tls = address.scheme == "https"
        self._host = address.hostname
        self._port = address.port or (443 if self._tls else 80)
        self._base = address.path.rstrip("/")
        lines = {"host": address.netloc, "content-type": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._protocol: _Protocol | None = None

    async def stream(self, path: str, body: bytes, on_piece: OnPiece) -> int:
        """Post ``body``, hand on the answer's body as it comes, return the status.

        Raises:
            OSError: The connection can't be made, or is cut before the answer's end.
        """
        head = f"POST {self._base}{path} HTTP/1.1\r\n{self._head}content-length: {len(body)}"
        return await self._exchange(head.encode() + b"\r\n\r\n" + body, on_piece)

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post ``body``, return the status and the answer's body (raises as ``stream``)."""
        pieces: list[bytes] = []
        status = await self.stream(path, body, lambda _status, _at, piece: pieces.append(piece))
        return status, b"".join(pieces)

    async def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body at ``path`` (raises as ``stream``)."""
        pieces: list[bytes] = []
        head = f"GET {self._base}{path} HTTP/1.1\r\n{self._head}\r\n"
        status = await self._exchange(head.encode(), lambda _status, _at, p: pieces.append(p))
        return status, b"".join(pieces)

    def close(self) -> None:
        """Close the connection."""
        if self._protocol is not None:
            self._protocol.close()

    async def _exchange(self, request: bytes, on_piece: OnPiece) -> int:
        if self._protocol is None or not self._protocol.usable:
            loop = asyncio.get_running_loop()
            tls = ssl.create_default_context() if self._tls else None
            _, self._protocol = await loop.create_connection(
                _Protocol, self._host, self._port, ssl=tls
            )
        return await self._protocol.exchange(request, on_piece)


class _Protocol(asyncio.Protocol):
    """Feeds the parser and hands on what it finds."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._on_piece: OnPiece | None = None
        self._done: asyncio.Future[int] | None = None
        self._arrived = 0.0
        self._status = 0
        self._chunked_or_sized = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and self._done is None

    async def exchange(self, request: bytes, on_piece: OnPiece) -> int:
        """Send a request, hand on its answer's body, return the status."""
        assert self._transport is not None
        self._on_piece = on_piece
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._done
        except BaseException:  # the answer is given up: what is still to come would mix
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._arrived = time.perf_counter()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(ConnectionError(f"this is no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer that was under way; one without a stated length ends so."""
        self._transport = None
        if self._status and not self._chunked_or_sized:
            self._end(None)
        else:
            self._end(ConnectionError("the server closed the connection in mid-answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whether the answer says where it ends."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._chunked_or_sized = True

    def on_headers_complete(self) -> None:
        """Note the status."""
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        if self._on_piece is not None:
            self._on_piece(self._status, self._arrived, body)

    def on_message_complete(self) -> None:
        """End the answer and make ready for the next."""
        keep = self._parser.should_keep_alive()
        self._end(None)
        if keep:
            self._parser = httptools.HttpResponseParser(self)
        else:
            self.close()

    def _end(self, error: Exception | None) -> None:
        done, self._done = self._done, None
        status, self._status, self._chunked_or_sized = self._status, 0, False
        if done is None or done.done():
            return
        if error is None:
            done.set_result(status)
        else:
            done.set_exception(error)
