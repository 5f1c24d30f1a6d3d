"""``/v1/conversations``: conversations that applications keep here, and their items."""

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies
from consigne.api.auth import authenticate, services_of
from consigne.api.openai import queries
from consigne.api.openai.conversations.schemas import create_body, items_body, update_body
from consigne.api.openai.responses import items
from consigne.api.openai.responses.convert import check_items
from consigne.api.openai.responses.schemas import Item
from consigne.business.caller import Caller
from consigne.records.values import Conversation, Json, Page

router = APIRouter()


@router.post("/v1/conversations")
async def create_conversation(request: Request) -> Response:
    """Begin a conversation, perhaps with items."""
    caller = await authenticate(request)
    body = await bodies.read(request, create_body)
    given = await _given(request, caller, body.items or [])
    conversations = services_of(request).records.conversations
    return _conversation(await conversations.create(caller, body.metadata or {}, given))


@router.get("/v1/conversations/{conversation_id}")
async def get_conversation(request: Request, conversation_id: str) -> Response:
    """Return a conversation."""
    caller = await authenticate(request)
    conversations = services_of(request).records.conversations
    return _conversation(await conversations.get(caller, conversation_id))


@router.post("/v1/conversations/{conversation_id}")
async def update_conversation(request: Request, conversation_id: str) -> Response:
    """Replace a conversation's metadata."""
    caller = await authenticate(request)
    body = await bodies.read(request, update_body)
    conversations = services_of(request).records.conversations
    changed = await conversations.update(caller, conversation_id, body.metadata or {})
    return _conversation(changed)


@router.delete("/v1/conversations/{conversation_id}")
async def delete_conversation(request: Request, conversation_id: str) -> Response:
    """Delete a conversation with its items."""
    caller = await authenticate(request)
    await services_of(request).records.conversations.delete(caller, conversation_id)
    return _json({"id": conversation_id, "object": "conversation.deleted", "deleted": True})


@router.post("/v1/conversations/{conversation_id}/items")
async def create_items(request: Request, conversation_id: str) -> Response:
    """Add items at a conversation's end."""
    caller = await authenticate(request)
    queries.check_include(request)
    body = await bodies.read(request, items_body)
    given = await _given(request, caller, body.items)
    conversations = services_of(request).records.conversations
    added = await conversations.add_items(caller, conversation_id, given)
    return _json(queries.as_list(Page(tuple(added), has_more=False)))


@router.get("/v1/conversations/{conversation_id}/items")
async def list_items(request: Request, conversation_id: str) -> Response:
    """Return a page of a conversation's items."""
    caller = await authenticate(request)
    queries.check_include(request)
    conversations = services_of(request).records.conversations
    page = await conversations.items(caller, conversation_id, queries.paging(request))
    return _json(queries.as_list(page))


@router.get("/v1/conversations/{conversation_id}/items/{item_id}")
async def get_item(request: Request, conversation_id: str, item_id: str) -> Response:
    """Return one item."""
    caller = await authenticate(request)
    queries.check_include(request)
    conversations = services_of(request).records.conversations
    return _json(await conversations.item(caller, conversation_id, item_id))


@router.delete("/v1/conversations/{conversation_id}/items/{item_id}")
async def delete_item(request: Request, conversation_id: str, item_id: str) -> Response:
    """Delete one item and return the conversation."""
    caller = await authenticate(request)
    conversations = services_of(request).records.conversations
    return _conversation(await conversations.delete_item(caller, conversation_id, item_id))


async def _given(request: Request, caller: Caller, given: list[Item]) -> tuple[Json, ...]:
    """Return the items to keep, those that are referred to among them."""
    if wanted := items.references(given):
        known = await services_of(request).records.responses.find_items(caller, wanted)
        given = items.resolved(given, known)
    check_items(given)
    return items.stored(given)


def _conversation(found: Conversation) -> Response:
    return _json(
        {
            "id": found.id,
            "object": "conversation",
            "created_at": found.created,
            "metadata": found.metadata,
        }
    )


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
