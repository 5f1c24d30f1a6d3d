"""Pictures in OpenAI's API: requests out, whole pictures in."""

import base64
import binascii
import io
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from consigne.domain.images import (
    ImageEvent,
    ImageMade,
    ImageRequest,
    ImagesStart,
    ImagesStop,
    ImageUsage,
)
from consigne.providers.base import Deployment, refuse
from consigne.providers.upstream import Form


class UnreadableError(Exception):
    """What came is no picture."""


class _Picture(msgspec.Struct, frozen=True):
    b64_json: str | None = None
    revised_prompt: str | None = None


class _Counts(msgspec.Struct, frozen=True):
    input_tokens: int = 0


class Pictures(msgspec.Struct, frozen=True):
    """The answer of ``POST /images/generations``."""

    data: tuple[_Picture, ...] = ()
    usage: _Counts | None = None


_FAITHFUL = 0.5
"""Share given up of a picture up to which the change is to stay close to it."""
decoder = msgspec.json.Decoder(Pictures)


def body(request: ImageRequest, deployment: Deployment) -> dict[str, Any]:
    """Return the request's body.

    Raises:
        Unsupported: The request asks for what this API has no word for.
    """
    edits = deployment.model.image is not None and deployment.model.image.edits
    given = {
        "image": None if edits else request.source,
        "negative_prompt": request.negative_prompt or None,
        "seed": request.seed,
        "steps": request.steps,
        "guidance": request.guidance,
        "strength": None if edits and request.source is not None else request.strength,
    }
    for name, value in given.items():
        if value is not None:
            only = "" if edits else "makes pictures from words only, and "
            raise refuse(deployment, name, f"{only}has no such field")
    found: dict[str, Any] = {
        "model": deployment.upstream,
        "prompt": request.prompt,
        "n": request.n,
    }
    if request.width and request.height:
        found["size"] = f"{request.width}x{request.height}"
    if request.user:
        found["user"] = request.user
    strength = 1.0 if request.strength is None else request.strength
    if request.source is not None and strength <= _FAITHFUL:
        found["input_fidelity"] = "high"
    if deployment.upstream.startswith("dall-e"):
        found["response_format"] = (
            "b64_json"  # newer models send nothing else, and refuse the field
        )
    else:
        found["output_format"] = "png"
    return found


def form(body: dict[str, Any], source: bytes, mask: bytes | None) -> Form:
    """Return the form of an edit: what is marked in ``mask`` becomes its transparent part."""
    from PIL import Image, ImageChops

    files = {"image": source}
    if mask is not None:
        marked = Image.open(io.BytesIO(mask)).convert("L")
        cover = Image.new("RGBA", marked.size, (0, 0, 0, 255))
        cover.putalpha(ImageChops.invert(marked))
        buffer = io.BytesIO()
        cover.save(buffer, "PNG")
        files["mask"] = buffer.getvalue()
    return Form({name: str(value) for name, value in body.items()}, files)


def events(found: Pictures, request: ImageRequest, model: str) -> Sequence[ImageEvent]:
    """Return what came as events.

    Raises:
        UnreadableError: A picture is missing or is none.
    """
    pictures = [_decoded(picture) for picture in found.data]
    if not pictures:
        raise UnreadableError
    sizes = [_png_size(data) for data in pictures]
    made = [
        ImageMade(at, data, None, *size, revised_prompt=picture.revised_prompt or "")
        for at, (picture, data, size) in enumerate(zip(found.data, pictures, sizes, strict=True))
    ]
    pixels = sum(width * height for width, height in sizes)
    tokens = found.usage.input_tokens if found.usage else 0
    usage = ImageUsage(len(made), 0, pixels, tokens)
    return (ImagesStart(model, *sizes[0], 0, request.seed or 0), *made, ImagesStop(usage))


def _decoded(picture: _Picture) -> bytes:
    try:
        return base64.b64decode(picture.b64_json or "", validate=True)
    except (ValueError, binascii.Error):
        raise UnreadableError from None


def _png_size(data: bytes) -> tuple[int, int]:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        raise UnreadableError
    width, height = struct.unpack(">II", data[16:24])
    return width, height
