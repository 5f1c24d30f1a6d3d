"""``/v1/responses``: answers, kept if so wished, in the background if so wished."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, picture_calls, search_calls, sse
from consigne.api.attached import placed
from consigne.api.auth import authenticate, services_of
from consigne.api.generate import fold
from consigne.api.openai import queries
from consigne.api.openai.responses import pictures, remote, searches, stream
from consigne.api.openai.responses.context import Context, gather
from consigne.api.openai.responses.convert import to_compaction, to_counted, to_request
from consigne.api.openai.responses.encode import ResponseBuilder, usage
from consigne.api.openai.responses.schemas import (
    ContextBody,
    ResponsesBody,
    compact_body,
    input_tokens_body,
    responses_body,
)
from consigne.api.openai.responses.sealed import seal
from consigne.api.openai.responses.truncation import counted, fitted
from consigne.api.openai.shared import refuse
from consigne.api.picture_calls import Maker
from consigne.api.remote_calls import Offers, RemoteListed, RemoteRunner, listed
from consigne.api.remote_calls import tools as remote_tools
from consigne.api.run_here import Runner, Told, answering
from consigne.api.search_calls import Searcher
from consigne.api.services import Services
from consigne.business.caller import Caller
from consigne.chat.quoting import telling
from consigne.domain import messages, sources
from consigne.domain.events import Cited, Event
from consigne.domain.ids import new_id

router = APIRouter()

_LEAST_SUMMARY, _MOST_SUMMARY = 64, 1024
"""Tokens of a compaction: half of what it stands for, within these bounds."""


@router.post("/v1/responses")
async def create_response(request: Request) -> Response:
    """Generate an answer, whole, as a stream of events, or in the background."""
    caller = await authenticate(request)
    body = await bodies.read(request, responses_body)
    services = services_of(request)
    model = services.gateway.resolve(body.model)
    asked = await gather(services.records, caller, body)
    offered, wish = pictures.offered(asked.body, caller, services.gateway)
    offered = searches.offered(offered, services.settings.tools.search)
    offered = remote.offered(offered, services.settings.tools)
    asked = msgspec.structs.replace(asked, body=offered)
    wanted = to_request(asked.body, model, asked.earlier)
    wanted = await placed(request, caller, model, wanted)
    wanted, servers = await _with_servers(request, asked.body, wanted)
    if body.truncation == "auto":
        wanted = await fitted(services.gateway, model, wanted)
    builder = ResponseBuilder(asked.body, model.id)
    if body.background and wish is not None:
        refuse("background", "pictures are not made in the background", "unsupported")
    maker = None if wish is None else Maker(caller, services.pictures, services.gateway, wish)
    generate = partial(_generated, services, asked.body, wanted, maker, servers)
    if body.background:
        return await _in_background(request, caller, asked, generate, builder)
    return await _at_once(request, caller, asked, generate(), builder)


Servers = tuple[Sequence[RemoteListed], Offers]
"""What the servers of tools that a request names have told."""


async def _with_servers(
    request: Request, body: ContextBody, wanted: messages.Request
) -> tuple[messages.Request, Servers]:
    wishes = remote.wanted(body)
    if not wishes:
        return wanted, ((), {})
    work = listed(wishes, services_of(request).settings.tools)
    lists, offers = await sse.while_connected(request.receive, work)
    tools = (*wanted.tools, *remote_tools(offers, wishes))
    return msgspec.structs.replace(wanted, tools=tools), (lists, offers)


def _generated(
    services: Services,
    body: ResponsesBody,
    wanted: messages.Request,
    maker: Maker | None,
    servers: Servers,
) -> AsyncIterator[Told]:
    """Return the answer's events, with what is run here for it."""
    lists, offers = servers
    shown: dict[int, Cited] = {}
    runners: dict[str, Runner] = {}
    if maker is not None:
        runners[picture_calls.NAME] = maker
    search = services.settings.tools.search
    searching = searches.wanted(body, search)
    if maker is None and searching is None and not lists:
        return services.gateway.generate(wanted)
    model = services.gateway.resolve(wanted.model)
    if searching is not None:
        runners[search_calls.NAME] = Searcher(search, searching, shown, model)
    runners |= {name: RemoteRunner(each, model) for name, each in offers.items()}

    def turn(asked: messages.Request) -> AsyncIterator[Event]:
        asked = msgspec.structs.replace(asked, cites=shown)
        return telling(services.gateway.generate(asked), shown)

    return answering(wanted, turn, runners, most_calls=body.max_tool_calls, opening=lists)


async def _at_once(
    request: Request,
    caller: Caller,
    asked: Context[ResponsesBody],
    events: AsyncIterator[Told],
    builder: ResponseBuilder,
) -> Response:
    responses = services_of(request).records.responses

    async def keep() -> None:
        await responses.save(caller, pictures.without_files(builder.response), asked.draft)

    def keep_soon() -> None:
        responses.save_soon(caller, pictures.without_files(builder.response), asked.draft)

    if not asked.body.stream:
        work = stream.whole(events, builder, keep)
        return _json(await sse.while_connected(request.receive, work))
    obfuscate = _obfuscates(asked.body)
    told = stream.told(events, builder, keep, keep_soon, request.scope, obfuscate=obfuscate)
    return sse.EventStream(told, stream.BytesEncoder(builder))


async def _in_background(
    request: Request,
    caller: Caller,
    asked: Context[ResponsesBody],
    generate: Callable[[], AsyncIterator[Told]],
    builder: ResponseBuilder,
) -> Response:
    if not asked.draft.store:
        refuse("background", "it needs 'store': what is not kept can't be asked for later")
    services = services_of(request)
    background = services.records.background
    queued = await background.begin(caller, asked.draft, builder, generate)
    if not asked.body.stream:
        return _json(queued)
    batches = await background.events(caller, queued["id"])
    told = stream.followed(batches, obfuscate=_obfuscates(asked.body))
    return sse.EventStream(told, stream.BytesEncoder())


def _obfuscates(body: ResponsesBody) -> bool:
    return bool(body.stream_options and body.stream_options.include_obfuscation)


@router.post("/v1/responses/input_tokens")
async def count_input_tokens(request: Request) -> Response:
    """Count the tokens of a request's prompt, with all that it goes on from."""
    caller = await authenticate(request)
    body = await bodies.read(request, input_tokens_body)
    services = services_of(request)
    model = services.gateway.resolve(body.model)
    asked = await gather(services.records, caller, body)
    offered, _ = pictures.offered(asked.body, caller, services.gateway)
    offered = searches.offered(offered, services.settings.tools.search)
    offered = remote.offered(offered, services.settings.tools)
    wanted = to_counted(offered, model, asked.earlier)
    wanted = await placed(request, caller, model, wanted)
    wanted, _ = await _with_servers(request, offered, wanted)
    if body.truncation == "auto":
        wanted = await fitted(services.gateway, model, wanted)
    count = await services.gateway.count_tokens(wanted)
    return _json({"object": "response.input_tokens", "input_tokens": count})


@router.post("/v1/responses/compact")
async def compact(request: Request) -> Response:
    """Let the model summarise a conversation to one item that stands for all of it."""
    caller = await authenticate(request)
    body = await bodies.read(request, compact_body)
    services = services_of(request)
    model = services.gateway.resolve(body.model)
    asked = await gather(services.records, caller, body)
    wanted = to_compaction(asked.body, model, asked.earlier)
    wanted = await placed(request, caller, model, wanted)
    wanted = await fitted(services.gateway, model, wanted)
    size = await counted(services.gateway, wanted)
    limit = max(_LEAST_SUMMARY, min(_MOST_SUMMARY, size // 2))
    work = fold(services.gateway.generate(msgspec.structs.replace(wanted, max_tokens=limit)))
    answer = await sse.while_connected(request.receive, work)
    summary = seal(answer.message.text)
    item = {"id": new_id("cmp"), "type": "compaction", "encrypted_content": summary}
    told = {
        "id": new_id("resp"),
        "object": "response.compaction",
        "created_at": int(sources.now().timestamp()),
        "output": [item],
        "usage": usage(answer.usage),
    }
    return _json(told)


@router.get("/v1/responses/{response_id}")
async def get_response(request: Request, response_id: str) -> Response:
    """Return a response that is kept; one from the background also as a stream, from any event."""
    caller = await authenticate(request)
    records = services_of(request).records
    queries.check_include(request)
    after = queries.whole_number(request, "starting_after", -1)
    if not queries.flag(request, "stream"):
        if "starting_after" in request.query_params:
            refuse("starting_after", "it is only allowed when 'stream' is set")
        kept = (await records.responses.get(caller, response_id)).body
        if pictures.is_drawn(kept):
            kept = await pictures.with_files(services_of(request).pictures, caller, kept)
        return _json(kept)
    batches = await records.background.events(caller, response_id, max(after, -1))
    obfuscate = queries.flag(request, "include_obfuscation")
    told = stream.followed(batches, obfuscate=obfuscate)
    return sse.EventStream(told, stream.BytesEncoder())


@router.delete("/v1/responses/{response_id}")
async def delete_response(request: Request, response_id: str) -> Response:
    """Delete a response; one that is still written is cancelled first."""
    caller = await authenticate(request)
    await services_of(request).records.background.delete(caller, response_id)
    return _json({"id": response_id, "object": "response", "deleted": True})


@router.post("/v1/responses/{response_id}/cancel")
async def cancel_response(request: Request, response_id: str) -> Response:
    """Cancel a response in the background and return what it is then."""
    caller = await authenticate(request)
    return _json((await services_of(request).records.background.cancel(caller, response_id)).body)


@router.get("/v1/responses/{response_id}/input_items")
async def list_input_items(request: Request, response_id: str) -> Response:
    """Return a page of the items that a response was generated from."""
    caller = await authenticate(request)
    queries.check_include(request)
    responses = services_of(request).records.responses
    page = await responses.input_items(caller, response_id, queries.paging(request))
    return _json(queries.as_list(page))


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
