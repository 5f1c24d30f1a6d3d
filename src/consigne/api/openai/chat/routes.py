"""``POST /v1/chat/completions``."""

from collections.abc import AsyncIterator, Sequence
from functools import partial

import msgspec
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.attached import placed
from consigne.api.auth import authenticate, services_of
from consigne.api.generate import merge
from consigne.api.openai.chat import encode, searches, stored
from consigne.api.openai.chat.convert import to_request
from consigne.api.openai.chat.schemas import ChatBody, chat_body
from consigne.api.services import Services
from consigne.business.caller import Caller
from consigne.domain import sources
from consigne.domain.batches import batches_of, close
from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.domain.models import Model

router = APIRouter()


@router.post("/v1/chat/completions")
async def create_chat_completion(request: HttpRequest) -> Response:
    """Generate one or several answers, whole or as a stream of chunks."""
    caller = await authenticate(request)
    body = await bodies.read(request, chat_body)
    services = services_of(request)
    gateway = services.gateway
    model = gateway.resolve(body.model)
    wanted = await placed(request, caller, model, to_request(body, model))
    n = body.n or 1
    if body.web_search_options is None:
        streams = [gateway.generate(each) for each in spread(wanted, n)]
    else:
        streams = _searching(body, wanted, n, services, model)
    created = int(sources.seconds())
    form = _form(body)
    events = merge(streams)
    if body.store:
        keep = partial(_keep, request, caller, body, created)
        events = stored.kept(events, n, keep, form)
    if body.stream:
        if n == 1 and not body.store:
            return sse.EventStream(streams[0], encode.StreamEncoder(created, form))
        return sse.EventStream(events, encode.ManyEncoder(n, created, form))
    choices = [encode.Choice(i, form) for i in range(n)]
    await sse.while_connected(request.receive, _fold(events, choices))
    answer = encode.completion(choices, created)
    return bodies.Json(answer)


def _searching(
    body: ChatBody, request: Request, n: int, services: Services, model: Model
) -> list[AsyncIterator[Event]]:
    """Return the answers, each of which searches the web."""
    settings = services.settings.tools.search
    wish = searches.wanted(body, settings)
    assert wish is not None
    request = searches.asked(request, wish)
    generate = services.gateway.generate
    return [
        searches.generated(each, generate, settings, wish, model) for each in spread(request, n)
    ]


async def _keep(
    request: HttpRequest,
    caller: Caller,
    body: ChatBody,
    created: int,
    choices: Sequence[encode.Choice],
) -> None:
    answer = encode.completion(choices, created) | {"metadata": body.metadata or {}}
    asked = stored.messages(body, choices[0].id)
    await services_of(request).records.completions.save(caller, answer, asked)


def spread(request: Request, n: int) -> list[Request]:
    """Return ``n`` requests like this one, each with a seed of its own where one is set."""
    seed = request.sampling.seed
    if n == 1:
        return [request]
    samplings = [
        request.sampling
        if seed is None
        else msgspec.structs.replace(request.sampling, seed=_wrapped(seed + i))
        for i in range(n)
    ]
    return [
        msgspec.structs.replace(request, sampling=sampling, again=i > 0)
        for i, sampling in enumerate(samplings)
    ]


def _wrapped(seed: int) -> int:
    """Keep a seed within 64 bits."""
    return (seed + 2**63) % 2**64 - 2**63


def _form(body: ChatBody) -> encode.Form:
    return encode.Form(
        include_usage=bool(body.stream_options and body.stream_options.include_usage),
        with_logprobs=bool(body.logprobs),
        legacy=body.is_legacy,
        custom_names=body.custom_names,
        cites=body.web_search_options is not None,
    )


async def _fold(events: AsyncIterator[tuple[int, Event]], choices: Sequence[encode.Choice]) -> None:
    try:
        batch = batches_of(events)
        while found := await batch():
            for index, event in found:
                choices[index].add(event)
    finally:
        await close(events)
