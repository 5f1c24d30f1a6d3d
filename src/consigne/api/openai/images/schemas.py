"""What clients send to ``/v1/images`` (API reference, Images), and what is taken beyond it."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from consigne.api.limits import SIZE, Body
from consigne.engines.drawing import (
    MOST_GUIDANCE,
    MOST_PARTIALS,
    MOST_PICTURES,
    MOST_PROMPT,
    MOST_STEPS,
)

Size = Annotated[str, Field(pattern=SIZE)]
Quality = Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"]
Format = Literal["png", "webp", "jpeg"]


class Drawing(Body):
    """What all ways to a picture have in common."""

    model: str | None = Field(default=None, max_length=256)
    n: int | None = Field(default=None, ge=1, le=MOST_PICTURES)
    size: Size | None = None
    response_format: Literal["url", "b64_json"] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    """Beyond OpenAI's own, as are the following."""
    steps: int | None = Field(default=None, ge=1, le=MOST_STEPS)
    guidance: float | None = Field(default=None, ge=0, le=MOST_GUIDANCE)
    negative_prompt: str | None = Field(default=None, max_length=MOST_PROMPT)


class Prompted(Drawing):
    """A picture from words, perhaps with others beside them."""

    prompt: str = Field(min_length=1, max_length=MOST_PROMPT)
    quality: Quality | None = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    output_format: Format | None = None
    output_compression: int | None = Field(default=None, ge=0, le=100)
    stream: bool | None = None
    partial_images: int | None = Field(default=None, ge=0, le=MOST_PARTIALS)


class GenerationBody(Prompted):
    """The body of ``POST /v1/images/generations``."""

    moderation: Literal["auto", "low"] | None = None
    style: Literal["vivid", "natural"] | None = None


class EditFields(Prompted):
    """The form's fields of ``POST /v1/images/edits``, beside its pictures."""

    input_fidelity: Literal["high", "low"] | None = None
    strength: float | None = Field(default=None, ge=0, le=1)
    """Beyond OpenAI's own: how much of the picture is given up."""


class VariationFields(Drawing):
    """The form's fields of ``POST /v1/images/variations``, beside its picture."""

    strength: float | None = Field(default=None, ge=0, le=1)


generation_adapter: TypeAdapter[GenerationBody] = TypeAdapter(GenerationBody)
edit_adapter: TypeAdapter[EditFields] = TypeAdapter(EditFields)
variation_adapter: TypeAdapter[VariationFields] = TypeAdapter(VariationFields)
