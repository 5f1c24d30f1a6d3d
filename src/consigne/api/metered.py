"""Counts what each call of the API uses, whichever way it takes to its endpoint."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

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


class Metered:
    """Begins a use for each such request, and ends it with the answer."""

    def __init__(self, app: ASGIApp, *, usage: UsageLog) -> None:
        self._app = app
        self._usage = usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        endpoint = ENDPOINTS.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        with within(self._usage.begin(endpoint, state["request_id"])) as use:
            try:
                await self._app(scope, receive, send)
            finally:
                use.streamed = "streams_events" in state
