"""Draw through the running server, or with the engine in this process if there is none."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec

from consigne.cli.client import running_server
from consigne.cli.serve import ServerFile
from consigne.domain.errors import EngineFailed, InvalidRequest, from_code
from consigne.domain.ids import new_id
from consigne.domain.images import (
    ImageMade,
    ImageProgress,
    ImageRequest,
    ImagesStart,
    PictureFormat,
)
from consigne.settings import Settings

_STEP = re.compile(r": step (\d+) of (\d+) of picture (\d+)")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    prompt: str
    form: str
    model: str = ""
    n: int = 1
    seed: int | None = None
    size: str = ""
    steps: int | None = None
    guidance: float | None = None
    negative: str = ""
    source: bytes | None = None
    mask: bytes | None = None
    strength: float | None = None


class Step(msgspec.Struct, frozen=True):
    """A denoising step is done."""

    index: int
    step: int
    steps: int


class Drawn(msgspec.Struct, frozen=True):
    """A picture's file."""

    index: int
    data: bytes


class Notice(msgspec.Struct, frozen=True):
    """What the reader should know beside the picture."""

    text: str


def draw(settings: Settings, order: Order) -> AsyncIterator[Step | Drawn | Notice]:
    """Draw, and tell how far it has come.

    Raises:
        ConsigneError: It can't be drawn, and why.
    """
    if server := running_server(settings.data_dir):
        return _remote(server, order)
    return _local(settings, order)


async def _local(settings: Settings, order: Order) -> AsyncIterator[Step | Drawn | Notice]:
    from contextlib import aclosing

    from consigne.business.pictures import Marker, Output
    from consigne.domain import sources
    from consigne.engines.library import BUILT_IN, ModelLibrary
    from consigne.engines.pool import EnginePool
    from consigne.gateway.gateway import Gateway
    from consigne.gateway.image_notices import notice
    from consigne.gateway.opening import open_providers
    from consigne.provenance.signing import Origin

    marker, output = Marker(settings), Output(cast("PictureFormat", order.form))
    async with open_providers(settings) as providers:
        pool = EnginePool(settings.engine)
        try:
            library = ModelLibrary(settings.models_dir, BUILT_IN)
            gateway = Gateway(settings.models, library, pool, providers)
            model = gateway.resolve(order.model, "image").id
            async with aclosing(gateway.draw(_request(order, model))) as events:  # type: ignore[type-var]
                async for event in events:
                    match event:
                        case ImagesStart() if said := notice(event, event.language):
                            yield Notice(said)
                        case ImageProgress():
                            yield Step(event.index, event.step, event.steps)
                        case ImageMade():
                            edited = order.source is not None
                            origin = Origin(new_id("img"), model, sources.now(), edited=edited)
                            yield Drawn(event.index, marker.mark(event.data, output, origin))
                        case _:
                            pass
        finally:
            await pool.close()


def _request(order: Order, model: str) -> ImageRequest:
    from consigne.api.openai.images.routes import read_pictures

    width, _, height = order.size.partition("x")
    source = hole = None
    if order.source is not None:
        source, hole = read_pictures(order.source, order.mask)
    return ImageRequest(
        model=model,
        prompt=order.prompt,
        negative_prompt=order.negative,
        n=order.n,
        width=int(width) if width else None,
        height=int(height) if height else None,
        seed=order.seed,
        steps=order.steps,
        guidance=order.guidance,
        source=source,
        mask=hole,
        strength=order.strength,
    )


async def _remote(server: ServerFile, order: Order) -> AsyncIterator[Step | Drawn | Notice]:
    import httpx

    fields = _fields(order)
    headers = {"authorization": f"Bearer {server.key}"}
    timeout = httpx.Timeout(10.0, read=None)
    sent: dict[str, Any] = {"json": fields}
    path = "/v1/images/generations"
    if order.source is not None:
        path = "/v1/images/edits"
        files = {"image": ("image", order.source)}
        if order.mask is not None:
            files["mask"] = ("mask", order.mask)
        form = {
            name: str(value).lower() if value is True else value for name, value in fields.items()
        }
        sent = {"data": form, "files": files}
    index = 0
    try:
        async with (
            httpx.AsyncClient(
                base_url=server.url, headers=headers, timeout=timeout, trust_env=False
            ) as http,
            http.stream("POST", path, **sent) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise _refusal(await response.aread(), response.status_code)
            async for line in response.aiter_lines():
                if found := _STEP.match(line):
                    yield Step(int(found[3]) - 1, int(found[1]), int(found[2]))
                elif line.startswith("data: "):
                    event = msgspec.json.decode(line.removeprefix("data: "), type=dict[str, Any])
                    if "error" in event:
                        raise _told(event["error"], 500)
                    if str(event.get("type")).endswith(".completed"):
                        yield Drawn(index, base64.b64decode(event["b64_json"]))
                        index += 1
                        if index == order.n and event.get("notice"):
                            yield Notice(event["notice"])
    except httpx.TransportError as error:
        raise EngineFailed(
            f"The connection to the server broke ({type(error).__name__}). Try again."
        ) from None
    if index < order.n:
        raise EngineFailed("The server ended before the pictures were whole. Try again.")


def _fields(order: Order) -> dict[str, Any]:
    found: dict[str, Any] = {
        "prompt": order.prompt,
        "model": order.model or None,
        "n": order.n,
        "size": order.size or None,
        "seed": order.seed,
        "steps": order.steps,
        "guidance": order.guidance,
        "negative_prompt": order.negative or None,
        "output_format": order.form,
        "stream": True,
        "strength": order.strength if order.source is not None else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _refusal(body: bytes, status: int) -> Exception:
    try:
        return _told(msgspec.json.decode(body)["error"], status)
    except (msgspec.MsgspecError, KeyError, TypeError):
        return EngineFailed(f"The server answered with status {status}.")


def _told(error: dict[str, Any], status: int) -> Exception:
    message = str(error.get("message", ""))
    known = from_code(str(error.get("code") or ""), message)
    return InvalidRequest(message) if isinstance(known, EngineFailed) and status < 500 else known
