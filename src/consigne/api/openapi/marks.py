"""The mark of generated text in answers, as the document describes it."""

from typing import Literal

from pydantic import BaseModel, Field


class AiDisclosure(BaseModel):
    """Says that a machine wrote the answer."""

    mode: Literal["machine-generated"]
    provider: str
    digital_source_type: str


class Marked(BaseModel):
    """An answer that a model wrote, where the operator has bodies marked."""

    ai_disclosure: AiDisclosure | None = Field(
        None, description="Where the operator's `provenance.text_marks` has `body`."
    )
