"""One provider's server over HTTP, on the connection pool that all providers share."""

import secrets
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from consigne.domain.errors import ConsigneError, RequestTooLarge
from consigne.providers.cloud_tokens import CloudToken, NoCredentials
from consigne.providers.connection import Answer, Broken, HungUp, NotHttp
from consigne.providers.faults import Teller, read_fault
from consigne.providers.pool import Pool, Unreachable, credentials_of, place_of, target_of
from consigne.providers.sse import SseParser
from consigne.settings import ProviderSettings

T = TypeVar("T")

MAX_ANSWER_BYTES = 256 * 2**20
"""Bytes beyond which a whole answer is not read."""
_ERROR_BYTES = 2**20
_FINISH_S = 1.0
"""Seconds that a server has to end its stream after its answer; then the connection is cut."""


_JSON: Final = "application/json"
_FAILURES: Final = (TimeoutError, Broken, HungUp, Unreachable)


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
        if given := credentials_of(self._base):
            self._headers.setdefault("authorization", given)
        self._pool = pool
        self._token = token
        self._place = place_of(self._base, settings.proxy)
        self._connect_s = settings.connect_timeout_s
        self._silence_s = settings.timeout_s
        self._heads: dict[str, bytes] = {}

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
        answer = await self._post(path, body, model, kind)
        try:
            content = await self._read(answer, MAX_ANSWER_BYTES)
        except _FAILURES as error:
            raise self.told(error) from None
        finally:
            answer.close()
        try:
            return decoder.decode(content)
        except (msgspec.MsgspecError, RecursionError):
            raise self.teller.unreadable() from None

    async def stream(self, path: str, body: Any, model: str) -> "Source":
        """Post ``body`` as JSON; return the source of the answer's events, which is to be closed.

        Raises:
            ConsigneError: The server can't be reached, or refuses.
        """
        return Source(await self._post(path, _encoded(body), model), self)

    async def _post(self, path: str, body: bytes, model: str, kind: str = _JSON) -> Answer:
        """Return the answer to a request that was not refused; whoever has it closes it."""
        head, bearer = self._head(path), ""
        if kind is not _JSON or self._token is not None:
            head, bearer = await self._own_head(path, kind)
        try:
            answer = await self._send(b"%bcontent-length: %d\r\n\r\n" % (head, len(body)), body)
        except _FAILURES as error:
            raise self.told(error) from None
        if answer.status == 200:
            return answer
        if answer.status == 401 and self._token is not None:
            self._token.forget(bearer)
        try:
            content = await self._read(answer, _ERROR_BYTES)
        except _FAILURES as error:
            raise self.told(error) from None
        finally:
            answer.close()
        fault = read_fault(content)
        raise self.teller.from_status(answer.status, answer.headers, fault, model)

    async def _send(self, head: bytes, body: bytes) -> Answer:
        connection, again = self._pool.take(self._place), False
        while True:
            if connection is None:
                connection = await self._pool.open(self._place, self._connect_s)
            answer = connection.ask(head, body, self._silence_s)
            try:
                await answer.head()
            except HungUp:
                if again:
                    raise
                # A connection that the server had closed meanwhile: a fresh one works.
                connection, again = None, True
                self.teller.troubles.retries += 1
            except BaseException:
                answer.close()
                raise
            else:
                return answer

    def _head(self, path: str) -> bytes:
        """Return a request's first line and headers, but for its length."""
        head = self._heads.get(path)
        if head is None:
            head = self._heads[path] = self._written(path, self._headers)
        return head

    def _written(self, path: str, headers: Mapping[str, str]) -> bytes:
        place = self._place
        lines = [f"POST {target_of(self._base + path, place)} HTTP/1.1", f"host: {place.name}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if place.relayed and (credentials := credentials_of(place.proxy)):
            lines.append(f"proxy-authorization: {credentials}")
        return "\r\n".join([*lines, ""]).encode("ascii")

    async def _own_head(self, path: str, kind: str) -> tuple[bytes, str]:
        """Return the head of a request that is not as all others, and its token."""
        headers, bearer = {**self._headers, "content-type": kind}, ""
        if self._token is not None:
            try:
                bearer = await self._token.get()
            except NoCredentials as error:
                raise self.teller.without_credentials(str(error)) from None
            if not (bearer.isascii() and bearer.isprintable()):
                raise self.teller.without_credentials("its token holds a wrong character")
            headers["authorization"] = f"Bearer {bearer}"
        return self._written(path, headers), bearer

    def told(self, error: Exception) -> ConsigneError:
        """Return what it means to our caller that a request did not get its answer."""
        match error:
            case TimeoutError():
                return self.teller.timed_out()
            case NotHttp():
                return self.teller.unreadable()
            case Broken():
                return self.teller.cut()
            case _:
                return self.teller.unreachable(str(error))

    async def _read(self, answer: Answer, most: int) -> bytes:
        content = await answer.read()
        if answer.whole and not answer.unread() and len(content) <= most:
            return content
        pieces, size = [content], len(content)
        while content and (content := await answer.read()):
            pieces.append(content)
            size += len(content)
            if size > most:
                raise self.teller.unreadable()
        return b"".join(pieces)


class Source:
    """The data of a stream's events, as they come."""

    def __init__(self, answer: Answer, upstream: Upstream) -> None:
        self._answer = answer
        self._parser = SseParser()
        self._upstream = upstream

    async def read(self) -> list[bytes]:
        """Return the data of the next events, at least one; empty at the end of the stream.

        Raises:
            ConsigneError: The stream breaks off, or what came is none of events.
        """
        feed, read = self._parser.feed, self._answer.read
        try:
            while chunk := await read():
                if events := feed(chunk):
                    return events
        except _FAILURES as error:
            raise self._upstream.told(error) from None
        except ValueError:
            raise self._upstream.teller.unreadable() from None
        return []

    def close(self) -> None:
        """Want no more of it; the request is aborted if it has not ended."""
        self._answer.close()

    def let_end(self) -> None:
        """Want no more of it, and let its connection serve again once the server has ended it."""
        self._answer.let_end(_FINISH_S)
