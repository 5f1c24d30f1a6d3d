"""The paths that applications call most, answered without the framework's layers.

FastAPI's share of a provider's whole answer was a third of the processor time: its telemetry and
middleware, the search for a route, dependencies where an endpoint has none. The endpoints are its
routes all the same, to the API's document, to other methods and to batches.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from consigne.api import errors
from consigne.api.anthropic import routes as messages
from consigne.api.metered import is_metered
from consigne.api.openai import embeddings
from consigne.api.openai.chat import routes as chat
from consigne.api.openai.completions import routes as completions
from consigne.api.openai.responses import routes as responses
from consigne.domain.errors import ConsigneError

Endpoint = Callable[[Request], Awaitable[Response]]

ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/messages": messages.create_message,
    "/v1/chat/completions": chat.create_chat_completion,
    "/v1/responses": responses.create_response,
    "/v1/completions": completions.create_completion,
    "/v1/embeddings": embeddings.create_embeddings,
}
"""What answers a POST on each of these paths; a test holds that the framework's routes agree."""


class Application(FastAPI):
    """FastAPI, passed by where ``ENDPOINTS`` answer; the middleware added to it surrounds both.

    The calls that have a model do something get their spans of ``Metered``, on both ways.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(telemetry={"exclude": is_metered}, **settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if not _is_direct(scope):
            await super().__call__(scope, receive, send)
            return
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware that was added, around the endpoints and all that is FastAPI's."""
        around, self.user_middleware = self.user_middleware, []
        app: ASGIApp = _Direct(super().build_middleware_stack())
        self.user_middleware = around
        for layer, args, kwargs in reversed(around):
            app = layer(app, *args, **kwargs)
        return app


class _Direct:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_direct(scope):
            await self._app(scope, receive, send)
            return
        try:
            response = await ENDPOINTS[scope["path"]](Request(scope, receive, send))
            await response(scope, receive, send)
        except (ConsigneError, HTTPException) as error:
            await errors.response(error, scope)(scope, receive, send)


def _is_direct(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in ENDPOINTS
