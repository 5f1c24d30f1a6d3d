"""Answers and forms of ``/v1/images``, for the OpenAPI document and the tests that hold to it."""

from typing import Literal

from pydantic import BaseModel, RootModel

from consigne.api.openai.images.schemas import EditFields, VariationFields
from consigne.api.openapi.stored import Binary


class Picture(BaseModel):
    """One picture: its content, or the address that it has for a while."""

    id: str
    seed: int | None
    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None


class TokenDetails(BaseModel):
    """What the tokens read are of."""

    text_tokens: int
    image_tokens: int


class ImageCounts(BaseModel):
    """What the making used; steps and pixels are what it costs, output has no tokens."""

    input_tokens: int
    input_tokens_details: TokenDetails
    output_tokens: int
    total_tokens: int
    images: int
    steps: int
    pixels: int


class Pictures(BaseModel):
    """Pictures, whole."""

    created: int
    data: list[Picture]
    background: str
    output_format: str
    quality: str
    size: str
    usage: ImageCounts
    model: str
    confidence: float | None
    """How sure the model is to know what was asked for; null where it can't tell."""
    notice: str | None
    """What the reader should know: that the instruction is beyond the model, say."""


class ImagePartial(BaseModel):
    """A picture's unfinished state."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    b64_json: str
    partial_image_index: int
    created_at: int
    size: str
    output_format: str
    background: str
    quality: str


class ImageCompleted(BaseModel):
    """A picture, whole."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    b64_json: str
    created_at: int
    size: str
    output_format: str
    background: str
    quality: str
    usage: ImageCounts
    id: str
    seed: int | None
    model: str
    confidence: float | None
    notice: str | None


class ImageStreamEvent(RootModel[ImagePartial | ImageCompleted]):
    """The data of one event."""


class ImageEditForm(EditFields):
    """A picture, what is to become of it, and perhaps where."""

    image: Binary
    mask: Binary | None = None


class ImageVariationForm(VariationFields):
    """A picture to vary."""

    image: Binary
