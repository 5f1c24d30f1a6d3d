"""From the dialect's words to a request for pictures."""

import math
from typing import Any, Final

from consigne.api.openai.images.schemas import (
    Drawing,
    EditFields,
    GenerationBody,
    Prompted,
    VariationFields,
)
from consigne.api.openai.shared import refuse
from consigne.business.pictures import Output
from consigne.domain.images import ImageRequest

_EFFORT: Final = {
    "auto": 1.0,
    "medium": 1.0,
    "standard": 1.0,
    "low": 0.5,
    "high": 2.0,
    "hd": 2.0,
    "xhigh": 3.0,
    "max": 4.0,
}
"""What a quality means: a share of the steps that the model takes by itself."""
_VARIATION_STRENGTH: Final = 0.6
_NUMBERS: Final = {
    "n": int,
    "seed": int,
    "steps": int,
    "output_compression": int,
    "partial_images": int,
    "guidance": float,
    "strength": float,
}
_BOOLEANS: Final = {"true": True, "false": False}


def generation(body: GenerationBody, model: str) -> ImageRequest:
    """Return what a body asks for.

    Raises:
        InvalidField: A transparent background is wanted.
    """
    return _prompted(body, model)


def edit(fields: EditFields, model: str, source: bytes, mask: bytes | None) -> ImageRequest:
    """Return what a form asks for.

    Raises:
        InvalidField: A transparent background is wanted.
    """
    strength = fields.strength
    if strength is None and fields.input_fidelity is not None:
        strength = 0.4 if fields.input_fidelity == "high" else 0.8
    return _prompted(fields, model, source=source, mask=mask, strength=strength)


def variation(fields: VariationFields, model: str, source: bytes) -> ImageRequest:
    """Return what a form asks for."""
    strength = _VARIATION_STRENGTH if fields.strength is None else fields.strength
    return ImageRequest(prompt="", source=source, strength=strength, **_common(fields, model))


def output(body: Prompted) -> Output:
    """Return the form that the pictures are wanted in.

    Raises:
        InvalidField: The form can't be compressed.
    """
    kind = body.output_format or "png"
    if body.output_compression is not None and kind == "png":
        refuse("output_compression", "PNG loses nothing; choose 'webp' or 'jpeg' to compress")
    return Output(kind, body.output_compression)


def typed(fields: dict[str, str]) -> dict[str, Any]:
    """Return a form's fields with the types that the schema wants; what is wrong stays text."""
    found: dict[str, Any] = dict(fields)
    for name, text in fields.items():
        if kind := _NUMBERS.get(name):
            try:
                number = kind(text) if len(text) < 25 else text
            except ValueError:
                continue
            found[name] = (
                text if isinstance(number, float) and not math.isfinite(number) else number
            )
        elif name == "stream":
            found[name] = _BOOLEANS.get(text.lower(), text)
    return found


def _prompted(body: Prompted, model: str, **more: Any) -> ImageRequest:
    if body.background == "transparent":
        refuse("background", "pictures have an opaque background here", "unsupported")
    return ImageRequest(
        prompt=body.prompt,
        effort=_EFFORT[body.quality or "auto"],
        partials=(body.partial_images or 0) if body.stream else 0,
        **_common(body, model),
        **more,
    )


def _common(body: Drawing, model: str) -> dict[str, Any]:
    width, height = _size(body.size)
    return {
        "model": model,
        "n": body.n or 1,
        "width": width,
        "height": height,
        "seed": body.seed,
        "steps": body.steps,
        "guidance": body.guidance,
        "negative_prompt": body.negative_prompt or "",
        "user": body.safety_identifier or body.user,
    }


def _size(text: str | None) -> tuple[int | None, int | None]:
    if text is None or text == "auto":
        return None, None
    width, _, height = text.partition("x")
    return int(width), int(height)
