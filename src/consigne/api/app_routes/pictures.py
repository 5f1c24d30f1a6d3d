"""The pictures that were made for a person: their gallery, and the files that answers show."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from consigne.api.app_routes.access import Person
from consigne.api.app_routes.replies import reply
from consigne.api.app_routes.schemas import Out
from consigne.api.auth import services_of
from consigne.domain.images import MEDIA_TYPES

router = APIRouter(prefix="/pictures", tags=["Pictures"])


class Picture(Out):
    """What is known of a picture."""

    id: str
    model: str
    prompt: str
    negative_prompt: str
    seed: int | None
    steps: int
    guidance: float
    width: int
    height: int
    format: Literal["png", "webp", "jpeg"]
    size: int
    """In bytes."""
    source_id: str | None
    """The picture it was made from; it may have been deleted."""
    confidence: float | None
    created_at: datetime


class PicturePage(Out):
    """Some of one's pictures, the newest first."""

    pictures: list[Picture]
    more: bool
    """Whether there are older ones: ask for those before the last."""


@router.get("", response_model=PicturePage)
async def list_pictures(
    request: Request,
    caller: Person,
    limit: Annotated[int, Query(ge=1, le=100)] = 24,
    before: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """List one's pictures, the newest first, from before the one of an id."""
    found = await services_of(request).pictures.list(caller, limit=limit + 1, before=before)
    return reply({"pictures": found[:limit], "more": len(found) > limit})


@router.get("/{picture_id}", response_model=Picture)
async def read_picture(request: Request, caller: Person, picture_id: str) -> Response:
    """Return what is known of a picture."""
    return reply(await services_of(request).pictures.get(caller, picture_id))


@router.delete("/{picture_id}", status_code=204)
async def delete_picture(request: Request, caller: Person, picture_id: str) -> Response:
    """Delete a picture and its file; answers that showed it say that it is gone."""
    await services_of(request).pictures.delete(caller, picture_id)
    return Response(status_code=204)


@router.get("/{picture_id}/file")
async def show_picture(
    request: Request,
    caller: Person,
    picture_id: str,
    form: Literal["png", "webp", "jpeg"] | None = None,
    download: bool = False,
) -> Response:
    """Return a picture's file; in another form it is encoded and signed anew."""
    pictures = services_of(request).pictures
    picture = await pictures.get(caller, picture_id)
    data = await pictures.content(caller, picture_id, form)
    kind = form or picture.format
    name = f"{picture.id}.{'jpg' if kind == 'jpeg' else kind}"
    headers = {
        "cache-control": "private, max-age=3600",
        "content-disposition": f'{"attachment" if download else "inline"}; filename="{name}"',
        "content-security-policy": "sandbox; default-src 'none'",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    return Response(data, headers=headers, media_type=MEDIA_TYPES[kind])
