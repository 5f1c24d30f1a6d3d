"""``POST /v1/images/generations``, ``/edits`` and ``/variations``; the signed addresses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from consigne.api import bodies, multipart, sse
from consigne.api.auth import authenticate, services_of
from consigne.api.errors import InvalidField
from consigne.api.openai.images import convert, encode
from consigne.api.openai.images.schemas import (
    Drawing,
    Prompted,
    edit_adapter,
    generation_adapter,
    variation_adapter,
)
from consigne.business.caller import Caller
from consigne.business.pictures import MakingEvent, Output
from consigne.domain.errors import NotPermitted
from consigne.domain.images import MEDIA_TYPES, ImageRequest
from consigne.provenance import pictures as reading

router = APIRouter()

_PICTURES = frozenset({"image", "mask"})


@router.post("/v1/images/generations")
async def create_images(request: Request) -> Response:
    """Make pictures from words."""
    caller = await authenticate(request)
    body = await bodies.read(request, generation_adapter)
    model = services_of(request).gateway.resolve(body.model or "", "image").id
    asked = convert.generation(body, model)
    return await _answer(request, caller, asked, body, "image_generation", None)


@router.post("/v1/images/edits")
async def edit_images(request: Request) -> Response:
    """Make pictures from a picture and words; a mask says which part is drawn anew."""
    caller = await authenticate(request)
    given, files = await multipart.read_all(request, _PICTURES, reading.MOST_BYTES)
    fields = bodies.decode(msgspec.json.encode(convert.typed(given)), edit_adapter)
    model = services_of(request).gateway.resolve(fields.model or "", "image").id
    original = _only(files, "image")
    mask = _only(files, "mask") if "mask" in files else None
    source, hole = await asyncio.to_thread(read_pictures, original, mask)
    source_id = await services_of(request).pictures.made_from(caller, original)
    asked = convert.edit(fields, model, source, hole)
    return await _answer(request, caller, asked, fields, "image_edit", source_id)


@router.post("/v1/images/variations")
async def vary_image(request: Request) -> Response:
    """Make pictures like another one."""
    caller = await authenticate(request)
    given, files = await multipart.read_all(request, _PICTURES, reading.MOST_BYTES)
    fields = bodies.decode(msgspec.json.encode(convert.typed(given)), variation_adapter)
    model = services_of(request).gateway.resolve(fields.model or "", "image").id
    original = _only(files, "image")
    source, _ = await asyncio.to_thread(read_pictures, original, None)
    source_id = await services_of(request).pictures.made_from(caller, original)
    asked = convert.variation(fields, model, source)
    return await _answer(request, caller, asked, fields, "image_edit", source_id)


@router.get("/images/{name}", include_in_schema=False)
async def signed_image(request: Request, name: str) -> Response:
    """Return a picture's file to whoever has its signed address."""
    picture_id, _, _ = name.partition(".")
    query = request.query_params
    expires = query.get("expires", "")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise NotPermitted("This address was not made here.")
    pictures = services_of(request).pictures
    picture, data = await pictures.by_signed_path(
        picture_id, int(expires), query.get("signature", "")
    )
    safe = {
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=600",
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": f'inline; filename="{picture.id}.{picture.format}"',
    }
    return Response(data, media_type=MEDIA_TYPES[picture.format], headers=safe)


async def _answer(
    request: Request,
    caller: Caller,
    asked: ImageRequest,
    body: Drawing,
    kind: encode.Kind,
    source_id: str | None,
) -> Response:
    services = services_of(request)
    output = convert.output(body) if isinstance(body, Prompted) else Output()
    quality = (body.quality if isinstance(body, Prompted) else None) or "auto"
    events = services.pictures.make(caller, services.gateway, asked, output, source_id)
    if isinstance(body, Prompted) and body.stream:
        encoder = encode.StreamEncoder(kind, quality, output.format)
        return sse.EventStream(events, encoder)
    made = await sse.while_connected(request.receive, _gather(events))
    urls = None
    if body.response_format == "url":
        base = _base_url(request)
        paths = [
            await services.pictures.signed_path(caller, ready.picture.id) for ready in made.pictures
        ]
        urls = [base + path for path in paths]
    assert made.start is not None
    content = encode.body(made, urls, quality, output.format)
    return Response(
        msgspec.json.encode(content),
        media_type="application/json",
        headers=encode.headers(made.start),
    )


async def _gather(events: AsyncIterator[MakingEvent]) -> encode.Made:
    made = encode.Made()
    async with aclosing(events) as open_events:  # type: ignore[type-var]
        async for event in open_events:
            made.add(event)
    return made


def _only(files: dict[str, list[bytes]], name: str) -> bytes:
    found = files.get(name, [])
    if not found or not found[0]:
        raise InvalidField("Field required", param=name, kind="missing")
    if len(found) > 1:
        raise InvalidField("Only one picture can be worked on at a time.", param=name)
    return found[0]


def read_pictures(image: bytes, mask: bytes | None) -> tuple[bytes, bytes | None]:
    """Return picture and mask as the engines take them; transparent parts are the mask's hole.

    Raises:
        InvalidRequest: One is no picture, or they differ in size.
    """
    picture = reading.read(image, "image")
    hole = None
    if mask is not None:
        cover = reading.read(mask, "mask")
        if cover.size != picture.size:
            raise InvalidField(
                f"The mask is {cover.width}x{cover.height}, the picture "
                f"{picture.width}x{picture.height}: they must be of one size.",
                param="mask",
            )
        hole = reading.hole_of(cover)
        if hole.getextrema()[1] == 0:
            raise InvalidField(
                "Nothing in the mask is transparent; what is transparent there is drawn anew.",
                param="mask",
            )
    elif _has_hole(picture):
        hole = reading.hole_of(picture)
    source = reading.to_png(reading.over_white(reading.at_most(picture)))
    return source, None if hole is None else reading.to_png(reading.at_most(hole))


def _has_hole(picture: Any) -> bool:
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 128


def _base_url(request: Request) -> str:
    settings = services_of(request).settings.server
    return (settings.public_url or str(request.base_url)).rstrip("/")
