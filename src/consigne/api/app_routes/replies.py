"""How the web app's API answers: JSON of frozen values, and numbered event streams."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from consigne.api.sse import Encoder, EventStream
from consigne.chat.values import RunEvent
from consigne.domain.errors import ConsigneError
from consigne.gateway.pulls import Pull

T_contra = TypeVar("T_contra", contravariant=True)


def reply(body: Any, status: int = 200) -> Response:
    """Return a JSON response; a browser keeps no copy of it."""
    return Response(
        msgspec.json.encode(body),
        status,
        headers={"cache-control": "no-store"},
        media_type="application/json",
    )


def run_stream(batches: AsyncIterator[Sequence[RunEvent]]) -> Response:
    """Return the stream of a run's events; ``id`` is the event's number."""
    return EventStream(batches, _RunEncoder())


def pull_stream(batches: AsyncIterator[Sequence[Pull]]) -> Response:
    """Return the stream of pulls as they change."""
    return EventStream(batches, _PullEncoder())


class _Encoder(Encoder[T_contra]):
    keep_alive = b": \n\n"

    def error(self, error: ConsigneError) -> bytes:
        body = msgspec.json.encode({"code": error.code, "message": error.message})
        return b"event: error\ndata: %b\n\n" % body


class _RunEncoder(_Encoder[Sequence[RunEvent]]):
    def encode(self, event: Sequence[RunEvent]) -> bytes:
        lines = [
            b"id: %d\nevent: %b\ndata: %b\n\n" % (each.number, each.kind.encode(), each.data)
            for each in event
        ]
        return b"".join(lines) or self.keep_alive


class _PullEncoder(_Encoder[Sequence[Pull]]):
    def encode(self, event: Sequence[Pull]) -> bytes:
        lines = [b"event: pull\ndata: %b\n\n" % msgspec.json.encode(pull) for pull in event]
        return b"".join(lines) or self.keep_alive
