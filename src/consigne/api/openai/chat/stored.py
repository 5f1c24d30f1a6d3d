"""Chat completions that are kept (``store``), and the endpoints that find them again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies
from consigne.api.auth import authenticate, services_of
from consigne.api.openai import queries
from consigne.api.openai.chat.encode import Choice, Form
from consigne.api.openai.chat.schemas import AssistantParam, ChatBody, MessageParam, ToolParam
from consigne.api.openai.conversations.schemas import update_body
from consigne.domain.batches import close
from consigne.domain.events import Event, MessageStart, MessageStop
from consigne.domain.ids import new_id

Json = dict[str, Any]

router = APIRouter()


@router.get("/v1/chat/completions")
async def list_chat_completions(request: Request) -> Response:
    """Return a page of the completions that are kept, by model and metadata if so asked."""
    caller = await authenticate(request)
    page = await services_of(request).records.completions.list(
        caller,
        queries.paging(request, order="asc"),
        model=request.query_params.get("model"),
        metadata=queries.metadata_filter(request),
    )
    return _json(queries.as_list(page))


@router.get("/v1/chat/completions/{completion_id}")
async def get_chat_completion(request: Request, completion_id: str) -> Response:
    """Return a completion that is kept."""
    caller = await authenticate(request)
    return _json(await services_of(request).records.completions.get(caller, completion_id))


@router.post("/v1/chat/completions/{completion_id}")
async def update_chat_completion(request: Request, completion_id: str) -> Response:
    """Replace a completion's metadata."""
    caller = await authenticate(request)
    metadata = (await bodies.read(request, update_body)).metadata or {}
    completions = services_of(request).records.completions
    return _json(await completions.update(caller, completion_id, metadata))


@router.delete("/v1/chat/completions/{completion_id}")
async def delete_chat_completion(request: Request, completion_id: str) -> Response:
    """Delete a completion that is kept."""
    caller = await authenticate(request)
    await services_of(request).records.completions.delete(caller, completion_id)
    return _json({"id": completion_id, "object": "chat.completion.deleted", "deleted": True})


@router.get("/v1/chat/completions/{completion_id}/messages")
async def list_chat_messages(request: Request, completion_id: str) -> Response:
    """Return a page of the messages that a completion answers."""
    caller = await authenticate(request)
    paging = queries.paging(request, order="asc")
    completions = services_of(request).records.completions
    return _json(queries.as_list(await completions.messages(caller, completion_id, paging)))


async def kept(
    events: AsyncIterator[tuple[int, Event]],
    n: int,
    keep: Callable[[Sequence[Choice]], Awaitable[None]],
    form: Form,
) -> AsyncIterator[tuple[int, Event]]:
    """Pass on the events of ``n`` answers; the last comes once all are kept.

    Ids are given anew here, for what is kept needs one that nothing else has.
    """
    choices = [Choice(i, form) for i in range(n)]
    running, answer_id = n, new_id("msg")
    try:
        async for index, told in events:
            begins = isinstance(told, MessageStart)
            event = msgspec.structs.replace(told, id=answer_id) if begins else told
            choices[index].add(event)
            if isinstance(event, MessageStop):
                running -= 1
                if not running:
                    await keep(choices)
            yield index, event
    finally:
        await close(events)


def messages(body: ChatBody, completion_id: str) -> list[Json]:
    """Return the request's messages as they are listed."""
    return [
        {"id": f"{completion_id}-{number}"} | _message(message)
        for number, message in enumerate(body.messages)
    ]


def _message(message: MessageParam) -> Json:
    parts = None
    content = message.content
    if isinstance(content, list):
        parts = [part.model_dump(exclude_none=True) for part in content]
        content = "".join(part.get("text") or part.get("refusal") or "" for part in parts)
    told: Json = {"role": message.role, "content": content, "content_parts": parts}
    if isinstance(message, ToolParam):
        told["tool_call_id"] = message.tool_call_id
    if isinstance(message, AssistantParam):
        calls = [call.model_dump() for call in message.tool_calls or ()]
        told |= {"refusal": message.refusal, "tool_calls": calls or None}
    return told


def _json(body: Json) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
