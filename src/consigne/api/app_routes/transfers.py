"""Conversations as files: out, and in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.chat import portable

router = APIRouter(tags=["Conversations"])


@router.get("/conversations/{conversation_id}/export")
async def export_conversation(
    request: Request,
    caller: Person,
    conversation_id: str,
    format: Literal["markdown", "json"] = "json",  # noqa: A002 - the query's own name
) -> Response:
    """Return a conversation as a file: ``json`` with all its branches, or ``markdown`` of one."""
    found = await services_of(request).transfers.export(caller, conversation_id)
    if format == "markdown":
        text = portable.markdown(found, _provider(request))
        return _file(text.encode(), "conversation.md", "text/markdown")
    body = portable.encode([found], _provider(request))
    return _file(body, "conversation.json", "application/json")


@router.get("/export")
async def export_everything(request: Request, caller: Person) -> Response:
    """Return all conversations as one file, which can be imported again."""
    found = await services_of(request).transfers.export_all(caller)
    body = portable.encode(found, _provider(request))
    return _file(body, "conversations.json", "application/json")


@router.post("/import", status_code=202, response_model=schemas.Import)
async def import_conversations(
    request: Request, caller: Person, filename: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Begin to take in a file of conversations: one exported here, ChatGPT's or Claude's.

    The body is the file itself, a zip or JSON. One that can't be read leaves nothing behind.
    """
    importing = services_of(request).importing
    return reply(await importing.begin(caller, filename, request.stream()), 202)


@router.get("/imports/{import_id}", response_model=schemas.Import)
async def read_import(request: Request, caller: Person, import_id: str) -> Response:
    """Return how far an import is; its outcome is told for a week."""
    return reply(await services_of(request).importing.get(caller, import_id))


def _provider(request: Request) -> str | None:
    """Return whose service marks its answers as generated, if the operator wants them marked."""
    settings = services_of(request).settings.provenance
    return settings.organisation if "export" in settings.text_marks else None


def _file(body: bytes, name: str, media_type: str) -> Response:
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    }
    return Response(body, headers=headers, media_type=media_type)
