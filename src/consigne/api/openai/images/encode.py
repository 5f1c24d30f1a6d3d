"""From pictures to the dialect's answers and streams."""

import base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from consigne.api import errors, sse
from consigne.business.pictures import MakingEvent, PictureReady
from consigne.domain import sources
from consigne.domain.errors import ConsigneError
from consigne.domain.images import ImagePartial, ImageProgress, ImagesStart, ImagesStop, ImageUsage
from consigne.gateway.image_notices import notice

Kind = Literal["image_generation", "image_edit"]


class Made(msgspec.Struct):
    """Pictures of one request, as far as they have come."""

    start: ImagesStart | None = None
    pictures: list[PictureReady] = []
    usage: ImageUsage = ImageUsage()

    def add(self, event: MakingEvent) -> None:
        """Take the next event."""
        match event:
            case ImagesStart():
                self.start = event
            case PictureReady():
                self.pictures.append(event)
            case ImagesStop():
                self.usage = event.usage
            case ImageProgress() | ImagePartial():
                pass


def body(
    made: Made, urls: Sequence[str] | None, quality: str, output_format: str
) -> dict[str, Any]:
    """Return the answer; with ``urls`` it names the pictures' addresses instead of holding them."""
    data = []
    for at, ready in enumerate(made.pictures):
        picture: dict[str, Any] = {"id": ready.picture.id, "seed": ready.picture.seed}
        if urls is None:
            picture["b64_json"] = _text(ready.data)
        else:
            picture["url"] = urls[at]
        if ready.revised_prompt:
            picture["revised_prompt"] = ready.revised_prompt
        data.append(picture)
    start = made.start
    assert start is not None
    return {
        "created": int(sources.now().timestamp()),
        "data": data,
        "background": "opaque",
        "output_format": output_format,
        "quality": quality,
        "size": f"{start.width}x{start.height}",
        "usage": usage(made.usage),
        "model": start.model,
        "confidence": start.confidence,
        "notice": notice(start, start.language),
    }


def headers(start: ImagesStart) -> dict[str, str]:
    """Return headers that say how far the model knew what it drew."""
    found = {"x-consigne-image-model": start.model}
    if start.confidence is not None:
        found["x-consigne-image-confidence"] = f"{start.confidence:.3f}"
    if said := notice(start, "en"):
        # Headers are ASCII; what was left out is in the caller's own words.
        found["x-consigne-image-notice"] = said.encode("ascii", "replace").decode()
    return found


def usage(used: ImageUsage) -> dict[str, Any]:
    """Return the counts; what is made by steps and pixels has no output tokens."""
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"text_tokens": used.input_tokens, "image_tokens": 0},
        "output_tokens": 0,
        "total_tokens": used.input_tokens,
        "images": used.images,
        "steps": used.steps,
        "pixels": used.pixels,
    }


class StreamEncoder(sse.Encoder[MakingEvent]):
    """Writes the events of a stream: unfinished states, then each picture whole."""

    keep_alive = b": still drawing\n\n"

    def __init__(self, kind: Kind, quality: str, output_format: str) -> None:
        self._kind = kind
        self._about = {"background": "opaque", "quality": quality}
        self._format = output_format
        self._start: ImagesStart | None = None
        self._waiting: PictureReady | None = None

    def encode(self, event: MakingEvent) -> bytes:
        """Return the event's bytes; the last picture waits for the usage that it is sent with."""
        match event:
            case ImagesStart():
                self._start = event
                return self.keep_alive
            case ImageProgress():
                return b": step %d of %d of picture %d\n\n" % (
                    event.step,
                    event.steps,
                    event.index + 1,
                )
            case ImagePartial():
                return self._event(
                    "partial_image", event.data, "png", partial_image_index=event.number
                )
            case PictureReady():
                before, self._waiting = self._waiting, event
                return self._whole(before, ImageUsage()) if before else b""
            case ImagesStop():
                last, self._waiting = self._waiting, None
                return self._whole(last, event.usage) if last else b""

    def error(self, error: ConsigneError) -> bytes:
        """Return the bytes that end the stream with an error."""
        return sse.event("error", {"type": "error"} | errors.wire(error, "openai", ""))

    def _whole(self, ready: PictureReady, used: ImageUsage) -> bytes:
        assert self._start is not None
        return self._event(
            "completed",
            ready.data,
            self._format,
            usage=usage(used),
            id=ready.picture.id,
            seed=ready.picture.seed,
            model=self._start.model,
            confidence=self._start.confidence,
            notice=notice(self._start, self._start.language),
        )

    def _event(self, name: str, data: bytes, output_format: str, **more: Any) -> bytes:
        assert self._start is not None
        kind = f"{self._kind}.{name}"
        payload = {
            "type": kind,
            "b64_json": _text(data),
            "created_at": int(sources.now().timestamp()),
            "size": f"{self._start.width}x{self._start.height}",
            "output_format": output_format,
        }
        return sse.event(kind, payload | self._about | more)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
