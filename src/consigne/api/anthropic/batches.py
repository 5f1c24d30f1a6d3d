"""``/v1/messages/batches`` (Anthropic API reference, Message Batches)."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, downloads, queries
from consigne.api.auth import authenticate, hold_to_scope, services_of
from consigne.api.errors import InvalidField
from consigne.batches.values import ID_PREFIXES, Batch, NewBatch
from consigne.domain.errors import InvalidRequest
from consigne.domain.ids import is_id

router = APIRouter()

MOST_REQUESTS = 100_000
CUSTOM_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
ENDPOINT = "/v1/messages"
CARRIED = ("anthropic-version", "anthropic-beta")
"""Headers that count for each request of the batch."""
CHUNK_LINES = 1000
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised by text that is not JSON."""

T = TypeVar("T")


@router.post("/v1/messages/batches")
async def create_batch(request: Request) -> Response:
    """Make a batch; its requests are checked one by one when their turn comes."""
    caller = await authenticate(request)
    hold_to_scope(caller.grant, ENDPOINT)
    lines = await asyncio.to_thread(_lines, await bodies.raw(request))
    headers = {name: value for name in CARRIED if (value := request.headers.get(name))}
    new = NewBatch("anthropic", ENDPOINT, headers, total=len(lines))
    batch = await services_of(request).batches.create(caller, new, _joined(lines))
    return _json(wire(batch, request))


@router.get("/v1/messages/batches")
async def list_batches(request: Request) -> Response:
    """List the batches, newest first, in pages."""
    caller = await authenticate(request)
    query, limit = request.query_params, queries.limit(request, 20, 1000)
    after, before = (_cursor(query.get(name, ""), name) for name in ("after_id", "before_id"))
    found, more = await services_of(request).batches.list(caller, "anthropic", limit, after, before)
    body = {
        "data": [wire(batch, request) for batch in found],
        "has_more": more,
        "first_id": found[0].id if found else None,
        "last_id": found[-1].id if found else None,
    }
    return _json(body)


@router.get("/v1/messages/batches/{batch_id}")
async def get_batch(request: Request, batch_id: str) -> Response:
    """Describe a batch."""
    caller = await authenticate(request)
    return _json(
        wire(await services_of(request).batches.get(caller, "anthropic", batch_id), request)
    )


@router.get("/v1/messages/batches/{batch_id}/results")
async def batch_results(request: Request, batch_id: str) -> Response:
    """Stream the results, one a line."""
    caller = await authenticate(request)
    content = await services_of(request).batches.results(caller, batch_id)
    return downloads.Download(content, "application/x-jsonl", f"{batch_id}_results.jsonl")


@router.post("/v1/messages/batches/{batch_id}/cancel")
async def cancel_batch(request: Request, batch_id: str) -> Response:
    """Ask a batch to end."""
    caller = await authenticate(request)
    batch = await services_of(request).batches.cancel(caller, "anthropic", batch_id)
    return _json(wire(batch, request))


@router.delete("/v1/messages/batches/{batch_id}")
async def delete_batch(request: Request, batch_id: str) -> Response:
    """Delete a batch that has ended."""
    caller = await authenticate(request)
    await services_of(request).batches.delete(caller, "anthropic", batch_id)
    return _json({"id": batch_id, "type": "message_batch_deleted"})


def _lines(body: bytes) -> Sequence[bytes]:
    """Return the requests in a body, each on a line of its own.

    Raises:
        InvalidRequest: It is not JSON, or not of this schema (``InvalidField``).
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except BROKEN as error:
        raise InvalidRequest(f"The request body is not a valid JSON object: {error}.") from None
    if "requests" not in found:
        raise InvalidField("Field required", param="requests", kind="missing")
    _only(found, "", "requests")
    requests = _decoded(found["requests"], list[msgspec.Raw], "list", "requests")
    if not 0 < len(requests) <= MOST_REQUESTS:
        message = f"List should have 1 to {MOST_REQUESTS} items, not {len(requests)}"
        raise InvalidField(message, param="requests")
    seen: set[str] = set()
    return [_line(one, f"requests.{i}", seen) for i, one in enumerate(requests)]


def _line(raw: msgspec.Raw, path: str, seen: set[str]) -> bytes:
    one = _decoded(raw, dict[str, msgspec.Raw], "dictionary", path)
    for name in ("custom_id", "params"):
        if name not in one:
            raise InvalidField("Field required", param=f"{path}.{name}", kind="missing")
    _only(one, f"{path}.", "custom_id", "params")
    custom_id = _decoded(one["custom_id"], str, "string", f"{path}.custom_id")
    if not CUSTOM_ID.fullmatch(custom_id):
        message = f"String should match pattern '{CUSTOM_ID.pattern}'"
        raise InvalidField(message, param=f"{path}.custom_id")
    if custom_id in seen:
        raise InvalidField("custom_id must be unique in a batch", param=f"{path}.custom_id")
    seen.add(custom_id)
    _decoded(one["params"], dict[str, msgspec.Raw], "dictionary", f"{path}.params")
    try:
        # Without the customer's own line ends.
        line = msgspec.json.format(bytes(raw), indent=-1)
        line.decode()
    except BROKEN:
        raise InvalidField("This is not valid JSON in UTF-8", param=f"{path}.params") from None
    return line


def _decoded(raw: msgspec.Raw, kind: type[T], name: str, path: str) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except BROKEN:
        raise InvalidField(f"Input should be a valid {name}", param=path) from None


def _only(found: Mapping[str, object], path: str, *known: str) -> None:
    if unknown := next((name for name in found if name not in known), None):
        raise InvalidField("Extra inputs are not permitted", param=path + unknown[:100])


async def _joined(lines: Sequence[bytes]) -> AsyncIterator[bytes]:
    for first in range(0, len(lines), CHUNK_LINES):
        yield b"\n".join(lines[first : first + CHUNK_LINES]) + b"\n"


def _cursor(batch_id: str, param: str) -> str:
    if batch_id and not is_id(batch_id, ID_PREFIXES["anthropic"]):
        raise InvalidField("This is not the id of a batch", param=param)
    return batch_id


def wire(batch: Batch, request: Request) -> dict[str, Any]:
    """Return what clients learn of a batch."""
    readable = batch.ended and batch.archived_at is None
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": _status(batch),
        "request_counts": _counts(batch),
        "created_at": _time(batch.created_at),
        "expires_at": _time(batch.expires_at),
        "ended_at": _time(batch.ended_at),
        "cancel_initiated_at": _time(batch.cancelled_at),
        "archived_at": _time(batch.archived_at),
        "results_url": _url(request, f"{ENDPOINT}/batches/{batch.id}/results")
        if readable
        else None,
    }


def _status(batch: Batch) -> str:
    if batch.ended:
        return "ended"
    return "canceling" if batch.state == "cancelling" else "in_progress"


def _counts(batch: Batch) -> dict[str, int]:
    """Return the counts; until the end all requests count as processing, as the reference says."""
    counts = batch.counts
    if not batch.ended:
        return {"processing": counts.total} | dict.fromkeys(
            ("succeeded", "errored", "canceled", "expired"), 0
        )
    return {
        "processing": 0,
        "succeeded": counts.succeeded,
        "errored": counts.errored,
        "canceled": counts.canceled,
        "expired": counts.expired,
    }


def _url(request: Request, path: str) -> str:
    base = services_of(request).settings.server.public_url or str(request.base_url)
    return base.rstrip("/") + path


def _time(instant: datetime | None) -> datetime | None:
    return instant.replace(microsecond=0) if instant else None


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
