"""``/v1/uploads``: a file in parts (API reference, Uploads)."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, multipart
from consigne.api.auth import authenticate, services_of
from consigne.api.limits import Body
from consigne.api.openai import files
from consigne.api.openai.shared import refuse
from consigne.business.uploads import NewUpload, Part, Upload

router = APIRouter()

MOST_PARTS = 10_000


class UploadBody(Body):
    """The body that begins an upload."""

    bytes: Annotated[int, Field(ge=1)]
    filename: Annotated[str, Field(min_length=1, max_length=1024)]
    mime_type: Annotated[str, Field(min_length=1, max_length=255)]
    purpose: files.Purpose
    expires_after: files.ExpiresAfter | None = None


class CompleteBody(Body):
    """The body that ends one."""

    part_ids: Annotated[list[str], Field(min_length=1, max_length=MOST_PARTS)]
    md5: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")] | None = None


create_body: TypeAdapter[UploadBody] = TypeAdapter(UploadBody)
complete_body: TypeAdapter[CompleteBody] = TypeAdapter(CompleteBody)


@router.post("/v1/uploads")
async def create_upload(request: Request) -> Response:
    """Begin an upload."""
    caller = await authenticate(request)
    services = services_of(request)
    body = await bodies.read(request, create_body)
    if body.bytes > (most := services.settings.files.max_upload_bytes):
        refuse("bytes", f"an upload can have at most {most:,} bytes")
    kept = files.keep_s(body.purpose, body.expires_after)
    new = NewUpload(body.filename, body.mime_type, body.bytes, body.purpose, kept)
    return _json(wire(await services.uploads.create(caller, new)))


@router.post("/v1/uploads/{upload_id}/parts")
async def add_part(request: Request, upload_id: str) -> Response:
    """Store one part."""
    caller = await authenticate(request)
    uploads = services_of(request).uploads

    async def store(part: multipart.FilePart) -> Part:
        return await uploads.add_part(caller, upload_id, part.chunks)

    _, part = await multipart.read(request, "data", store)
    return _json(
        {
            "id": part.id,
            "object": "upload.part",
            "created_at": int(part.created_at.timestamp()),
            "upload_id": part.upload_id,
        }
    )


@router.post("/v1/uploads/{upload_id}/complete")
async def complete_upload(request: Request, upload_id: str) -> Response:
    """Put the parts together."""
    caller = await authenticate(request)
    body = await bodies.read(request, complete_body)
    uploads = services_of(request).uploads
    done = await uploads.complete(caller, upload_id, body.part_ids, body.md5 or "")
    return _json(wire(done))


@router.post("/v1/uploads/{upload_id}/cancel")
async def cancel_upload(request: Request, upload_id: str) -> Response:
    """Give an upload up."""
    caller = await authenticate(request)
    return _json(wire(await services_of(request).uploads.cancel(caller, upload_id)))


def wire(upload: Upload) -> dict[str, Any]:
    """Return what clients learn of an upload."""
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.size,
        "created_at": int(upload.created_at.timestamp()),
        "expires_at": int(upload.expires_at.timestamp()),
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.state,
        "file": files.wire(upload.file) if upload.file else None,
    }


def _json(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
