"""What the OpenAI dialect answers, as its OpenAPI document says it; tests hold answers to it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, RootModel, Tag


class OpenAIErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error."""

    error: OpenAIErrorDetail


class CompletionUsage(BaseModel):
    """Tokens."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class CalledFunctionOut(BaseModel):
    """A function and its arguments, as JSON text."""

    name: str
    arguments: str


class ToolCallOut(BaseModel):
    """A tool that the model wants called."""

    id: str
    type: Literal["function"]
    function: CalledFunctionOut


class ChatAnswer(BaseModel):
    """What the model wrote."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallOut] | None = None


class TokenLogprobOut(BaseModel):
    """The log-probability of a token."""

    token: str
    logprob: float
    bytes: list[int] | None


class ChosenLogprob(TokenLogprobOut):
    """That of the token chosen, beside those likeliest."""

    top_logprobs: list[TokenLogprobOut]


class Logprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    content: list[ChosenLogprob] | None


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class ChatChoice(BaseModel):
    """One of the answers."""

    index: int = Field(ge=0)
    message: ChatAnswer
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(BaseModel):
    """Answers to a chat."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Annotated[list[ChatChoice], Field(min_length=1)]
    usage: CompletionUsage


class ToolCallDelta(BaseModel):
    """More of a tool call."""

    index: int = Field(ge=0)
    id: str | None = None
    type: Literal["function"] | None = None
    function: dict[str, str] | None = None


class ChatDelta(BaseModel):
    """More of an answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(BaseModel):
    """More of one of the answers."""

    index: int = Field(ge=0)
    delta: ChatDelta
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class ChatChunk(BaseModel):
    """One piece of streamed answers."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None


def _chunk_kind(value: Any) -> str:
    return "error" if isinstance(value, dict) and "error" in value else "chunk"


class ChatStreamEvent(
    RootModel[
        Annotated[
            Annotated[ChatChunk, Tag("chunk")] | Annotated[OpenAIError, Tag("error")],
            Discriminator(_chunk_kind),
        ]
    ]
):
    """The data of one event of a streamed answer; the last is the text ``[DONE]``."""


class CompletionLogprobs(BaseModel):
    """The log-probabilities of a text's tokens, in lists of one length."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[Annotated[int, Field(ge=0)]]


class CompletionChoice(BaseModel):
    """One of the answers, or more of it."""

    index: int = Field(ge=0)
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class TextCompletion(BaseModel):
    """Answers to texts, or a piece of them."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[CompletionChoice]
    usage: CompletionUsage | None = None


class CompletionStreamEvent(
    RootModel[
        Annotated[
            Annotated[TextCompletion, Tag("chunk")] | Annotated[OpenAIError, Tag("error")],
            Discriminator(_chunk_kind),
        ]
    ]
):
    """The data of one event of a streamed completion; the last is the text ``[DONE]``."""


class NoModeration(BaseModel):
    """Nothing is ever answered but an error: there is no moderation model."""


class ResponseUsage(BaseModel):
    """Tokens."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)
    input_tokens_details: dict[str, int]
    output_tokens_details: dict[str, int]


class OutputItem(BaseModel):
    """A message, a reasoning, a function call…: fields as its type has them."""

    type: str
    id: str


class ImageGenerationCall(BaseModel):
    """A picture that the model had made: an item of a response."""

    type: Literal["image_generation_call"]
    id: str
    status: Literal["in_progress", "completed", "failed"]
    result: str | None
    """The file in base 64."""
    revised_prompt: str | None
    action: Literal["generate", "edit"]
    background: Literal["opaque"]
    output_format: Literal["png", "webp", "jpeg"]
    quality: str
    size: str
    error: dict[str, str] | None = None


class Response(BaseModel):
    """A response: every field is there, null or not."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: bool | None
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    instructions: str | list[Any] | None
    max_output_tokens: int | None
    model: str
    output: list[ImageGenerationCall | OutputItem]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: dict[str, Any] | None
    store: bool
    temperature: float | None
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_p: float | None
    truncation: Literal["auto", "disabled"] | None
    usage: ResponseUsage | None
    metadata: dict[str, str]


class ResponseStreamEvent(BaseModel):
    """One event of a streamed response; ``event:`` names its type too."""

    type: Annotated[str, Field(pattern=r"^(response\.[a-z_.]+|error)$")]
    sequence_number: int = Field(ge=0)
    response: Response | None = None


class Vector(BaseModel):
    """A text's vector: numbers, or 32-bit floats in base 64."""

    object: Literal["embedding"]
    index: int = Field(ge=0)
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Tokens."""

    prompt_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)


class EmbeddingList(BaseModel):
    """The vectors of texts."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: EmbeddingsUsage


class OpenAIModel(BaseModel):
    """A model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class OpenAIModels(BaseModel):
    """All models."""

    object: Literal["list"]
    data: list[OpenAIModel]
