"""One provider's server over HTTP, on the connection pool that all providers share."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from consigne.domain.errors import RequestTooLarge
from consigne.providers.cloud_tokens import CloudToken, NoCredentials
from consigne.providers.faults import Teller, read_fault
from consigne.providers.sse import SseParser
from consigne.settings import ProviderSettings

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

MAX_ANSWER_BYTES = 256 * 2**20
"""Bytes beyond which a whole answer is not read."""
_KEEP_ALIVE_S = 55.0
_ERROR_BYTES = 2**20
_FINISH_S = 1.0
"""Seconds that a server has to end its stream after its answer; then the connection is cut."""


_JSON: Final = "application/json"


class Form(msgspec.Struct, frozen=True):
    """A form with files, which can be sent twice."""

    fields: dict[str, str]
    files: dict[str, bytes]
    """Pictures as PNG, by their fields' names."""

    def encoded(self) -> tuple[bytes, str]:
        """Return the body and its media type."""
        mark = secrets.token_hex(16)
        pieces = []
        for name, text in self.fields.items():
            pieces += [b'--%b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n' % (
                mark.encode(), name.encode()
            ), text.encode(), b"\r\n"]  # fmt: skip
        for name, data in self.files.items():
            pieces += [
                b'--%b\r\ncontent-disposition: form-data; name="%b"; filename="%b.png"\r\n'
                b"content-type: image/png\r\n\r\n" % (mark.encode(), name.encode(), name.encode()),
                data,
                b"\r\n",
            ]
        pieces.append(b"--%b--\r\n" % mark.encode())
        return b"".join(pieces), f"multipart/form-data; boundary={mark}"


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (msgspec.MsgspecError, OverflowError, UnicodeError, RecursionError):
        raise RequestTooLarge("The request holds what JSON can't carry.") from None


class Pool:
    """The connections to all providers, opened when first used."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> "aiohttp.ClientSession":
        """Return the session that holds the connections."""
        if self._session is None:
            import aiohttp

            # No limit: how much runs at once is for callers' limits to say, not for the pool.
            connector = aiohttp.TCPConnector(
                limit=0, keepalive_timeout=_KEEP_ALIVE_S, ttl_dns_cache=60
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent",),
                read_bufsize=2**18,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class Upstream:
    """Sends JSON to a provider's server and reads what it answers."""

    def __init__(
        self,
        settings: ProviderSettings,
        pool: Pool,
        headers: Mapping[str, str],
        key: str,
        token: CloudToken | None = None,
    ) -> None:
        self.teller = Teller(settings.name, (key, *settings.headers.values()))
        self._base = settings.base_url.rstrip("/")
        self._headers = {
            "content-type": _JSON,
            "accept-encoding": "identity",
            **headers,
            **{name.lower(): value for name, value in settings.headers.items()},
        }
        self._pool = pool
        self._token = token
        self._proxy = settings.proxy or None
        self._settings = settings
        self._timeout: aiohttp.ClientTimeout | None = None
        self._urls: dict[str, Any] = {}

    async def ask(self, path: str, body: Any, decoder: "msgspec.json.Decoder[T]", model: str) -> T:
        """Post ``body`` as JSON and return the whole answer.

        Raises:
            ConsigneError: The server can't be reached, or refuses.
        """
        return await self._asked(path, _encoded(body), _JSON, decoder, model)

    async def ask_form(
        self, path: str, form: Form, decoder: "msgspec.json.Decoder[T]", model: str
    ) -> T:
        """Post a form and return the whole answer.

        Raises:
            ConsigneError: The server can't be reached, or refuses.
        """
        encoded, media_type = form.encoded()
        return await self._asked(path, encoded, media_type, decoder, model)

    async def _asked(
        self, path: str, body: bytes, kind: str, decoder: "msgspec.json.Decoder[T]", model: str
    ) -> T:
        async with self._post(path, body, model, kind) as response:
            content = await self._read(response, MAX_ANSWER_BYTES)
        try:
            return decoder.decode(content)
        except (msgspec.MsgspecError, RecursionError):
            raise self.teller.unreadable() from None

    @asynccontextmanager
    async def stream(self, path: str, body: Any, model: str) -> AsyncIterator["Source"]:
        """Post ``body`` as JSON; yield the source of the answer's events.

        Raises:
            ConsigneError: The server can't be reached, refuses, or breaks off.
        """
        async with self._post(path, _encoded(body), model) as response:
            yield Source(response.content, self.teller)

    @asynccontextmanager
    async def _post(
        self, path: str, body: bytes, model: str, kind: str = _JSON
    ) -> AsyncIterator["aiohttp.ClientResponse"]:
        """Yield the response to a request that was not refused.

        The connection is given back if the response was read to its end, and cut otherwise.
        """
        import aiohttp

        response: aiohttp.ClientResponse | None = None
        headers = await self._headers_of(kind)
        try:
            response = await self._send(path, body, headers)
            if response.status != 200:
                if response.status == 401 and self._token is not None:
                    self._token.forget(headers["authorization"].removeprefix("Bearer "))
                content = await self._read(response, _ERROR_BYTES)
                raise self.teller.from_status(
                    response.status, response.headers, read_fault(content), model
                )
            yield response
        except TimeoutError:
            raise self.teller.timed_out() from None
        except aiohttp.ClientConnectorError as error:
            raise self.teller.unreachable(str(error)) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            if response is None:
                raise self.teller.unreachable(repr(error)) from None
            raise self.teller.cut() from None
        finally:
            if response is not None:
                response.close()

    async def _headers_of(self, kind: str) -> Mapping[str, str]:
        if kind is _JSON and self._token is None:
            return self._headers
        headers = {**self._headers, "content-type": kind}
        if self._token is not None:
            try:
                headers["authorization"] = f"Bearer {await self._token.get()}"
            except NoCredentials as error:
                raise self.teller.without_credentials(str(error)) from None
        return headers

    async def _send(
        self, path: str, encoded: bytes, headers: Mapping[str, str]
    ) -> "aiohttp.ClientResponse":
        import aiohttp

        try:
            return await self._once(path, encoded, headers)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A pooled connection that the server had closed meanwhile: a fresh one works.
            self.teller.troubles.retries += 1
            return await self._once(path, encoded, headers)

    async def _once(
        self, path: str, encoded: bytes, headers: Mapping[str, str]
    ) -> "aiohttp.ClientResponse":
        import aiohttp

        if self._timeout is None:
            self._timeout = aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._settings.connect_timeout_s,
                sock_read=self._settings.timeout_s,
            )
        url = self._urls.get(path)
        if url is None:
            from yarl import URL

            url = self._urls[path] = URL(self._base + path)
        return await self._pool.session().post(
            url,
            data=encoded,
            headers=headers,
            timeout=self._timeout,
            proxy=self._proxy,
            allow_redirects=False,
        )

    async def _read(self, response: "aiohttp.ClientResponse", most: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while chunk := await response.content.readany():
            pieces.append(chunk)
            size += len(chunk)
            if size > most:
                raise self.teller.unreadable()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Source:
    """The data of a stream's events, as they come."""

    def __init__(self, content: "aiohttp.StreamReader", teller: Teller) -> None:
        self._content = content
        self._parser = SseParser()
        self._teller = teller

    async def read(self) -> list[bytes]:
        """Return the data of the next events, at least one; empty at the end of the stream.

        Raises:
            UpstreamFailed: What came is no stream of events.
        """
        feed, readany = self._parser.feed, self._content.readany
        while chunk := await readany():
            try:
                events = feed(chunk)
            except ValueError:
                raise self._teller.unreadable() from None
            if events:
                return events
        return []

    async def finish(self) -> None:
        """Read to the end of the stream, so that its connection can serve again."""
        try:
            async with asyncio.timeout(_FINISH_S):
                while await self._content.readany():
                    pass
        except TimeoutError:
            return
