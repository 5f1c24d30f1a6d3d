"""``POST /v1/completions``."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from consigne.api import bodies, sse
from consigne.api.auth import authenticate, services_of
from consigne.api.generate import merge
from consigne.api.openai.chat.routes import spread
from consigne.api.openai.completions import encode
from consigne.api.openai.completions.convert import Plan, plan
from consigne.api.openai.completions.schemas import completion_body
from consigne.api.openai.shared import renamed
from consigne.domain import sources
from consigne.domain.batches import close
from consigne.domain.events import Event
from consigne.domain.ids import new_id
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines.base import Scores

if TYPE_CHECKING:
    from consigne.gateway.gateway import Gateway

router = APIRouter()


@router.post("/v1/completions")
async def create_completion(request: HttpRequest) -> Response:
    """Go on from texts, whole or as a stream; tell how likely they are, where asked."""
    await authenticate(request)
    body = await bodies.read(request, completion_body)
    gateway = services_of(request).gateway
    model = gateway.resolve(body.model)
    wanted = plan(body, model)
    begun = encode.head(renamed(new_id("msg"), "cmpl-"), model.id, int(sources.now().timestamp()))
    if body.stream:
        echoes = await sse.while_connected(request.receive, _echoes(gateway, wanted))
        usage = bool(body.stream_options and body.stream_options.include_usage)
        encoder = encode.StreamEncoder(wanted, begun, echoes, usage=usage)
        return sse.EventStream(merge(_streams(gateway, wanted)), encoder)
    work = _from_scores(gateway, wanted) if wanted.from_scores else _generated(gateway, wanted)
    told = await sse.while_connected(request.receive, work)
    return Response(msgspec.json.encode(begun | told), media_type="application/json")


def _streams(gateway: "Gateway", wanted: Plan) -> list[AsyncIterator[Event]]:
    return [
        gateway.generate(each)
        for prompt in wanted.prompts
        for each in spread(prompt, wanted.candidates)
    ]


async def _echoes(gateway: "Gateway", wanted: Plan) -> Sequence[Scores | str | None]:
    """Return what is told of each prompt: its text, or its tokens with their likelihood."""
    if not wanted.echo:
        return [None] * len(wanted.prompts)
    if wanted.scored or not all(isinstance(p.raw_prompt, str) for p in wanted.prompts):
        return await _scores(gateway, wanted, again=True)
    return [str(prompt.raw_prompt) for prompt in wanted.prompts]


async def _scores(gateway: "Gateway", wanted: Plan, *, again: bool = False) -> list[Scores]:
    """Score the prompts; ``again`` where answers to them are generated, too."""
    asked = [
        msgspec.structs.replace(prompt, logprobs=wanted.logprobs, again=again)
        for prompt in wanted.prompts
    ]
    return list(await asyncio.gather(*(gateway.score(each) for each in asked)))


async def _from_scores(gateway: "Gateway", wanted: Plan) -> dict[str, Any]:
    """Answer with the prompts, how likely they are, and at most the one token that follows."""
    choices, counts = [], []
    for index, (prompt, scores) in enumerate(
        zip(wanted.prompts, await _scores(gateway, wanted), strict=True)
    ):
        logprobs = encode.Logprobs(greedy=True)
        parts = [logprobs.prompt(scores)]
        text = encode.text_of(prompt, scores)
        ends = bool(prompt.max_tokens) and scores.ends
        if prompt.max_tokens:
            parts.append(logprobs.following(scores))
            text += "" if ends else scores.next[0].token.decode("utf-8", "replace")
        reason = "stop" if ends else "length"
        choices.append(encode.choice(index, text, encode.joined(*parts), reason))
        counts.append([Usage(len(scores.tokens), 0, prompt.max_tokens or 0)])
    return {"choices": choices, "usage": encode.total(counts)}


async def _generated(gateway: "Gateway", wanted: Plan) -> dict[str, Any]:
    echoes = await _echoes(gateway, wanted)
    answers = [encode.Answer() for _ in range(len(wanted.prompts) * wanted.candidates)]
    events = merge(_streams(gateway, wanted))
    try:
        async for index, event in events:
            answers[index].add(event)
    finally:
        await close(events)
    choices: list[dict[str, Any]] = []
    counts = []
    for at, (prompt, echo) in enumerate(zip(wanted.prompts, echoes, strict=True)):
        of_one = answers[at * wanted.candidates : (at + 1) * wanted.candidates]
        counts.append([answer.usage for answer in of_one])
        if wanted.candidates > wanted.n:
            of_one = sorted(of_one, key=lambda answer: -answer.likelihood)[: wanted.n]
        for answer in of_one:
            choices.append(_choice(len(choices), wanted, prompt, answer, echo))
    return {"choices": choices, "usage": encode.total(counts)}


def _choice(
    index: int, wanted: Plan, prompt: Request, answer: encode.Answer, echo: Scores | str | None
) -> dict[str, Any]:
    logprobs = encode.Logprobs(greedy=prompt.sampling.temperature == 0)
    of_prompt = None
    text = answer.text
    if isinstance(echo, str):
        text = echo + text
    elif echo is not None:
        of_prompt = logprobs.prompt(echo) if wanted.scored else None
        text = encode.text_of(prompt, echo) + text
    of_answer = logprobs.answer(answer.tokens) if wanted.logprobs is not None else None
    return encode.choice(index, text, encode.joined(of_prompt, of_answer), answer.finish_reason)
