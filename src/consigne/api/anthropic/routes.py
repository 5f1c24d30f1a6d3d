"""The Anthropic dialect's paths."""

from collections.abc import AsyncIterator
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.anthropic import batches, encode, files, models, pictures
from consigne.api.anthropic.prepare import Ready, prepare
from consigne.api.anthropic.schemas import MessagesBody, count_body, messages_body
from consigne.api.anthropic.version import version_of
from consigne.api.attached import quoted
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import request_id_of
from consigne.api.generate import fold
from consigne.api.picture_calls import Maker, answering
from consigne.chat.quoting import telling
from consigne.domain.batches import close
from consigne.domain.events import Event, MessageStart, MessageStop
from consigne.domain.usage import Usage

router = APIRouter(tags=["Anthropic dialect"])
for _part in (models, files, batches):
    router.include_router(_part.router)


@router.post("/v1/messages")
async def create_message(request: Request) -> Response:
    """Generate an answer, whole or as a stream of events."""
    caller = await authenticate(request)
    version = version_of(request)
    body = await bodies.read(request, messages_body)
    services = services_of(request)
    gateway = services.gateway
    ready = await prepare(body, gateway, version, partial(quoted, request, caller))
    if wish := pictures.wanted(body, caller, gateway):
        maker = Maker(caller, services.pictures, gateway, wish)
        return await _with_pictures(request, body, ready, maker)
    events = _generated(body, gateway.generate(ready.request))
    if ready.shown:
        events = telling(events, ready.shown)
    if body.stream:
        encoder = encode.StreamEncoder(request_id_of(request.scope), ready.shape)
        return sse.EventStream(events, encoder)
    answer = await sse.while_connected(request.receive, fold(events))
    told = encode.message(answer, ready.shape)
    return bodies.Json(told)


async def _with_pictures(
    request: Request, body: MessagesBody, ready: Ready, maker: Maker
) -> Response:
    generate = services_of(request).gateway.generate
    events = answering(ready.request, lambda asked: _generated(body, generate(asked)), maker)
    if body.stream:
        encoder = pictures.StreamEncoder(request_id_of(request.scope), ready.shape)
        return sse.EventStream(events, encoder)
    told = await sse.while_connected(request.receive, pictures.whole(events, ready.shape))
    return bodies.Json(told)


@router.post("/v1/messages/count_tokens")
async def count_tokens(request: Request) -> Response:
    """Count the tokens of a prompt, template and tools included."""
    caller = await authenticate(request)
    version = version_of(request)
    body = await bodies.read(request, count_body)
    gateway = services_of(request).gateway
    ready = await prepare(body, gateway, version, partial(quoted, request, caller))
    count = await sse.while_connected(request.receive, gateway.count_tokens(ready.request))
    told: dict[str, object] = {"input_tokens": count}
    if body.context_management is not None:
        work = gateway.count_tokens(ready.unedited)
        original = await sse.while_connected(request.receive, work)
        told["context_management"] = {"original_input_tokens": original}
    return bodies.Json(told)


def _generated(body: MessagesBody, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    return events if body.max_tokens else _read_only(events)


async def _read_only(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Have the prompt read into the cache, and pass on nothing of the answer: 0 tokens of it."""
    try:
        async for event in events:
            if isinstance(event, MessageStart):
                yield event
            elif isinstance(event, MessageStop):
                usage = Usage(event.usage.input_tokens, event.usage.cached_input_tokens)
                yield MessageStop("max_tokens", usage)
    finally:
        await close(events)
