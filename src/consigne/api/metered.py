"""Counts what each call of the API uses, whichever way it takes to its endpoint."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from consigne.api.spans import Tracing
from consigne.business.usage import UsageLog
from consigne.gateway.metering import Endpoint, within

ENDPOINTS: Mapping[str, Endpoint] = {
    "/v1/messages": "messages",
    "/v1/chat/completions": "chat_completions",
    "/v1/responses": "responses",
    "/v1/responses/compact": "responses",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/images/generations": "images",
    "/v1/images/edits": "images",
    "/v1/images/variations": "images",
}
"""The paths whose POST has a model do something."""


def is_metered(scope: Scope) -> bool:
    """Say whether a request has a model do something."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in ENDPOINTS


class Metered:
    """Begins a use for each such request, and ends it with the answer; so a span, if wanted."""

    def __init__(self, app: ASGIApp, *, usage: UsageLog) -> None:
        self._app = app
        self._usage = usage
        self._tracing = Tracing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if not is_metered(scope):
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        use = self._usage.begin(ENDPOINTS[scope["path"]], state["request_id"])
        span = self._tracing.begin(scope, use.began)
        if span is not None:
            send = span.watching(send)
        with within(use):
            try:
                await self._app(scope, receive, send)
            finally:
                use.streamed = "streams_events" in state
                if span is not None:
                    span.end(use)
