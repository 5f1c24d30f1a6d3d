"""What the Anthropic dialect answers, as its OpenAPI document says it; tests hold answers to it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel

from consigne.api.openapi.blocks import AnswerBlock
from consigne.api.openapi.citations import AnswerCitation
from consigne.api.openapi.marks import Marked

StopReason = Literal[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
]


class AnthropicErrorDetail(BaseModel):
    """What went wrong."""

    type: Literal[
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "request_too_large",
        "rate_limit_error",
        "overloaded_error",
        "api_error",
    ]
    message: str
    details: dict[str, Any] | None = Field(None, description="Its `error_code` names the cause.")


class AnthropicError(BaseModel):
    """An error."""

    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str


class OutputTokensDetails(BaseModel):
    """What the tokens of an answer were for."""

    thinking_tokens: int = Field(ge=0)


class CacheCreation(BaseModel):
    """Tokens written to the prefix cache, by the lifetime that was asked for."""

    ephemeral_5m_input_tokens: int = Field(ge=0)
    ephemeral_1h_input_tokens: int = Field(ge=0)


class ServerToolUsage(BaseModel):
    """How often tools were run here."""

    web_search_requests: int = Field(ge=0)
    web_fetch_requests: int = Field(ge=0)


class DeltaUsage(BaseModel):
    """Tokens; the prompt's are parted by whether the prefix cache had them."""

    input_tokens: int = Field(ge=0)
    cache_creation_input_tokens: int = Field(ge=0)
    cache_read_input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    output_tokens_details: OutputTokensDetails
    server_tool_use: ServerToolUsage | None = Field(
        None, description="Where the request has the tool `web_search` or `web_fetch`."
    )


class MessageUsage(DeltaUsage):
    """Tokens, and what was done for them."""

    cache_creation: CacheCreation
    service_tier: Literal["standard"]


class AppliedEdit(BaseModel):
    """What one edit of ``context_management`` cleared."""

    type: Literal["clear_tool_uses_20250919", "clear_thinking_20251015"]
    cleared_input_tokens: int = Field(ge=0)
    cleared_tool_uses: int | None = Field(None, ge=0)
    cleared_thinking_turns: int | None = Field(None, ge=0)


class AppliedEdits(BaseModel):
    """What ``context_management`` did, where it was asked for."""

    applied_edits: list[AppliedEdit]


class CacheMissReason(BaseModel):
    """Why the cache was missed: that is not told here."""

    type: Literal["unavailable"]


class MessageDiagnostics(BaseModel):
    """What was learnt of the cache, where it was asked for."""

    cache_miss_reason: CacheMissReason


class AnthropicMessage(Marked):
    """An answer."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[AnswerBlock]
    container: None
    stop_reason: StopReason | None
    stop_sequence: str | None
    stop_details: None
    usage: MessageUsage
    context_management: AppliedEdits | None = None
    diagnostics: MessageDiagnostics | None = None


class MessageStartEvent(BaseModel):
    """The answer begins."""

    type: Literal["message_start"]
    message: AnthropicMessage


class BlockStartEvent(BaseModel):
    """A block begins."""

    type: Literal["content_block_start"]
    index: int = Field(ge=0)
    content_block: AnswerBlock


class TextDeltaPart(BaseModel):
    """More text."""

    type: Literal["text_delta"]
    text: str


class ThinkingDeltaPart(BaseModel):
    """More thinking."""

    type: Literal["thinking_delta"]
    thinking: str


class SignatureDeltaPart(BaseModel):
    """The signature of a thinking block."""

    type: Literal["signature_delta"]
    signature: str


class CitationsDeltaPart(BaseModel):
    """One more citation."""

    type: Literal["citations_delta"]
    citation: AnswerCitation


class InputDeltaPart(BaseModel):
    """More of a tool call's input, as JSON text."""

    type: Literal["input_json_delta"]
    partial_json: str


class BlockDeltaEvent(BaseModel):
    """More of a block."""

    type: Literal["content_block_delta"]
    index: int = Field(ge=0)
    delta: Annotated[
        TextDeltaPart
        | ThinkingDeltaPart
        | SignatureDeltaPart
        | CitationsDeltaPart
        | InputDeltaPart,
        Field(discriminator="type"),
    ]


class BlockStopEvent(BaseModel):
    """A block is whole."""

    type: Literal["content_block_stop"]
    index: int = Field(ge=0)


class StopDelta(BaseModel):
    """Why the answer ends."""

    container: None
    stop_reason: StopReason | None
    stop_sequence: str | None
    stop_details: None


class MessageDeltaEvent(BaseModel):
    """How the answer ends, with its final usage."""

    type: Literal["message_delta"]
    delta: StopDelta
    usage: DeltaUsage
    context_management: AppliedEdits | None = None


class MessageStopEvent(BaseModel):
    """The answer is whole."""

    type: Literal["message_stop"]


class PingEvent(BaseModel):
    """The answer is still coming."""

    type: Literal["ping"]


class MessageStreamEvent(
    RootModel[
        Annotated[
            MessageStartEvent
            | BlockStartEvent
            | BlockDeltaEvent
            | BlockStopEvent
            | MessageDeltaEvent
            | MessageStopEvent
            | PingEvent
            | AnthropicError,
            Field(discriminator="type"),
        ]
    ]
):
    """One event of a streamed answer; ``event:`` names its type too."""


class OriginalTokens(BaseModel):
    """How many there were before ``context_management``, where it was asked for."""

    original_input_tokens: int = Field(ge=0)


class TokenCount(BaseModel):
    """How many tokens a prompt has."""

    input_tokens: int = Field(ge=0)
    context_management: OriginalTokens | None = None


class AnthropicModel(BaseModel):
    """A model."""

    type: Literal["model"]
    id: str
    display_name: str
    created_at: datetime
    lifecycle: Literal["active"]
    line: None
    deprecated_at: None
    retires_at: None
    max_input_tokens: int | None
    max_tokens: int | None
    capabilities: dict[str, Any] | None


class AnthropicModels(BaseModel):
    """A page of models."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None
