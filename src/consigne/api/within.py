"""The API called from within: a batch's requests take the way of any other, without the network.

They pass the routes themselves, with all that these check and encode, but not what surrounds a
connection: limits on rates, compression. The key that made the batch must still work.
"""

import asyncio
from collections.abc import Mapping, MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message, Scope

from consigne.api import errors
from consigne.api.errors import InvalidField
from consigne.api.metered import ENDPOINTS
from consigne.batches.values import Reply
from consigne.business.caller import Caller
from consigne.business.usage import UsageLog
from consigne.domain.ids import new_id
from consigne.gateway.metering import within

TRANSIENT = (429, 503, 529)


class _Modes(msgspec.Struct):
    stream: Any = None
    background: Any = None


_modes = msgspec.json.Decoder(_Modes)


class Within:
    """Answers requests through an application's routes."""

    def __init__(self, app: FastAPI, usage: UsageLog | None = None) -> None:
        self._app = app
        self._usage = usage

    def serves(self, path: str) -> bool:
        """Say whether something answers to POST on this path."""
        scope = self._scope(path, {}, None)
        return any(route.matches(scope)[0] is Match.FULL for route in self._app.router.routes)

    async def post(
        self, caller: Caller, path: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Answer a request on the caller's behalf; every error is an answer too."""
        scope = self._scope(path, headers, caller)
        exchange = _Exchange(body)
        try:
            await self._app.state.services.keys.recheck(caller)
            _refuse_modes(body)
            async with AsyncExitStack() as stack:
                if self._usage is not None and path in ENDPOINTS:
                    request_id = scope["state"]["request_id"]
                    use = self._usage.begin(ENDPOINTS[path], request_id, caller, batch=True)
                    stack.enter_context(within(use))
                scope["fastapi_middleware_astack"] = stack
                await self._app.router(scope, exchange.receive, exchange.send)
        except Exception as error:  # noqa: BLE001 - the last line of defence, as at the edge
            response = errors.response(error, scope)
            return _reply(response, scope, bytes(response.body))
        content = bytes(exchange.body)
        if errors.dialect_of(scope) == "anthropic" and exchange.status < 400:
            content = _marked(content)
        response = Response(status_code=exchange.status, headers=exchange.headers)
        return _reply(response, scope, content)

    def _scope(self, path: str, headers: Mapping[str, str], caller: Caller | None) -> Scope:
        given = {"content-type": "application/json"} | dict(headers)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
            "client": None,
            "server": None,
            "app": self._app,
            "state": {"request_id": new_id("req"), "caller": caller},
        }


class _Exchange:
    """A client that sends a body, stays until the end, and keeps what it is told."""

    def __init__(self, body: bytes) -> None:
        self.status = 500
        self.headers: MutableMapping[str, str] = {}
        self.body = bytearray()
        self._unsent: bytes | None = body

    async def receive(self) -> Message:
        """Return the body, once; then nothing more ever comes."""
        if self._unsent is None:
            await asyncio.get_running_loop().create_future()
        body, self._unsent = self._unsent, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Keep what the application says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message.get("headers", ())}
        else:
            self.body += message.get("body", b"")


def _refuse_modes(body: bytes) -> None:
    """Refuse answers that would not come as one body.

    Raises:
        InvalidField: One is asked for.
    """
    try:
        found = _modes.decode(body)
    except msgspec.MsgspecError:
        return  # the route says what is wrong with it
    for name in ("stream", "background"):
        if getattr(found, name):
            raise InvalidField("This can't be used in a batch", param=name)


def _marked(body: bytes) -> bytes:
    """Say in an answer's usage that it came in a batch, which is what its price depends on."""
    answer = msgspec.json.decode(body)
    if isinstance(usage := answer.get("usage"), dict):
        usage["service_tier"] = "batch"
    return msgspec.json.encode(answer)


def _reply(response: Response, scope: Scope, body: bytes) -> Reply:
    headers, again = response.headers, None
    if response.status_code in TRANSIENT or headers.get("x-should-retry") == "true":
        again = float(headers.get("retry-after-ms", "0")) / 1000
    return Reply(response.status_code, errors.request_id_of(scope), body, again)
