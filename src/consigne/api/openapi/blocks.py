"""The blocks of the Anthropic dialect's answers, as its OpenAPI document says them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from consigne.api.fetch_calls import Trouble
from consigne.api.openapi.citations import AnswerCitation


class AnswerText(BaseModel):
    """Text that the model wrote."""

    type: Literal["text"]
    text: str
    citations: list[AnswerCitation] | None


class AnswerThinking(BaseModel):
    """What the model wrote to itself."""

    type: Literal["thinking"]
    thinking: str
    signature: str


class AnswerRedactedThinking(BaseModel):
    """What a model elsewhere wrote to itself and lets nobody read."""

    type: Literal["redacted_thinking"]
    data: str


class AnswerToolUse(BaseModel):
    """A tool that the model wants called."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any]


class AnswerServerToolUse(BaseModel):
    """A tool that was run here for the model."""

    type: Literal["server_tool_use"]
    id: str
    name: Literal["image_generation", "web_fetch", "web_search"]
    input: dict[str, Any]


class AnswerSource(BaseModel):
    """A file's content."""

    type: Literal["base64"]
    media_type: str
    data: str


class AnswerImage(BaseModel):
    """A picture."""

    type: Literal["image"]
    source: AnswerSource


class AnswerImageError(BaseModel):
    """Why there is no picture."""

    type: Literal["image_generation_tool_result_error"]
    error_code: Literal["invalid_tool_input", "unavailable"]
    message: str


class AnswerImageResult(BaseModel):
    """What came of a picture that the model wanted."""

    type: Literal["image_generation_tool_result"]
    tool_use_id: str
    content: list[AnswerImage] | AnswerImageError


class AnswerWebPage(BaseModel):
    """A page that was found; `encrypted_content` is packed, not encrypted."""

    type: Literal["web_search_result"]
    title: str
    url: str
    encrypted_content: str
    page_age: str | None


class AnswerSearchError(BaseModel):
    """Why nothing was looked for."""

    type: Literal["web_search_tool_result_error"]
    error_code: Literal["invalid_tool_input", "query_too_long", "max_uses_exceeded", "unavailable"]


class AnswerSearchResult(BaseModel):
    """What a search of the web found."""

    type: Literal["web_search_tool_result"]
    tool_use_id: str
    content: list[AnswerWebPage] | AnswerSearchError


class AnswerPageText(BaseModel):
    """The text of a page."""

    type: Literal["text"]
    media_type: Literal["text/plain"]
    data: str


class AnswerPageCitations(BaseModel):
    """Whether the answer cites it."""

    enabled: bool


class AnswerPageDocument(BaseModel):
    """What stands at an address: a page's text, or a PDF as it is."""

    type: Literal["document"]
    source: Annotated[AnswerPageText | AnswerSource, Field(discriminator="type")]
    title: str | None
    citations: AnswerPageCitations | None


class AnswerPage(BaseModel):
    """A page that was read."""

    type: Literal["web_fetch_result"]
    url: str
    content: AnswerPageDocument
    retrieved_at: str


class AnswerFetchError(BaseModel):
    """Why no page was read."""

    type: Literal["web_fetch_tool_result_error"]
    error_code: Trouble


class AnswerFetchResult(BaseModel):
    """What came of an address that the model named."""

    type: Literal["web_fetch_tool_result"]
    tool_use_id: str
    content: Annotated[AnswerPage | AnswerFetchError, Field(discriminator="type")]


class AnswerMcpUse(BaseModel):
    """A tool of one of the request's servers, called for the model."""

    type: Literal["mcp_tool_use"]
    id: str
    name: str
    server_name: str
    input: dict[str, Any]


class AnswerMcpText(BaseModel):
    """Text that a server answered."""

    type: Literal["text"]
    text: str
    citations: None


class AnswerMcpResult(BaseModel):
    """What the server answered."""

    type: Literal["mcp_tool_result"]
    tool_use_id: str
    is_error: bool
    content: list[AnswerMcpText]


AnswerBlock = Annotated[
    AnswerText
    | AnswerThinking
    | AnswerRedactedThinking
    | AnswerToolUse
    | AnswerServerToolUse
    | AnswerImageResult
    | AnswerSearchResult
    | AnswerFetchResult
    | AnswerMcpUse
    | AnswerMcpResult,
    Field(discriminator="type"),
]
