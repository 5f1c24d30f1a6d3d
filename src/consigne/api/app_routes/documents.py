"""Files that people attach to their questions."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import multipart
from consigne.api.app_routes import schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.api.downloads import Download
from consigne.chat.whereabouts import Uses
from consigne.documents.values import Document

router = APIRouter(prefix="/documents", tags=["Documents"])


class Named(schemas.Out):
    """Something by its id, and as its owner calls it."""

    id: str
    name: str


class ListedDocument(schemas.Document):
    """A file and where it is used."""

    conversations: list[Named]
    """Those it was sent in, the newest first."""
    assistants: list[Named]
    """Those that know it."""
    projects: list[Named]
    """Those that stand on it."""


class DocumentPage(schemas.Out):
    """Some of one's files, the newest first."""

    documents: list[ListedDocument]
    more: bool
    """Whether there are older ones: ask for those before the last."""


@router.get("", response_model=DocumentPage)
async def list_documents(
    request: Request,
    caller: Person,
    limit: Annotated[int, Query(ge=1, le=100)] = 30,
    before: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """List one's files with where they are used, the newest first, from before the one of an id."""
    services = services_of(request)
    found = await services.documents.newest(caller, limit=limit + 1, before=before)
    uses = await services.whereabouts.of(caller, found[:limit])
    listed = [
        msgspec.structs.asdict(each) | msgspec.structs.asdict(uses.get(each.id, Uses()))
        for each in found[:limit]
    ]
    return reply({"documents": listed, "more": len(found) > limit})


@router.post("", status_code=201, response_model=schemas.Document)
async def add_document(request: Request, caller: Person) -> Response:
    """Add a file: a form with the field ``file``. The answer comes once it has been read."""
    documents = services_of(request).documents

    async def store(part: multipart.FilePart) -> Document:
        return await documents.add(caller, part.filename, part.media_type, part.chunks)

    _, added = await multipart.read(request, "file", store)
    return reply(added, 201)


@router.get("/{document_id}", response_model=schemas.Document)
async def read_document(request: Request, caller: Person, document_id: str) -> Response:
    """Return what is known of a file."""
    return reply(await services_of(request).documents.get(caller, document_id))


@router.delete("/{document_id}", status_code=204)
async def delete_document(request: Request, caller: Person, document_id: str) -> Response:
    """Delete a file; answers that cite it keep the passages they cite."""
    await services_of(request).documents.delete(caller, document_id)
    return Response(status_code=204)


@router.get("/{document_id}/passages", response_model=schemas.Passages)
async def read_passages(
    request: Request, caller: Person, document_id: str, around: int = 0
) -> Response:
    """Return the passages of a file around one of them."""
    return reply(await services_of(request).documents.stretch(caller, document_id, around))


@router.get("/{document_id}/content")
async def download_document(request: Request, caller: Person, document_id: str) -> Response:
    """Return the file as it was given; the browser saves it and never shows it."""
    document, media_type, content = await services_of(request).documents.content(
        caller, document_id
    )
    response = Download(content, media_type, document.filename)
    response.also({"content-security-policy": "sandbox; default-src 'none'"})
    return response


@router.get("/{document_id}/picture")
async def show_picture(
    request: Request,
    caller: Person,
    document_id: str,
    size: Literal["small", "large"] = "large",
) -> Response:
    """Return a picture as the page shows it: decoded and encoded anew, so nothing else is in it."""
    which = "thumbnail" if size == "small" else "picture"
    _, media_type, content = await services_of(request).documents.content(
        caller, document_id, which
    )
    body = b"".join([chunk async for chunk in content.chunks])
    headers = {
        "cache-control": "private, max-age=86400, immutable",
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    return Response(body, headers=headers, media_type=media_type)
