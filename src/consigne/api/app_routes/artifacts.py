"""What stands beside conversations, in versions, and other files that tools made in them."""

import re
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes import tools_schemas as schemas
from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.auth import services_of
from consigne.api.downloads import Download

router = APIRouter(tags=["Artifacts"])
_SUFFIXES = {"html": "html", "svg": "svg", "document": "md"}
_LANGUAGES = {"python": "py", "javascript": "js", "typescript": "ts", "rust": "rs", "ruby": "rb"}


@router.post(
    "/conversations/{conversation_id}/artifacts", status_code=201, response_model=schemas.Artifact
)
async def create_artifact(
    request: Request, caller: Person, conversation_id: str, body: schemas.NewArtifact
) -> Response:
    """Put a block of an answer beside the conversation."""
    artifacts = services_of(request).artifacts
    made = await artifacts.create(caller, conversation_id, **body.model_dump())
    return reply(made, 201)


@router.get("/artifacts/{artifact_id}", response_model=schemas.Artifact)
async def read_artifact(
    request: Request, caller: Person, artifact_id: str, version: int | None = None
) -> Response:
    """Return a version of an artifact, the latest if none is named."""
    return reply(await services_of(request).artifacts.read(caller, artifact_id, version))


@router.get("/artifacts/{artifact_id}/download")
async def download_artifact(
    request: Request, caller: Person, artifact_id: str, version: int | None = None
) -> Response:
    """Return a version as a file to keep; a browser never shows it under this address."""
    found = await services_of(request).artifacts.read(caller, artifact_id, version)
    language = found.language.lower()
    suffix = _SUFFIXES.get(found.kind) or _LANGUAGES.get(language) or language or "txt"
    stem = re.sub(r"[^\w -]", "", found.title).strip() or "document"
    name = quote(f"{stem}.{re.sub(r'[^a-z0-9]', '', suffix) or 'txt'}")
    return Response(
        found.content,
        media_type="application/octet-stream",
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "cache-control": "no-store",
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
        },
    )


@router.get("/made-files/{file_id}")
async def download_made_file(request: Request, caller: Person, file_id: str) -> Response:
    """Return a file that a tool made; the browser saves it, and shows only pictures in the page."""
    file, content = await services_of(request).made_files.content(caller, file_id)
    response = Download(content, file.media_type, file.filename)
    response.also({"content-security-policy": "sandbox; default-src 'none'"})
    return response
