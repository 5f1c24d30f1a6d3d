"""``POST /v1/chat/completions``."""

from collections.abc import AsyncIterator, Sequence

import msgspec
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.auth import authenticate, services_of
from consigne.api.generate import merge
from consigne.api.openai.chat import encode
from consigne.api.openai.chat.convert import to_request
from consigne.api.openai.chat.schemas import ChatBody, chat_body
from consigne.domain import sources
from consigne.domain.events import Event
from consigne.domain.messages import Request

router = APIRouter()


@router.post("/v1/chat/completions")
async def create_chat_completion(request: HttpRequest) -> Response:
    """Generate one or several answers, whole or as a stream of chunks."""
    await authenticate(request)
    body = await bodies.read(request, chat_body)
    gateway = services_of(request).gateway
    wanted = to_request(body, gateway.resolve(body.model))
    n = body.n or 1
    streams = [gateway.generate(each) for each in spread(wanted, n)]
    created = int(sources.now().timestamp())
    if body.stream:
        return _stream(body, streams, created)
    choices = [
        encode.Choice(i, with_logprobs=wanted.logprobs is not None, legacy=body.is_legacy)
        for i in range(n)
    ]
    work = _fold(merge(streams), choices)
    await sse.while_connected(request.receive, work)
    answer = encode.completion(choices, created)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def spread(request: Request, n: int) -> list[Request]:
    """Return ``n`` requests like this one, each with a seed of its own where one is set."""
    seed = request.sampling.seed
    if n == 1 or seed is None:
        return [request] * n
    seeds = [_wrapped(seed + i) for i in range(n)]
    return [
        msgspec.structs.replace(
            request, sampling=msgspec.structs.replace(request.sampling, seed=each)
        )
        for each in seeds
    ]


def _wrapped(seed: int) -> int:
    """Keep a seed within 64 bits."""
    return (seed + 2**63) % 2**64 - 2**63


def _stream(body: ChatBody, streams: Sequence[AsyncIterator[Event]], created: int) -> Response:
    form = {
        "include_usage": bool(body.stream_options and body.stream_options.include_usage),
        "with_logprobs": bool(body.logprobs),
        "legacy": body.is_legacy,
    }
    if len(streams) == 1:
        return sse.EventStream(streams[0], encode.StreamEncoder(created, **form))
    many = encode.ManyEncoder(len(streams), created, **form)
    return sse.EventStream(merge(streams), many)


async def _fold(events: AsyncIterator[tuple[int, Event]], choices: Sequence[encode.Choice]) -> None:
    try:
        async for index, event in events:
            choices[index].add(event)
    finally:
        await sse.aclose(events)
