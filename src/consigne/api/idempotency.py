"""``Idempotency-Key``: a repeated POST gets the first answer, also while that is being written."""

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consigne.api.auth import authenticate
from consigne.api.sse import disconnected
from consigne.domain.errors import (
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    RequestTooLarge,
)

if TYPE_CHECKING:
    from consigne.api.services import Services
    from consigne.business.answers import KeptAnswer, KeptAnswers
    from consigne.business.caller import Caller

MAX_NAME = 255
REPLAYED = (b"idempotent-replayed", b"true")

_SELECTING = (b"anthropic-version", b"anthropic-beta", b"content-type")
"""Headers that change what a body means."""


class Idempotency:
    """An ASGI layer for requests that carry the header; it knows those that run."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running: dict[tuple[str, str], _Recording] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send, header: bytes) -> None:
        """Answer with what is kept or being written under this name, or begin.

        Raises:
            InvalidRequest: The header's value can't be a name.
            RequestTooLarge: The body is larger than what is held in memory.
            IdempotencyMismatch: The name belongs to another request.
            Conflict: The first answer is being written and is too large to be shared.
        """
        request = Request(scope, receive)
        caller = await authenticate(request)
        name = _checked(header)
        services: Services = scope["app"].state.services
        body = await _read(request, services.settings.server.max_body_bytes)
        fingerprint = _fingerprint(scope, body)
        identity = (caller.key_id or caller.user_id or "", name)
        while True:
            running = self._running.get(identity)
            kept = None
            if running is None:
                kept = await services.answers.find(caller, name)
                running = self._running.get(identity)
            first = kept or running
            if first is not None and first.fingerprint != fingerprint:
                raise IdempotencyMismatch(
                    "This Idempotency-Key was used for another request. Use a new one."
                )
            if running is not None:
                if await running.follow(receive, send):
                    return
                continue  # the first was given up before it answered: this one is the first now
            if kept is not None:
                await _replay(kept, send)
                return
            recording = _Recording(fingerprint, services.answers, caller, name)
            self._running[identity] = recording
            try:
                await recording.record(self._app, scope, _again(body, receive), send)
            finally:
                del self._running[identity]
            return


class _Recording:
    """One answer that is being written, for its own client and for those who join."""

    def __init__(
        self, fingerprint: bytes, answers: "KeptAnswers", caller: "Caller", name: str
    ) -> None:
        self.fingerprint = fingerprint
        self._answers = answers
        self._caller = caller
        self._name = name
        self._messages: list[Message] = []
        self._size = 0
        self._too_large = False
        self._complete = False
        self._over = False
        self._joined = 0
        self._changed = asyncio.Event()

    async def record(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for the first client, and keep its answer."""

        async def receive_unless_joined() -> Message:
            message = await receive()
            while message["type"] == "http.disconnect" and self._joined and not self._over:
                await self._change()
            return message

        async def send_and_keep(message: Message) -> None:
            await self._take(message, scope)
            await send(message)

        try:
            await app(scope, receive_unless_joined, send_and_keep)
        finally:
            self._over = True
            self._tell()

    async def follow(self, receive: Receive, send: Send) -> bool:
        """Send what there is of the answer, then the rest as it comes.

        Returns:
            Whether there was an answer to send.
        """
        self._joined += 1
        gone = asyncio.ensure_future(disconnected(receive))
        sent = 0
        try:
            while not gone.done():
                if self._too_large:
                    if sent:
                        raise ClientDisconnect
                    raise Conflict("The first answer is being written and is too large to share.")
                if sent < len(self._messages):
                    await send(_marked(self._messages[sent]))
                    sent += 1
                elif self._over:
                    break
                else:
                    await self._change(gone)
            return bool(sent) or gone.done()
        finally:
            gone.cancel()
            self._joined -= 1
            self._tell()

    async def _change(self, *others: "asyncio.Future[None]") -> None:
        """Wait until something changed, or one of the others is done."""
        waiting = asyncio.ensure_future(self._changed.wait())
        pending: list[asyncio.Future[Any]] = [waiting, *others]
        try:
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _take(self, message: Message, scope: Scope) -> None:
        self._size += len(message.get("body", b""))
        if self._size > self._answers.max_bytes:
            self._too_large = True
            self._messages.clear()
        if not self._too_large:
            self._messages.append(message)
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if last and not scope["state"].get("failed"):
                # Before the client has it whole: what it saw can be repeated, whatever happens.
                await self._keep()
        self._tell()

    async def _keep(self) -> None:
        from consigne.business.answers import KeptAnswer

        start, *pieces = self._messages
        if not 200 <= start["status"] < 300:
            return
        kind = dict(start["headers"]).get(b"content-type", b"application/octet-stream")
        body = b"".join(piece.get("body", b"") for piece in pieces)
        answer = KeptAnswer(self.fingerprint, start["status"], kind.decode("latin-1"), body)
        await self._answers.keep(self._caller, self._name, answer)


def _checked(header: bytes) -> str:
    name = header.decode("latin-1").strip()
    if not (0 < len(name) <= MAX_NAME and name.isascii() and name.isprintable()):
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {MAX_NAME} printable ASCII characters.",
            param="Idempotency-Key",
        )
    return name


async def _read(request: Request, limit: int) -> bytes:
    """Return the body, which is held in memory, whatever its own path would take."""
    whole = bytearray()
    async for piece in request.stream():
        whole += piece
        if len(whole) > limit:
            raise RequestTooLarge(
                f"The body of a request with an Idempotency-Key has at most {limit:,} bytes."
            )
    return bytes(whole)


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    digest = hashlib.sha256(scope["path"].encode("utf-8", "surrogatepass"))
    digest.update(b"\0" + scope["query_string"])
    for name, value in sorted(scope["headers"]):
        if name in _SELECTING:
            digest.update(b"\0" + name + b"\0" + value)
    digest.update(b"\0\0" + body)
    return digest.digest()


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body once more, then what comes."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _marked(message: Message) -> Message:
    if message["type"] != "http.response.start":
        return message
    return {**message, "headers": [*message["headers"], REPLAYED]}


async def _replay(kept: "KeptAnswer", send: Send) -> None:
    headers = [
        (b"content-type", kept.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(kept.body)),
        REPLAYED,
    ]
    await send({"type": "http.response.start", "status": kept.status, "headers": headers})
    await send({"type": "http.response.body", "body": kept.body, "more_body": False})
