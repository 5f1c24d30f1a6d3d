"""One connection to a provider's server: a request out, its answer in, then the next (HTTP/1.1).

A general client costs a third of what passing on an answer does; this is what passing on needs of
one. What is not HTTP, ends too early or stays silent too long is an error, and such a connection
never serves again.
"""

import asyncio
from typing import Final, Protocol, cast

import httptools

READ_AHEAD_BYTES: Final = 2**18
"""Bytes of an answer that are held before the server has to wait for who reads it."""
MOST_HEAD_BYTES: Final = 2**18
"""Bytes within which an answer's head must end."""
_JOIN_BYTES: Final = 2**16
"""A body up to so many bytes is sent with its head in one packet."""
_LENIENT: Final = {"lenient_optional_cr_before_lf": True, "lenient_spaces_after_chunk_size": True}


class HungUp(Exception):
    """The server closed the connection without a word of its answer: another may do."""


class Broken(Exception):
    """The answer ended too early."""


class NotHttp(Broken):
    """What came is no answer of HTTP/1.1."""


class Home(Protocol):
    """Where connections are kept (``pool.Pool``)."""

    def put(self, connection: "Connection") -> None:
        """Take a connection that can serve again."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Note that a connection is gone."""
        ...


class Answer:
    """An answer, as far as it has come."""

    __slots__ = (
        "_connection",
        "_error",
        "_held",
        "_pieces",
        "_waiting",
        "begun",
        "raw_headers",
        "status",
        "whole",
    )

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.begun = False
        """Whether its head is there."""
        self.whole = False
        """Whether all of it has come."""
        self._connection = connection
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._held = 0
        self._error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Its headers, by their names in small letters; the values of repeated ones are joined."""
        found: dict[str, str] = {}
        for raw_name, raw in self.raw_headers:
            name, value = raw_name.decode("latin-1").lower(), raw.decode("latin-1")
            found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    async def head(self) -> None:
        """Wait until its head is there.

        Raises:
            HungUp: No byte of it came.
            Broken: It ended before, or is not HTTP.
            TimeoutError: The server was silent for too long.
        """
        while not self.begun:
            if self._error is not None:
                raise self._error
            await self._more()

    async def read(self) -> bytes:
        """Return what has come of its body since the last call; empty at its end.

        Raises:
            Broken: It ended too early; what had come was returned before.
            TimeoutError: The server was silent for too long.
        """
        pieces = self._pieces
        while not pieces:
            if self._error is not None:
                raise self._error
            if self.whole:
                return b""
            await self._more()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._held > READ_AHEAD_BYTES:
            self._connection.go_on(self)
        self._held = 0
        return data

    def close(self) -> None:
        """Want no more of it: a connection that still brings it is cut."""
        if not self.whole:
            self._connection.abandon(self)

    def let_end(self, seconds: float) -> None:
        """Read no more of it, but let the server end it within some seconds."""
        self._pieces.clear()
        if not self.whole:
            self._connection.let_end(self, seconds)
        self._held = 0

    async def _more(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    # What its connection calls.

    def unread(self) -> bool:
        return bool(self._pieces)

    def too_much(self) -> bool:
        return self._held > READ_AHEAD_BYTES

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)

    def ends_with_connection(self) -> bool:
        """Say whether nothing but the connection's end tells the body's."""
        given = self.headers
        return "content-length" not in given and "transfer-encoding" not in given

    def fail(self, error: Exception) -> None:
        self._error = error
        self.wake()

    def wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Connection(asyncio.Protocol):
    """A connection that is open; one request at a time."""

    def __init__(self, home: Home, key: object) -> None:
        self.key = key
        """Where it leads to."""
        self.idle_since = 0.0
        self.is_open = True
        self._home = home
        self._loop = asyncio.get_running_loop()
        self._body: list[bytes] = []
        self.on_body = self._body.append
        """Takes a piece of an answer's body."""
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)
        self._answer: Answer | None = None
        self._heard = False
        self._keep = False
        self._ending = False
        self._stray = False
        self._paused = False
        self._silence_s = 0.0
        self._deadline = self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._head_bytes = 0

    def ask(self, head: bytes, body: bytes, silence_s: float) -> Answer:
        """Send a request.

        Args:
            head: All of it up to the empty line, that included.
            body: Its body.
            silence_s: Seconds that the server may say nothing.
        """
        answer = self._answer = Answer(self)
        self._heard = self._keep = self._ending = False
        self._head_bytes = 0
        transport = self._transport
        if len(body) <= _JOIN_BYTES:
            transport.write(head + body)
        else:
            transport.writelines((head, body))
        self._unsent = transport.get_write_buffer_size()
        self._silence_s = silence_s
        self._deadline = self._loop.time() + silence_s
        if self._timer is None or self._due > self._deadline:
            self._arm(silence_s)
        return answer

    def go_on(self, answer: Answer) -> None:
        """Let the server send more of an answer, after there was too much of it unread."""
        if self._paused and answer is self._answer:
            self._paused = False
            self._deadline = self._loop.time() + self._silence_s
            self._transport.resume_reading()

    def abandon(self, answer: Answer) -> None:
        """Cut the connection, if it still brings this answer and is not to end by itself."""
        if answer is self._answer and not self._ending:
            self._answer = None
            self.abort()

    def let_end(self, answer: Answer, seconds: float) -> None:
        """Pass over the rest of an answer, if it comes within some seconds."""
        if answer is self._answer:
            self._ending = True
            self.go_on(answer)
            self._deadline = self._loop.time() + seconds
            if self._timer is None or self._due > self._deadline:
                self._arm(seconds)

    def abort(self) -> None:
        """End at once."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take more of the answer."""
        answer = self._answer
        if answer is None:  # nobody asked
            self.abort()
            return
        self._heard = True
        if not self._ending:
            self._deadline = self._loop.time() + self._silence_s
        failed = False
        self._head_bytes += 0 if answer.begun else len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            failed = True
        if self._body:
            self._hand_on(answer)
        if failed or (not answer.begun and self._head_bytes > MOST_HEAD_BYTES):
            self._fail(NotHttp())
            return
        if answer.whole:
            self._finish()
        elif not self._paused and answer.too_much():
            self._paused = True
            self._transport.pause_reading()
        answer.wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answer, self._answer = self._answer, None
        if answer is not None:
            if error is None and answer.begun and answer.ends_with_connection():
                answer.whole = True
                answer.wake()
            elif self._heard:
                answer.fail(Broken(f"the connection ended: {error}"))
            else:
                answer.fail(HungUp(repr(error) if error else "the server hung up"))
        self._home.lost(self)

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin an answer, which somebody has asked for, or else the connection is of no use."""
        if self._answer is None or self._answer.whole:
            self._stray = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after a body say nothing that is read."""
        answer = self._answer
        if answer is not None and not answer.begun:
            answer.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the answer's head; what only says that one is to come is passed over."""
        answer = self._answer
        if answer is None or answer.begun:
            return
        status = self._parser.get_status_code()
        if status < 200:
            answer.raw_headers.clear()
            return
        answer.status = status
        answer.begun = True
        self._keep = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Note that it is whole."""
        answer = self._answer
        if answer is not None and answer.begun:
            if self._body:
                self._hand_on(answer)
            answer.whole = True

    def _hand_on(self, answer: Answer) -> None:
        """Give the answer what has come of its body; after its end it is no more of it."""
        pieces = self._body
        if not (answer.whole or self._ending):
            answer.add(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        pieces.clear()

    def _finish(self) -> None:
        self._answer = None
        if self._keep and not self._stray and not self._transport.get_write_buffer_size():
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            self.idle_since = self._loop.time()
            self._home.put(self)
        else:
            self.abort()

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(error)
        self.abort()

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Give the request up if the server is silent; one timer serves for many requests."""
        self._timer = None
        answer = self._answer
        if answer is None:
            return
        now, unsent = self._loop.time(), self._transport.get_write_buffer_size()
        slow = answer.unread() and not self._ending  # who reads it, not the server
        if slow or unsent != self._unsent:
            self._unsent = unsent
            self._deadline = now + self._silence_s
        if now >= self._deadline:
            self._fail(TimeoutError())
        else:
            self._arm(self._deadline - now)
