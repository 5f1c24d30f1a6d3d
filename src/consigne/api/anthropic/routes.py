"""The Anthropic dialect's paths."""

from collections.abc import AsyncIterator
from functools import partial

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, fetch_calls, picture_calls, remote_calls, search_calls, sse
from consigne.api.anthropic import (
    batches,
    encode,
    fetches,
    files,
    interleaved,
    models,
    pictures,
    remote,
    searches,
)
from consigne.api.anthropic.prepare import Ready, prepare
from consigne.api.anthropic.schemas import MessagesBody, PromptBody, count_body, messages_body
from consigne.api.anthropic.version import version_of
from consigne.api.attached import quoted
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import request_id_of
from consigne.api.fetch_calls import PageReader
from consigne.api.generate import fold
from consigne.api.picture_calls import Maker
from consigne.api.run_here import Runner, answering
from consigne.api.search_calls import Searcher
from consigne.business.caller import Caller
from consigne.chat.quoting import telling
from consigne.domain import messages
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
    if body.tools or body.mcp_servers:
        ready, runners = await _runners(request, caller, body, ready)
        if runners:
            return await _running(request, body, ready, runners)
    asked = ready.request
    if ready.shown:
        asked = msgspec.structs.replace(asked, cites=ready.shown)
    events = _generated(body, gateway.generate(asked))
    if ready.shown:
        events = telling(events, ready.shown)
    if body.stream:
        encoder = encode.StreamEncoder(request_id_of(request.scope), ready.shape)
        return sse.EventStream(events, encoder)
    answer = await sse.while_connected(request.receive, fold(events))
    told = encode.message(answer, ready.shape)
    return bodies.Json(told)


async def _runners(
    request: Request, caller: Caller, body: MessagesBody, ready: Ready
) -> tuple[Ready, dict[str, Runner]]:
    """Return the request with its servers' tools, and what runs the tools that are run here."""
    services = services_of(request)
    model = services.gateway.resolve(body.model)
    found: dict[str, Runner] = {}
    if drawing := pictures.wanted(body, caller, services.gateway):
        found[picture_calls.NAME] = Maker(caller, services.pictures, services.gateway, drawing)
    search = services.settings.tools.search
    if searching := searches.wanted(body, search):
        found[search_calls.NAME] = Searcher(search, searching, ready.shown, model)
    if reading := fetches.wanted(body, services.settings.tools):
        found[fetch_calls.NAME] = PageReader(
            services.settings.tools,
            reading,
            ready.request,
            ready.shown,
            services.attachments,
            model,
        )
    ready, offers = await _with_servers(request, body, ready)
    return ready, found | {
        name: remote_calls.RemoteRunner(offered, model) for name, offered in offers.items()
    }


async def _with_servers(
    request: Request, body: PromptBody, ready: Ready
) -> tuple[Ready, remote_calls.Offers]:
    settings = services_of(request).settings.tools
    wishes = remote.wanted(body, settings)
    if not wishes:
        return ready, {}
    _, offers = await sse.while_connected(request.receive, remote_calls.listed(wishes, settings))
    tools = (*ready.request.tools, *remote_calls.tools(offers, wishes))
    asked = msgspec.structs.replace(ready.request, tools=tools)
    return msgspec.structs.replace(ready, request=asked), offers


async def _running(
    request: Request, body: MessagesBody, ready: Ready, runners: dict[str, Runner]
) -> Response:
    generate = services_of(request).gateway.generate

    def turn(asked: messages.Request) -> AsyncIterator[Event]:
        asked = msgspec.structs.replace(asked, cites=ready.shown)
        return telling(_generated(body, generate(asked)), ready.shown)

    shape = msgspec.structs.replace(
        ready.shape,
        searches=0 if search_calls.NAME in runners else None,
        pages=0 if fetch_calls.NAME in runners else None,
    )
    events = answering(ready.request, turn, runners)
    if body.stream:
        encoder = interleaved.StreamEncoder(request_id_of(request.scope), shape)
        return sse.EventStream(events, encoder)
    told = await sse.while_connected(request.receive, interleaved.whole(events, shape))
    return bodies.Json(told)


@router.post("/v1/messages/count_tokens")
async def count_tokens(request: Request) -> Response:
    """Count the tokens of a prompt, template and tools included."""
    caller = await authenticate(request)
    version = version_of(request)
    body = await bodies.read(request, count_body)
    gateway = services_of(request).gateway
    settings = services_of(request).settings.tools
    searches.wanted(body, settings.search)
    fetches.wanted(body, settings)
    ready = await prepare(body, gateway, version, partial(quoted, request, caller))
    ready, _ = await _with_servers(request, body, ready)
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
