"""``/v1/files`` in the Anthropic dialect (API reference, Files).

Lists page in both ways that its clients know: ``page`` and ``next_page``, or ``after_id`` and
``before_id``.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import downloads, queries
from consigne.api.anthropic.models import AnthropicRoute
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import InvalidField
from consigne.api.receive import received
from consigne.business.files import File, Kind, Paging, check_cursor
from consigne.domain.errors import FileNotDownloadable
from consigne.domain.ids import is_id
from consigne.store.objects import Content

router = APIRouter(route_class=AnthropicRoute)

LEAST_KEPT_S, MOST_KEPT_S = 3600, 7_776_000
MOST_IDS = 100
PURPOSE = "user_data"
"""What a file given in this dialect is for, in the other's words."""


@router.post("/v1/files", name="anthropic_create_file")
async def create_file(request: Request) -> Response:
    """Store a file."""
    caller = await authenticate(request)
    async with received(request, caller) as (fields, draft):
        kind = Kind(PURPOSE, keep_s=_keep_s(fields))
        file = await services_of(request).files.show(draft, kind)
    return _json(wire(file))


def _keep_s(fields: dict[str, str]) -> int | None:
    for name in fields:
        if name != "expires_in_seconds":
            raise InvalidField("Extra inputs are not permitted", param=name[:100])
    value = fields.get("expires_in_seconds")
    if value is None:
        return None
    whole = value.isascii() and value.isdigit() and len(value) < 10
    if not whole or not LEAST_KEPT_S <= int(value) <= MOST_KEPT_S:
        raise InvalidField(
            f"Input should be a whole number from {LEAST_KEPT_S} to {MOST_KEPT_S}",
            param="expires_in_seconds",
        )
    return int(value)


@router.get("/v1/files", name="anthropic_list_files")
async def list_files(request: Request) -> Response:
    """List the files, newest first."""
    caller = await authenticate(request)
    query, files = request.query_params, services_of(request).files
    ids = [*query.getlist("ids"), *query.getlist("ids[]")]
    if ids:
        return _json(_page(await files.those(caller, _checked(ids, request)), more=False))
    if query.get("scope_id"):
        # Files here belong to a workspace; none is bound to a narrower scope.
        return _json(_page((), more=False))
    wanted = Paging(
        limit=queries.limit(request, 20, 1000),
        after=_cursor(query.get("page", "")) or check_cursor(query.get("after_id", ""), "after_id"),
        before=check_cursor(query.get("before_id", ""), "before_id"),
    )
    found, more = await files.list(caller, wanted)
    return _json(_page(found, more=more))


def _checked(ids: list[str], request: Request) -> list[str]:
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_IDS:
        raise InvalidField(f"List should have at most {MOST_IDS} items", param="ids")
    if {"page", "limit"} & request.query_params.keys():
        raise InvalidField("This can't be combined with 'page' or 'limit'", param="ids")
    return wanted


def _cursor(page: str) -> str:
    """Return the id that a page's name holds."""
    file_id = "file_" + page.removeprefix("page_")
    if page and not (page.startswith("page_") and is_id(file_id, "file")):
        raise InvalidField("This is no page of a list", param="page")
    return file_id if page else ""


def _page(files: Sequence[File], *, more: bool) -> dict[str, Any]:
    last = files[-1].id if files else None
    return {
        "data": [wire(file) for file in files],
        "first_id": files[0].id if files else None,
        "last_id": last,
        "has_more": more,
        "next_page": "page_" + last.removeprefix("file_") if more and last else None,
    }


@router.get("/v1/files/{file_id}", name="anthropic_get_file")
async def get_file(request: Request, file_id: str) -> Response:
    """Describe one file."""
    caller = await authenticate(request)
    return _json(wire(await services_of(request).files.get(caller, file_id)))


@router.get("/v1/files/{file_id}/content", name="anthropic_file_content")
async def file_content(request: Request, file_id: str) -> Response:
    """Return the content of a file that was made here, or a range of it."""
    caller = await authenticate(request)
    files = services_of(request).files
    file = await files.get(caller, file_id)
    if not file.downloadable:
        raise FileNotDownloadable(
            f"The file {file_id} was uploaded; only files that were generated can be downloaded."
        )

    async def open_part(part: tuple[int, int] | None) -> Content:
        return await files.content(caller, file_id, part)

    return await downloads.of_file(file, request.headers, open_part)


@router.delete("/v1/files/{file_id}", name="anthropic_delete_file")
async def delete_file(request: Request, file_id: str) -> Response:
    """Delete a file."""
    caller = await authenticate(request)
    await services_of(request).files.delete(caller, file_id)
    return _json({"id": file_id, "type": "file_deleted"})


def wire(file: File) -> dict[str, Any]:
    """Return what clients learn of a file."""
    return {
        "type": "file",
        "id": file.id,
        "filename": file.filename,
        "mime_type": file.media_type,
        "size_bytes": file.size,
        "created_at": _time(file.created_at),
        "expires_at": _time(file.expires_at),
        "downloadable": file.downloadable,
    }


def _time(instant: datetime | None) -> datetime | None:
    return instant.replace(microsecond=0) if instant else None


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
