"""``/v1/files`` in the OpenAI dialect (API reference, Files)."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, downloads, queries
from consigne.api.auth import authenticate, services_of
from consigne.api.limits import Wire
from consigne.api.openai.shared import refuse
from consigne.api.receive import received
from consigne.business.files import File, Kind, Paging, check_cursor
from consigne.store.objects import Content

router = APIRouter()

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
BATCH_KEPT_S = 30 * 24 * 3600
"""Files for batches and of batches expire after 30 days, unless asked otherwise."""
MOST_LISTED = 10_000


class ExpiresAfter(Wire):
    """When a file is to expire."""

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=3600, le=2_592_000)]


class FileFields(Wire):
    """What a file comes with; a form's fields are text, so nothing is strict."""

    purpose: Purpose
    expires_after: ExpiresAfter | None = None


_fields: TypeAdapter[FileFields] = TypeAdapter(FileFields)


def keep_s(purpose: str, expires_after: ExpiresAfter | None) -> int | None:
    """Return for how many seconds a file is kept; ``None``: until it is deleted."""
    if expires_after is not None:
        return expires_after.seconds
    return BATCH_KEPT_S if purpose == "batch" else None


@router.post("/v1/files", name="openai_create_file")
async def create_file(request: Request) -> Response:
    """Store a file."""
    caller = await authenticate(request)
    async with received(request, caller) as (given, draft):
        fields = _parsed(given)
        kind = Kind(fields.purpose, keep_s=keep_s(fields.purpose, fields.expires_after))
        file = await services_of(request).files.show(draft, kind)
    return _json(wire(file))


def _parsed(given: dict[str, str]) -> FileFields:
    nested: dict[str, Any] = {}
    for name, value in given.items():
        match name.removesuffix("]").split("["):
            case ["expires_after", inner] if name.endswith("]"):
                whole = value.isascii() and value.isdigit() and len(value) < 10
                nested.setdefault("expires_after", {})[inner] = int(value) if whole else value
            case ["purpose"]:
                nested["purpose"] = value
            case _:
                refuse(name[:100], "this field is not known here", "extra_forbidden")
    return bodies.decode(msgspec.json.encode(nested), _fields)


@router.get("/v1/files", name="openai_list_files")
async def list_files(request: Request) -> Response:
    """List the files, newest first unless asked otherwise."""
    caller = await authenticate(request)
    queries.only(request, "after", "limit", "order", "purpose")
    query = request.query_params
    wanted = Paging(
        limit=queries.limit(request, MOST_LISTED, MOST_LISTED),
        newest_first=queries.one_of(request, "order", ("desc", "asc")) == "desc",
        after=check_cursor(query.get("after", ""), "after"),
        purpose=query.get("purpose", ""),
    )
    found, more = await services_of(request).files.list(caller, wanted)
    return _json(page([wire(file) for file in found], more=more))


@router.get("/v1/files/{file_id}", name="openai_get_file")
async def get_file(request: Request, file_id: str) -> Response:
    """Describe one file."""
    caller = await authenticate(request)
    return _json(wire(await services_of(request).files.get(caller, file_id)))


@router.get("/v1/files/{file_id}/content", name="openai_file_content")
async def file_content(request: Request, file_id: str) -> Response:
    """Return a file's content, or a range of it."""
    caller = await authenticate(request)
    files = services_of(request).files
    file = await files.get(caller, file_id)

    async def open_part(part: tuple[int, int] | None) -> Content:
        return await files.content(caller, file_id, part)

    return await downloads.of_file(file, request.headers, open_part)


@router.delete("/v1/files/{file_id}", name="openai_delete_file")
async def delete_file(request: Request, file_id: str) -> Response:
    """Delete a file."""
    caller = await authenticate(request)
    await services_of(request).files.delete(caller, file_id)
    return _json({"id": file_id, "object": "file", "deleted": True})


def wire(file: File) -> dict[str, Any]:
    """Return what clients learn of a file."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": int(file.created_at.timestamp()),
        "expires_at": int(file.expires_at.timestamp()) if file.expires_at else None,
        "filename": file.filename,
        "purpose": file.purpose or "user_data",
        "status": "processed",
        "status_details": None,
    }


def page(data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """Return a page of a list."""
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": more,
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
