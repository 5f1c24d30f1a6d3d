"""The Anthropic dialect's paths."""

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.anthropic import batches, convert, encode, files, models
from consigne.api.anthropic.schemas import count_body, messages_body
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import request_id_of
from consigne.api.generate import fold

router = APIRouter(tags=["Anthropic dialect"])
for _part in (models, files, batches):
    router.include_router(_part.router)

OLDEST_VERSION = "2023-06-01"


def _version(request: Request) -> str:
    return request.headers.get("anthropic-version", OLDEST_VERSION)


@router.post("/v1/messages")
async def create_message(request: Request) -> Response:
    """Generate an answer, whole or as a stream of events."""
    await authenticate(request)
    body = await bodies.read(request, messages_body)
    gateway = services_of(request).gateway
    wanted = convert.to_request(body, gateway.resolve(body.model), _version(request))
    events = gateway.generate(wanted)
    if body.stream:
        return sse.EventStream(events, encode.StreamEncoder(request_id_of(request.scope)))
    answer = await sse.while_connected(request.receive, fold(events))
    return Response(msgspec.json.encode(encode.message(answer)), media_type="application/json")


@router.post("/v1/messages/count_tokens")
async def count_tokens(request: Request) -> Response:
    """Count the tokens of a prompt, template and tools included."""
    await authenticate(request)
    body = await bodies.read(request, count_body)
    gateway = services_of(request).gateway
    wanted = convert.to_request(body, gateway.resolve(body.model), _version(request))
    count = await sse.while_connected(request.receive, gateway.count_tokens(wanted))
    return Response(msgspec.json.encode({"input_tokens": count}), media_type="application/json")
