"""What surrounds every request: its id, the limit on its body, its coding, CORS, its repetition.

It is the last line of defence too: no exception reaches the server.
"""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consigne.api import body_marks, encodings, errors, limit_headers, text_marks
from consigne.api.body_limits import BodyLimit
from consigne.api.idempotency import Idempotency
from consigne.api.metered import ENDPOINTS, Metered
from consigne.business.usage import UsageLog
from consigne.domain.errors import RequestTooLarge
from consigne.domain.ids import new_id
from consigne.settings import ServerSettings
from consigne.telemetry.meters import Meters

_EXPOSED = [
    "request-id",
    "x-request-id",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    text_marks.HEADER,
]
_NOTED = (b"content-length", b"content-encoding", b"accept-encoding", b"idempotency-key", b"cookie")
GONE = 499
"""How answers are counted that their client did not wait for."""
_HEAD_FROM_GET = ("/v1/", "/healthz", "/readyz")


def install(
    app: FastAPI,
    settings: ServerSettings,
    body_limit: BodyLimit | None = None,
    disclosure: bytes | None = None,
    member: bytes | None = None,
    usage: UsageLog | None = None,
) -> None:
    """Put the middleware around the application.

    ``body_limit`` knows paths with limits apart; ``disclosure`` marks answers that models write,
    ``member`` their bodies; ``usage`` counts what they use.
    """
    limit = body_limit or (lambda _: settings.max_body_bytes)
    if usage is not None:
        app.add_middleware(Metered, usage=usage)
    meters = usage.meters if usage is not None else None
    app.add_middleware(Edge, body_limit=limit, disclosure=disclosure, member=member, meters=meters)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=[*_EXPOSED, "idempotent-replayed", *limit_headers.names()],
        )


class Edge:
    """Gives each request an id, bounds and unpacks its body, and tells its errors.

    The id is in ``scope["state"]["request_id"]``, in the log and in the response, as ``request-id``
    to Anthropic's clients and as ``x-request-id`` to all others.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_limit: BodyLimit,
        disclosure: bytes | None = None,
        member: bytes | None = None,
        meters: Meters | None = None,
    ) -> None:
        self._app = app
        self._meters = meters
        self._repeatable = Idempotency(app)
        self._limit_of = body_limit
        self._disclosure = disclosure
        self._member = member

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted = {name: value for name, value in scope["headers"] if name in _NOTED}
        written = self._disclosure is not None and text_marks.is_written(scope)
        answer = _Answer(scope, send, self._disclosure if written else None)
        outward: Send = answer.send
        if b"accept-encoding" in noted and scope["path"].startswith("/v1/"):
            # Whoever sends a cookie may be a page of another site that guesses at secrets.
            codings = () if b"cookie" in noted else encodings.accepted(noted[b"accept-encoding"])
            outward = encodings.packed(answer.send, codings) if codings else answer.send
        if self._member and scope["path"].startswith("/v1/") and text_marks.is_written(scope):
            outward = body_marks.marked(outward, self._member)
        if scope["method"] == "HEAD" and scope["path"].startswith(_HEAD_FROM_GET):
            scope, outward = {**scope, "method": "GET"}, answer.send_head
        try:
            limit = self._limit_of(scope)
            receive = _bounded(noted, receive, limit)
            if coding_header := noted.get(b"content-encoding"):
                scope, receive = _unpacked(scope, receive, coding_header, limit)
            name = noted.get(b"idempotency-key")
            if name is None or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
                await self._app(scope, receive, outward)
            else:
                await self._repeatable(scope, receive, outward, name)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - the last line of defence
            told = errors.response(error, scope)
            if not answer.status:
                await told(scope, receive, outward)
        finally:
            if self._meters is not None:
                self._meters.responded(_kind_of(scope), answer.status or GONE)


class _Answer:
    """The answer's way out: its id and what the key has left of its limits go with it."""

    def __init__(self, scope: Scope, send: Send, disclosure: bytes | None = None) -> None:
        self.status = 0
        self._disclosure = disclosure
        self._send = send
        self._state = scope.setdefault("state", {})
        self._state["request_id"] = self._id = new_id("req")
        self._anthropic = errors.dialect_of(scope) == "anthropic"

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            name = b"request-id" if self._anthropic else b"x-request-id"
            headers = [*message.get("headers", ()), (name, self._id.encode())]
            if account := self._state.get("account"):
                headers += limit_headers.of(account, anthropic=self._anthropic)
            if self._disclosure is not None and message["status"] < 300:
                headers.append((text_marks.HEADER.encode(), self._disclosure))
            message = {**message, "headers": headers}  # its sender may keep it
        await self._send(message)

    async def send_head(self, message: Message) -> None:
        """Send the head of an answer, and end it there."""
        if message["type"] == "http.response.start":
            await self.send(message)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _kind_of(scope: Scope) -> str:
    path = scope["path"]
    if scope["method"] == "POST" and (endpoint := ENDPOINTS.get(path)):
        return endpoint
    return "api" if path.startswith("/v1/") else "app" if path.startswith("/api/") else "other"


def _bounded(noted: dict[bytes, bytes], receive: Receive, limit: int) -> Receive:
    """Return a ``receive`` that refuses a body over the limit.

    Raises:
        RequestTooLarge: The length declared is over the limit already.
    """
    declared = noted.get(b"content-length")
    if declared is not None:
        if int(declared) > limit:
            raise RequestTooLarge(_too_large(limit))
        return receive
    room = limit

    async def counted() -> Message:
        nonlocal room
        message = await receive()
        room -= len(message.get("body", b""))
        if room < 0:
            # An HTTPException passes through the framework's own reading of bodies.
            raise HTTPException(413, _too_large(limit))
        return message

    return counted


def _unpacked(scope: Scope, receive: Receive, header: bytes, limit: int) -> tuple[Scope, Receive]:
    """Return the request as if its body had not been packed."""
    coding = encodings.coding_of(header)
    if coding is None:
        return scope, receive
    left = [
        (name, value)
        for name, value in scope["headers"]
        if name not in (b"content-encoding", b"content-length")
    ]
    return {**scope, "headers": left}, encodings.unpacked(receive, coding, limit)


def _too_large(limit: int) -> str:
    return f"The request body is over the limit of {limit:,} bytes."
