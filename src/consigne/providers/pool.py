"""The connections to all providers' servers: opened when first used, kept while they may serve."""

import asyncio
import base64
import re
import socket
import ssl
from typing import Any, Final, NamedTuple, cast
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohappyeyeballs

from consigne.domain.errors import OperatorError
from consigne.providers.connection import Connection

KEEP_S: Final = 55.0
"""Seconds that a connection is kept for the next request."""
NAMES_S: Final = 60.0
"""Seconds that the addresses behind a name are remembered."""
_STAGGER_S: Final = 0.25
_MOST_HEAD_BYTES: Final = 2**16
_HERE: Final = re.compile(r"localhost|127\.[0-9.]+|::1")
_PORTS: Final = {"http": 80, "https": 443}
_SAFE: Final = "/%:@!$&'()*+,;=~-._?"

Addresses = list[tuple[Any, Any, int, str, Any]]


class Unreachable(Exception):
    """No connection could be made; the message says why."""


class Place(NamedTuple):
    """Where a connection leads to."""

    secure: bool
    host: str
    port: int
    proxy: str = ""
    """The address of the proxy to go through, with its password."""

    @property
    def name(self) -> str:
        """As the ``host`` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def relayed(self) -> bool:
        """Whether a proxy reads the requests, which then name the whole address."""
        return bool(self.proxy) and not self.secure


def place_of(url: str, proxy: str = "") -> Place:
    """Return where an address leads to.

    Without a ``proxy`` the process's environment names one (``HTTPS_PROXY``, ``NO_PROXY``…), except
    for this machine's own addresses.

    Raises:
        OperatorError: The address has no host that can be looked up.
    """
    parts = urlsplit(url)
    try:
        host = _ascii(parts.hostname or "")
    except UnicodeError:
        raise OperatorError(f"The provider's address {url} has no valid host.") from None
    if not proxy and not _HERE.fullmatch(host) and not proxy_bypass(host):
        proxy = getproxies().get(parts.scheme, "")
        proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
    return Place(parts.scheme == "https", host, parts.port or _PORTS[parts.scheme], proxy)


def target_of(url: str, place: Place) -> str:
    """Return what the first line of a request for this address names."""
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{parts.query}" if parts.query else "")
    return f"http://{place.name}{path}" if place.relayed else path


def credentials_of(url: str) -> str:
    """Return the ``Basic`` credentials that an address holds; empty if it holds none."""
    parts = urlsplit(url)
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


class Pool:
    """Keeps connections by where they lead to.

    Their number has no limit: how much runs at once is for callers' limits to say.
    """

    def __init__(self) -> None:
        self._idle: dict[Place, list[Connection]] = {}
        self._all: set[Connection] = set()
        self._names: dict[tuple[str, int], tuple[float, Addresses]] = {}
        self._context: ssl.SSLContext | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, place: Place) -> Connection | None:
        """Return a connection that is kept, the one that was used last."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    async def open(self, place: Place, timeout_s: float) -> Connection:
        """Return a new connection.

        Raises:
            Unreachable: There is none to be had.
            TimeoutError: It took too long.
        """
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._opened(place)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            raise Unreachable(str(error) or repr(error)) from None
        self._all.add(connection)
        return connection

    def put(self, connection: Connection) -> None:
        """Take a connection that can serve again."""
        key = connection.key
        assert isinstance(key, Place)
        self._idle.setdefault(key, []).append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(KEEP_S, self._sweep)

    def lost(self, connection: Connection) -> None:
        """Note that a connection is gone."""
        self._all.discard(connection)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        await asyncio.sleep(0)

    def _sweep(self) -> None:
        """Close what was kept long enough."""
        loop = asyncio.get_running_loop()
        before = loop.time() - KEEP_S
        for place, idle in list(self._idle.items()):
            kept = [each for each in idle if each.is_open and each.idle_since > before]
            for each in idle:
                if each.is_open and each.idle_since <= before:
                    each.abort()
            if kept:
                self._idle[place] = kept
            else:
                del self._idle[place]
        self._sweeping = loop.call_later(KEEP_S, self._sweep) if self._idle else None

    async def _opened(self, place: Place) -> Connection:
        loop = asyncio.get_running_loop()
        if not place.proxy:
            opened = await self._connect(place.host, place.port)
            context = await self._tls() if place.secure else None
            _, connection = await loop.create_connection(
                lambda: Connection(self, place),
                sock=opened,
                ssl=context,
                server_hostname=place.host if place.secure else None,
            )
            return connection
        proxy = urlsplit(place.proxy)
        if proxy.scheme not in _PORTS:
            raise Unreachable(f"proxies are spoken to over HTTP, not {proxy.scheme}")
        host = _ascii(proxy.hostname or "")
        opened = await self._connect(host, proxy.port or _PORTS[proxy.scheme])
        outer = await self._tls() if proxy.scheme == "https" else None
        named = host if outer is not None else None
        if not place.secure:
            _, connection = await loop.create_connection(
                lambda: Connection(self, place), sock=opened, ssl=outer, server_hostname=named
            )
            return connection
        transport, tunnel = await loop.create_connection(
            _Tunnel, sock=opened, ssl=outer, server_hostname=named
        )
        try:
            await tunnel.lead_to(place, proxy)
            connection = Connection(self, place)
            inner = await loop.start_tls(
                transport, connection, await self._tls(), server_hostname=place.host
            )
        except BaseException:
            transport.abort()
            raise
        assert inner is not None
        connection.connection_made(inner)
        return connection

    async def _connect(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected, to whichever of the name's addresses answers first."""
        loop = asyncio.get_running_loop()
        ends, addresses = self._names.get((host, port), (0.0, []))
        if loop.time() >= ends:
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._names[host, port] = loop.time() + NAMES_S, addresses
        opened = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_STAGGER_S, interleave=1, loop=loop
        )
        # Else the end of a long request waits for the server's word on its beginning.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            # In a thread: it reads all certificates that this system trusts.
            context = await asyncio.to_thread(ssl.create_default_context)
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


class _Tunnel(asyncio.Protocol):
    """Has a proxy lead a connection on to where the secure one is to begin."""

    def __init__(self) -> None:
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head = b""

    async def lead_to(self, place: Place, proxy: SplitResult) -> None:
        """Wait until the proxy has connected.

        Raises:
            Unreachable: It refuses, or hangs up.
        """
        where = f"{place.host}:{place.port}" if ":" not in place.host else place.name
        lines = [f"CONNECT {where} HTTP/1.1", f"host: {where}"]
        if credentials := credentials_of(proxy.geturl()):
            lines.append(f"proxy-authorization: {credentials}")
        self._transport.write("\r\n".join([*lines, "", ""]).encode())
        await self._opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" not in self._head and len(self._head) < _MOST_HEAD_BYTES:
            return
        found = re.match(rb"HTTP/1\.[01] (\d{3})", self._head)
        if found is not None and found[1].startswith(b"2"):
            self._end(None)
        else:
            told = found[1].decode() if found else "no HTTP"
            self._end(Unreachable(f"the proxy refused to connect ({told})"))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(Unreachable(f"the proxy hung up: {error}"))

    def _end(self, error: Exception | None) -> None:
        if self._opened.done():
            return
        if error is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(error)
