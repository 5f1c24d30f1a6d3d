"""A relay in front of a server that keeps what a client sent, for tests of clients' traffic."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from doubles.capable import served_app

_OWN_HOP = {"host", "connection", "transfer-encoding", "content-length", "content-encoding"}


class Exchange(NamedTuple):
    """A request as the client sent it, and what the server said."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int
    answer: bytes


class Tap:
    """Relays every request and notes it with the answer."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.exchanges: list[Exchange] = []

    @property
    def refused(self) -> list[tuple[str, int, bytes]]:
        """What the server refused."""
        return [
            (each.path, each.status, each.answer) for each in self.exchanges if each.status > 399
        ]

    async def relay(self, request: web.Request) -> web.StreamResponse:
        """Relay one request, streaming its answer."""
        sent = await request.read()
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OWN_HOP}
        headers["accept-encoding"] = "identity"
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, self.target + request.path_qs, headers=headers, data=sent
            ) as upstream,
        ):
            kept = {k: v for k, v in upstream.headers.items() if k.lower() not in _OWN_HOP}
            response = web.StreamResponse(status=upstream.status, headers=kept)
            await response.prepare(request)
            answer = b""
            async for part in upstream.content.iter_any():
                answer += part
                await response.write(part)
            lowered = {name.lower(): value for name, value in request.headers.items()}
            encoded = lowered.get("content-encoding")
            body = json.loads(sent) if sent and not encoded else sent
            self.exchanges.append(
                Exchange(request.method, request.path_qs, lowered, body, upstream.status, answer)
            )
            await response.write_eof()
        return response


@contextmanager
def tapped(target: str) -> Iterator[Tap]:
    """Relay to a server from a thread of its own."""
    tap = Tap(target)
    with served_app(tap.relay) as url:
        tap.url = url
        yield tap
