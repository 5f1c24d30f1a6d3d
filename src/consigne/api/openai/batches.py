"""``/v1/batches`` (OpenAI API reference, Batch): a file of requests in, files of results out."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, queries
from consigne.api.auth import authenticate, hold_to_scope, services_of
from consigne.api.errors import InvalidField
from consigne.api.limits import Body
from consigne.api.openai import files
from consigne.api.openai.shared import Metadata, refuse
from consigne.batches.values import ID_PREFIXES, Batch, NewBatch
from consigne.domain.ids import is_id

router = APIRouter()


class BatchBody(Body):
    """The body that makes a batch."""

    completion_window: Literal["24h"]
    endpoint: Literal[
        "/v1/responses",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/completions",
        "/v1/moderations",
        "/v1/images/generations",
    ]
    input_file_id: str
    metadata: Metadata | None = None
    output_expires_after: files.ExpiresAfter | None = None


batch_body: TypeAdapter[BatchBody] = TypeAdapter(BatchBody)


@router.post("/v1/batches")
async def create_batch(request: Request) -> Response:
    """Make a batch from a file of requests."""
    caller = await authenticate(request)
    body = await bodies.read(request, batch_body)
    batches = services_of(request).batches
    if not batches.serves(body.endpoint):
        refuse("endpoint", f"there is no {body.endpoint} here")
    hold_to_scope(caller.grant, body.endpoint)
    kept = body.output_expires_after
    new = NewBatch(
        "openai",
        body.endpoint,
        input_file_id=body.input_file_id,
        keep_output_s=kept.seconds if kept else files.BATCH_KEPT_S,
        notes=body.metadata,
    )
    return _json(wire(await batches.create_from_file(caller, new)))


@router.get("/v1/batches")
async def list_batches(request: Request) -> Response:
    """List the batches, newest first, in pages."""
    caller = await authenticate(request)
    queries.only(request, "after", "limit")
    after = request.query_params.get("after", "")
    if after and not is_id(after, ID_PREFIXES["openai"]):
        raise InvalidField("this is not the id of a batch", param="after")
    limit = queries.limit(request, 20, 100)
    found, more = await services_of(request).batches.list(caller, "openai", limit, after)
    return _json(files.page([wire(batch) for batch in found], more=more))


@router.get("/v1/batches/{batch_id}")
async def get_batch(request: Request, batch_id: str) -> Response:
    """Describe a batch."""
    caller = await authenticate(request)
    return _json(wire(await services_of(request).batches.get(caller, "openai", batch_id)))


@router.post("/v1/batches/{batch_id}/cancel")
async def cancel_batch(request: Request, batch_id: str) -> Response:
    """Ask a batch to end."""
    caller = await authenticate(request)
    return _json(wire(await services_of(request).batches.cancel(caller, "openai", batch_id)))


def wire(batch: Batch) -> dict[str, Any]:
    """Return what clients learn of a batch."""
    ended, counts = batch.ended_at, batch.counts
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model,
        "errors": _errors(batch),
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": batch.state,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "created_at": _time(batch.created_at),
        "in_progress_at": _time(batch.started_at),
        "expires_at": _time(batch.expires_at),
        "finalizing_at": _time(batch.finishing_at),
        "completed_at": _time(ended) if batch.state == "completed" else None,
        "failed_at": _time(ended) if batch.state == "failed" else None,
        "expired_at": _time(ended) if batch.state == "expired" else None,
        "cancelling_at": _time(batch.cancelled_at),
        "cancelled_at": _time(ended) if batch.state == "cancelled" else None,
        "request_counts": {
            "total": counts.total,
            "completed": counts.succeeded,
            "failed": counts.errored,
        },
        "usage": _usage(batch),
        "metadata": batch.notes,
    }


def _errors(batch: Batch) -> dict[str, Any] | None:
    if not batch.problems:
        return None
    return {"object": "list", "data": [msgspec.structs.asdict(each) for each in batch.problems]}


def _usage(batch: Batch) -> dict[str, Any]:
    tokens = batch.tokens
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def _time(instant: datetime | None) -> int | None:
    return int(instant.timestamp()) if instant else None


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
