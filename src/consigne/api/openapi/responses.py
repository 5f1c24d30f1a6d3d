"""What ``/v1/responses`` answers, as its OpenAPI document says it; tests hold answers to it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from consigne.api.openapi.marks import Marked
from consigne.api.openapi.openai import ChosenLogprob

Count = Annotated[int, Field(ge=0)]
ItemStatus = Literal["in_progress", "completed", "incomplete"]


class InputTokensDetails(BaseModel):
    """How many of the prompt's tokens the prefix cache had."""

    cached_tokens: Count
    cache_write_tokens: Count


class ReasoningTokensDetails(BaseModel):
    """How many of the answer's tokens were reasoning."""

    reasoning_tokens: Count


class ResponseUsage(BaseModel):
    """Tokens."""

    input_tokens: Count
    input_tokens_details: InputTokensDetails
    output_tokens: Count
    output_tokens_details: ReasoningTokensDetails
    total_tokens: Count


class FileCitation(BaseModel):
    """A file that the text before ``index`` rests on."""

    type: Literal["file_citation"]
    index: Count
    file_id: str
    filename: str


class UrlCitation(BaseModel):
    """A page of the web that the text rests on, where it names it."""

    type: Literal["url_citation"]
    start_index: Count
    end_index: Count
    url: str
    title: str


AnswerNote = Annotated[FileCitation | UrlCitation, Field(discriminator="type")]


class OutputTextPart(BaseModel):
    """Text that the model wrote."""

    type: Literal["output_text"]
    text: str
    annotations: list[AnswerNote]
    logprobs: list[ChosenLogprob]


class ReasoningTextPart(BaseModel):
    """What the model wrote to itself."""

    type: Literal["reasoning_text"]
    text: str


class SummaryTextPart(BaseModel):
    """The same, where `reasoning.summary` asks for it in this form."""

    type: Literal["summary_text"]
    text: str


class OutputMessage(BaseModel):
    """What the model wrote."""

    type: Literal["message"]
    id: str
    role: Literal["assistant"]
    content: list[OutputTextPart]
    status: ItemStatus


class OutputReasoning(BaseModel):
    """What the model wrote to itself."""

    type: Literal["reasoning"]
    id: str
    summary: list[SummaryTextPart]
    content: list[ReasoningTextPart]
    status: ItemStatus
    encrypted_content: str | None


class OutputFunctionCall(BaseModel):
    """A function that the model wants called."""

    type: Literal["function_call"]
    id: str
    call_id: str
    name: str
    namespace: str | None = None
    arguments: str
    status: ItemStatus


class OutputCustomCall(BaseModel):
    """A custom tool that the model wants called."""

    type: Literal["custom_tool_call"]
    id: str
    call_id: str
    name: str
    namespace: str | None = None
    input: str
    status: ItemStatus


class ImageError(BaseModel):
    """Why there is no picture."""

    type: Literal["image_generation_error"]
    code: str
    message: str
    param: None


class ImageGenerationCall(BaseModel):
    """A picture that the model had made; ``result`` is the file in base 64."""

    type: Literal["image_generation_call"]
    id: str
    status: Literal["in_progress", "completed", "failed"]
    result: str | None
    revised_prompt: str | None
    action: Literal["generate", "edit"]
    background: Literal["opaque"]
    output_format: Literal["png", "webp", "jpeg"]
    quality: str
    size: str
    error: ImageError | None = None


class SearchSource(BaseModel):
    """A page that was found."""

    type: Literal["url"]
    url: str


class SearchAction(BaseModel):
    """What was looked for; `sources` where `include` asks for them."""

    type: Literal["search"]
    query: str
    queries: list[str]
    sources: list[SearchSource] | None = None


class WebSearchCall(BaseModel):
    """A search of the web."""

    type: Literal["web_search_call"]
    id: str
    status: Literal["in_progress", "completed", "failed"]
    action: SearchAction


class McpTool(BaseModel):
    """A tool of a server."""

    name: str
    description: str
    input_schema: dict[str, Any]
    annotations: dict[str, Any]


class McpListTools(BaseModel):
    """What a server of tools has told of them."""

    type: Literal["mcp_list_tools"]
    id: str
    server_label: str
    tools: list[McpTool]
    error: None


class McpFailure(BaseModel):
    """What a server said when it failed."""

    type: Literal["mcp_tool_execution_error"]
    content: list[dict[str, Any]]


class McpCall(BaseModel):
    """A call of a server's tool."""

    type: Literal["mcp_call"]
    id: str
    status: Literal["in_progress", "completed", "failed"]
    approval_request_id: None
    server_label: str
    name: str
    arguments: str
    output: str | None
    error: McpFailure | None


OutputItem = Annotated[
    OutputMessage
    | OutputReasoning
    | OutputFunctionCall
    | OutputCustomCall
    | ImageGenerationCall
    | WebSearchCall
    | McpListTools
    | McpCall,
    Field(discriminator="type"),
]


class ResponseError(BaseModel):
    """Why the response failed."""

    code: Literal["rate_limit_exceeded", "server_error", "invalid_prompt"]
    message: str
    param: str | None
    type: str


class IncompleteDetails(BaseModel):
    """Why the response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ConversationRef(BaseModel):
    """The conversation that the response is part of."""

    id: str


class ReasoningOut(BaseModel):
    """How much reasoning was asked for."""

    effort: str | None
    summary: str | None


class TextOut(BaseModel):
    """The form of the answer's text."""

    format: dict[str, Any]
    verbosity: str


class Response(Marked):
    """A response: every field is there, null or not."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: bool
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    previous_response_id: str | None
    conversation: ConversationRef | None
    prompt: None
    prompt_cache_key: str | None
    prompt_cache_retention: str | None
    prompt_cache_options: None
    prompt_cache_diagnostics: None
    reasoning: ReasoningOut
    safety_identifier: str | None
    service_tier: Literal["default"]
    store: bool
    temperature: float | None
    text: TextOut
    tool_choice: str | dict[str, Any]
    tool_usage: None
    tools: list[dict[str, Any]]
    top_logprobs: Count
    top_p: float | None
    truncation: Literal["auto", "disabled"]
    usage: ResponseUsage | None
    user: str | None
    metadata: dict[str, str]
    access_programs: None
    image: None
    input_transformations: None
    moderation: None
