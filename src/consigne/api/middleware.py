"""What surrounds every request: its id, the limit on its body, CORS, the last line of defence."""

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consigne.api import errors
from consigne.domain.errors import RequestTooLarge
from consigne.domain.ids import new_id
from consigne.settings import ServerSettings


def install(app: FastAPI, settings: ServerSettings) -> None:
    """Put the middleware around the application."""
    app.add_middleware(Edge, max_body_bytes=settings.max_body_bytes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["request-id", "x-request-id", "retry-after", "retry-after-ms"],
        )


class Edge:
    """Gives each request an id, bounds its body, and lets no exception reach the server.

    The id is in ``scope["state"]["request_id"]``, in the log and in the response, as ``request-id``
    to Anthropic's clients and as ``x-request-id`` to all others.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        anthropic = errors.dialect_of(scope) == "anthropic"
        header = (b"request-id" if anthropic else b"x-request-id", request_id.encode())
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        try:
            await self._app(scope, self._bounded(scope, receive), send_with_id)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - the last line of defence
            answer = errors.response(error, scope)
            if not started:
                await answer(scope, receive, send_with_id)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return a ``receive`` that refuses a body over the limit.

        Raises:
            RequestTooLarge: The length declared is over the limit already.
        """
        declared = next((v for name, v in scope["headers"] if name == b"content-length"), None)
        if declared is not None:
            if int(declared) > self._limit:
                raise RequestTooLarge(self._too_large())
            return receive
        room = self._limit

        async def counted() -> Message:
            nonlocal room
            message = await receive()
            room -= len(message.get("body", b""))
            if room < 0:
                # An HTTPException passes through the framework's own reading of bodies.
                raise HTTPException(413, self._too_large())
            return message

        return counted

    def _too_large(self) -> str:
        return f"The request body is over the limit of {self._limit:,} bytes."
