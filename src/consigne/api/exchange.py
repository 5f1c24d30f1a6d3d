"""One request and its answer on a connection, as ASGI has them.

It is uvicorn's, but for what most of a request's time there went into: an answer's head is written
in one pass, and who works for a client can be told that it has gone without a task that waits.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

log = logging.getLogger(__name__)

_BAD_NAME: Final = re.compile(b'[\x00-\x1f\x7f()<>@,;:\\[\\]={} \t\\\\"]')
_GOOD: Final = bytes(byte for byte in range(256) if byte == 9 or (byte >= 32 and byte != 127))
"""All of a head but the ends of its lines: no control characters."""
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NO_BODY: Final = (204, 304)


class Exchange(RequestResponseCycle):
    """A request and its answer."""

    _when_gone: Callable[[], None] | None = None

    async def run_asgi(self, app: Any) -> None:
        """Have the application answer; what it leaves unanswered is an error of this server."""
        try:
            await app(self.scope, Inward(self), self.send)
        except BaseException:
            log.exception("the application failed")
            await self._give_up()
        else:
            if not self.response_complete and not self.disconnected:
                log.error("the application left a request unanswered")
                await self._give_up()
        finally:
            self.on_response = _nothing

    async def _give_up(self) -> None:
        if self.response_started:
            self.transport.close()
        else:
            await self.send_500_response()

    def gone(self) -> None:
        """Tell whoever works for the client that it has gone."""
        tell, self._when_gone = self._when_gone, None
        if tell is not None:
            tell()

    def tell_when_gone(self, tell: Callable[[], None] | None) -> None:
        """Have ``tell`` called once the client has gone, perhaps at once; ``None``: no more."""
        self._when_gone = tell
        if tell is not None and self.disconnected:
            asyncio.get_running_loop().call_soon(self.gone)

    async def send(self, message: Any) -> None:
        """Send the next part of the answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if self.response_started:
            self._send_body(message)
        else:
            self._send_head(message)

    def _send_head(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"an answer can't begin with {message['type']}")
        self.response_started = True
        self.waiting_for_100_continue = False
        status: int = message["status"]
        pieces = [STATUS_LINE[status]]
        ends = 2
        closes, chunked, length = False, False, None
        for name, value in [*self.default_headers, *message.get("headers", ())]:
            lower = _name(name)
            if lower in _FRAMING:
                if lower == b"content-length":
                    length = int(value)
                elif lower == b"transfer-encoding":
                    chunked = value.lower() == b"chunked"
                else:
                    closes = b"close" in [token.strip().lower() for token in value.split(b",")]
            pieces += (lower, b": ", value, b"\r\n")
            ends += 1
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            pieces.append(b"connection: close\r\n")
            ends += 1
        if length is None and not chunked:
            chunked = self.scope["method"] != "HEAD" and status not in _NO_BODY
            if chunked:
                pieces.append(b"transfer-encoding: chunked\r\n")
                ends += 1
        self.chunked_encoding = chunked
        self.expected_content_length = 0 if chunked or length is None else length
        pieces.append(b"\r\n")
        head = b"".join(pieces)
        if head.translate(None, _GOOD) != b"\r\n" * ends:
            raise RuntimeError("a header's value holds a control character")
        self.transport.write(head)

    def _send_body(self, message: Message) -> None:
        if self.response_complete or message["type"] != "http.response.body":
            raise RuntimeError(f"{message['type']} can't follow here")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
        elif self.chunked_encoding:
            piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self.transport.write(piece if more else piece + b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the body is longer than its content-length")
            self.transport.write(body)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("the body is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


def _nothing() -> None:
    """Do nothing: whoever wanted to know of the answer's end knows."""


class Inward:
    """What an application receives from; it tells, too, when the client has gone."""

    __slots__ = ("_receive", "when_gone")

    def __init__(self, exchange: Exchange) -> None:
        self._receive: Callable[[], Awaitable[Any]] = exchange.receive
        self.when_gone = exchange.tell_when_gone

    def __call__(self) -> Awaitable[Message]:
        """Return the next of what the client sends."""
        return self._receive()


@lru_cache(maxsize=1024)
def _name(name: bytes) -> bytes:
    """Return a header's name in small letters.

    Raises:
        RuntimeError: It is none.
    """
    if _BAD_NAME.search(name):
        raise RuntimeError("a header's name holds a wrong character")
    return name.lower()
