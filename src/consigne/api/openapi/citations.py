"""What a text of the Anthropic dialect rests on, as the OpenAPI document says it."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class _Cited(BaseModel):
    cited_text: str
    document_index: int = Field(ge=0)
    document_title: str | None
    file_id: str | None


class CharLocation(_Cited):
    """A passage of a document of text."""

    type: Literal["char_location"]
    start_char_index: int = Field(ge=0)
    end_char_index: int = Field(ge=0)


class PageLocation(_Cited):
    """A passage on pages of a document."""

    type: Literal["page_location"]
    start_page_number: int = Field(ge=1)
    end_page_number: int = Field(ge=2)


class ContentBlockLocation(_Cited):
    """A block of a document that was given in blocks."""

    type: Literal["content_block_location"]
    start_block_index: int = Field(ge=0)
    end_block_index: int = Field(ge=1)


class SearchResultLocation(BaseModel):
    """A block of a search result."""

    type: Literal["search_result_location"]
    cited_text: str
    search_result_index: int = Field(ge=0)
    source: str
    title: str | None
    start_block_index: int = Field(ge=0)
    end_block_index: int = Field(ge=1)


class WebSearchResultLocation(BaseModel):
    """A page that a search of the web found."""

    type: Literal["web_search_result_location"]
    cited_text: str
    encrypted_index: str
    title: str | None
    url: str


AnswerCitation = Annotated[
    CharLocation
    | PageLocation
    | ContentBlockLocation
    | SearchResultLocation
    | WebSearchResultLocation,
    Field(discriminator="type"),
]
