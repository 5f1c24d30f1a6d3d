"""``POST /v1/responses``."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.auth import authenticate, services_of
from consigne.api.openai.responses.convert import to_request
from consigne.api.openai.responses.encode import ResponseBuilder, StreamEncoder
from consigne.api.openai.responses.schemas import responses_body
from consigne.domain.events import Event

router = APIRouter()


@router.post("/v1/responses")
async def create_response(request: Request) -> Response:
    """Generate an answer, whole or as a stream of events."""
    await authenticate(request)
    body = await bodies.read(request, responses_body)
    gateway = services_of(request).gateway
    wanted = to_request(body, gateway.resolve(body.model))
    events = gateway.generate(wanted)
    if body.stream:
        return sse.EventStream(events, StreamEncoder(body))
    work = _fold(events, ResponseBuilder(body))
    answer = await sse.while_connected(request.receive, work)
    return Response(msgspec.json.encode(answer), media_type="application/json")


async def _fold(events: AsyncIterator[Event], builder: ResponseBuilder) -> dict[str, Any]:
    try:
        async for event in events:
            for _ in builder.add(event):
                pass
    finally:
        await sse.aclose(events)
    return builder.response
