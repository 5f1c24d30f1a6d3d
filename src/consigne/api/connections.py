"""HTTP/1.1 connections: half-closed ones are answered, lost ones are noticed, slow ones end.

A client may shut its sending side after its request and still read. The network tells that with
the same packet as a client that has gone; the two differ only once something is sent to them. So
a half-closed connection is sent what every client passes over (``100 Continue`` before the answer,
a comment within a stream of events): whoever has gone refuses it, and the slot is free at once.
"""

import asyncio
import select
import socket
from functools import lru_cache
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from consigne.api.exchange import Exchange

HEAD_S = 60.0
"""Seconds that a client has to send a request's head, from the connection's or its beginning."""
SILENCE_S = 60.0
"""Seconds that a client may pause while it sends a body."""
SHORT_URL = 100
"""Bytes below which an address is remembered: applications call the same few again and again."""
LOOK_S = 0.02
"""Seconds between looks at a half-closed connection."""
PROBE_S = (0.0, 0.05, 0.2)
"""Seconds after which one is sent something; then once a second."""

_FRAMING = (b"content-length", b"transfer-encoding")
_PROBE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROBE_OF_EVENTS = b"3\r\n:\n\n\r\n"
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Connection(HttpToolsProtocol):
    """One client's connection."""

    _deadline: asyncio.TimerHandle | None = None
    _looking: asyncio.TimerHandle | None = None
    _current: Exchange | None = None
    _outward: "_Outward | None" = None
    _reading = False
    _in_body = False
    _resuming = False
    _resting_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, for a while."""
        super().connection_made(transport)
        # Event loops do so only on sockets that name their protocol, which a listener may not.
        # An answer is several writes: without it the second waits 40 ms for the client's word.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expect(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell what runs that nobody listens any more."""
        self._relax()
        self._unset_keepalive_if_required()
        if self._looking is not None:
            self._looking.cancel()
        if self._current is not None and not self._current.response_complete:
            self._current.disconnected = True
            self._current.message_event.set()
            self._current.gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take more of a request."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        if self._in_body:
            self._expect(SILENCE_S)
        elif self._reading and self._deadline is None:
            self._expect(HEAD_S)

    def _decline(self, rest: bytes) -> None:
        """Read on as if no other protocol had been offered.

        Java's client offers HTTP/2 with its first request; the parser takes the body that follows
        for the other protocol's. A second one is told of the body's length alone.
        """
        self.parser = httptools.HttpRequestParser(self)
        if self._in_body:
            framing = [b"%b: %b\r\n" % header for header in self.headers if header[0] in _FRAMING]
            self._resuming = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
            self._resuming = False
        if rest:
            self.data_received(rest)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for the answers that are still to come, if there are any."""
        newest = self.cycle
        if (
            self._reading
            or newest is None
            or newest.response_complete
            or newest.scope["http_version"] != "1.1"
        ):
            return False
        newest.keep_alive = False
        self._look(self.loop.time(), 0)
        return True

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        if self._resuming:
            return
        super().on_message_begin()
        self._reading = True

    def on_url(self, url: bytes) -> None:
        """Take the request's address."""
        if not self._resuming:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one of its headers."""
        if self._resuming:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer, and to read its body."""
        if self._resuming:
            return
        self._relax()
        self._in_body = True
        version = self.parser.get_http_version()
        before, self.cycle = self.cycle, self._exchange(version)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _exchange(self, version: str) -> Exchange:
        scope = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        parts = _parts if len(self.url) < SHORT_URL else _parts.__wrapped__
        scope["path"], scope["raw_path"], scope["query_string"] = parts(self.url)
        return Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.parser.should_upgrade() and any(name in _FRAMING for name, _ in self.headers):
            return  # its body follows, see ``_decline``
        self._relax()
        self._reading = self._in_body = False
        cycle = self.cycle
        assert cycle is not None
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """The answer is whole."""
        if self._outward is not None:
            self._outward.flush()
        if self._current is not None:
            # The two hold each other: else they stay until a search for cycles, which takes a
            # tenth of the time where many are served at once.
            self._current.transport = self.transport
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        # One timer serves for many requests: a new one for each costs more than to look again.
        self._resting_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._rest(self.timeout_keep_alive)

    def _rest(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self._end_rest)

    def _end_rest(self) -> None:
        """Close the connection if nothing was asked on it for long enough."""
        self.timeout_keep_alive_task = None
        if self._reading or not (self.cycle is None or self.cycle.response_complete):
            return  # the next answer's end begins it anew
        left = self._resting_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._rest(left)
        else:
            self.timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        assert isinstance(cycle, Exchange)
        self._current = cycle
        self._outward = _Outward(cycle, self.transport, self.loop)
        cycle.transport = cast("asyncio.Transport", self._outward)
        super()._start_asgi_task(cycle, app)

    def _expect(self, seconds: float) -> None:
        self._relax()
        self._deadline = self.loop.call_later(seconds, self._too_slow, seconds)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self, seconds: float) -> None:
        if self.transport.is_closing():
            return
        if self.flow.read_paused:  # it is the server that is slow
            self._expect(seconds)
            return
        if self._current is None or self._current.response_complete:
            if self._reading:
                self.transport.write(_TIMEOUT)
        elif self._in_body and not self._current.response_started:
            self.transport.write(_TIMEOUT)
        self.transport.close()

    def _look(self, since: float, probes: int) -> None:
        """Notice whether the client of a half-closed connection has gone."""
        if self.transport.is_closing():
            return
        if _refused(self.transport):
            self.transport.abort()
            return
        due = PROBE_S[probes] if probes < len(PROBE_S) else float(probes - len(PROBE_S) + 1)
        if self.loop.time() - since >= due and (probe := self._probe()):
            assert self._outward is not None
            self._outward.write(probe)
            probes += 1
        self._looking = self.loop.call_later(LOOK_S, self._look, since, probes)

    def _probe(self) -> bytes:
        """Return what the client passes over at this point of its answer; empty if nothing is."""
        cycle = self._current
        if cycle is None or cycle.response_complete:
            return b""
        if not cycle.response_started:
            return _PROBE
        # Streams of events are sent in whole chunks of whole events: a comment fits between.
        return _PROBE_OF_EVENTS if cycle.scope["state"].get("streams_events") else b""


class _Outward:
    """What one answer is written to: its head waits for what follows it at once.

    So one system call sends both, in one packet, and the client wakes once.
    """

    __slots__ = ("_begun", "_cycle", "_held", "_loop", "_transport")

    def __init__(
        self,
        cycle: Exchange,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._cycle = cycle
        self._transport = transport
        self._loop = loop
        self._begun = False
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif self._cycle.response_started and not self._begun:
            self._begun = True
            self._held = data
            self._loop.call_soon(self.flush)
            return
        self._transport.write(data)

    def flush(self) -> None:
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()


@lru_cache(maxsize=256)
def _parts(url: bytes) -> tuple[str, bytes, bytes]:
    """Return an address's path, its path as it was sent, and its query.

    Raises:
        httptools.HttpParserInvalidURLError: It is none.
    """
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


def _refused(transport: asyncio.Transport) -> bool:
    """Say whether the other side has refused what was sent to it."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
