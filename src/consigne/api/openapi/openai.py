"""What the OpenAI dialect answers, as its OpenAPI document says it; tests hold answers to it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, RootModel, Tag

from consigne.api.openapi.marks import Marked


class OpenAIErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: str | None
    code: str | None


class OpenAIError(BaseModel):
    """An error."""

    error: OpenAIErrorDetail


class PromptTokensDetails(BaseModel):
    """How many of the prompt's tokens the prefix cache had."""

    cached_tokens: int = Field(ge=0)


class CompletionTokensDetails(BaseModel):
    """How many of the answer's tokens were reasoning."""

    reasoning_tokens: int = Field(ge=0)


class CompletionUsage(BaseModel):
    """Tokens."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    total_tokens: int = Field(ge=0)
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class CalledFunctionOut(BaseModel):
    """A function and its arguments, as JSON text."""

    name: str
    arguments: str


class ToolCallOut(BaseModel):
    """A tool that the model wants called."""

    id: str
    type: Literal["function"]
    function: CalledFunctionOut


class CalledCustomOut(BaseModel):
    """A custom tool and the text for it."""

    name: str
    input: str


class CustomCallOut(BaseModel):
    """A custom tool that the model wants called."""

    id: str
    type: Literal["custom"]
    custom: CalledCustomOut


CallOut = Annotated[ToolCallOut | CustomCallOut, Field(discriminator="type")]


class PlaceOut(BaseModel):
    """Where a text names a page of the web, in characters."""

    start_index: int = Field(ge=0)
    end_index: int = Field(ge=0)
    url: str
    title: str


class AnnotationOut(BaseModel):
    """A page that a text rests on."""

    type: Literal["url_citation"]
    url_citation: PlaceOut


class ChatAnswer(BaseModel):
    """What the model wrote."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    annotations: list[AnnotationOut] = Field(description="In answer to `web_search_options`.")
    reasoning_content: str | None = None
    tool_calls: list[CallOut] | None = None
    function_call: CalledFunctionOut | None = Field(
        None, description="In answer to `functions`, the form before tools."
    )


class TokenLogprobOut(BaseModel):
    """The log-probability of a token."""

    token: str
    logprob: float
    bytes: list[int]


class ChosenLogprob(TokenLogprobOut):
    """That of the token chosen, beside those likeliest."""

    top_logprobs: list[TokenLogprobOut]


class Logprobs(BaseModel):
    """Log-probabilities of an answer's tokens."""

    content: list[ChosenLogprob] | None
    refusal: None


FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]


class ChatChoice(BaseModel):
    """One of the answers."""

    index: int = Field(ge=0)
    message: ChatAnswer
    logprobs: Logprobs | None
    finish_reason: FinishReason


class ChatCompletion(Marked):
    """Answers to a chat."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: Annotated[list[ChatChoice], Field(min_length=1)]
    usage: CompletionUsage
    service_tier: Literal["default"]
    system_fingerprint: str


class FunctionDelta(BaseModel):
    """More of a function call."""

    name: str | None = None
    arguments: str | None = None


class CustomDelta(BaseModel):
    """A piece of a custom tool's call."""

    name: str | None = None
    input: str | None = None


class ToolCallDelta(BaseModel):
    """More of a tool call."""

    index: int = Field(ge=0)
    id: str | None = None
    type: Literal["function", "custom"] | None = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None


class ChatDelta(BaseModel):
    """More of an answer."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    function_call: FunctionDelta | None = None
    annotations: list[AnnotationOut] | None = None


class ChunkChoice(BaseModel):
    """More of one of the answers."""

    index: int = Field(ge=0)
    delta: ChatDelta
    logprobs: Logprobs | None
    finish_reason: FinishReason | None


class ChatChunk(Marked):
    """One piece of streamed answers."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None
    service_tier: Literal["default"]
    system_fingerprint: str | None


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
    finish_reason: Literal["stop", "length", "content_filter"] | None = Field(
        description="Null in all pieces of a stream but the last."
    )


class TextCompletion(Marked):
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


class Judgement(BaseModel):
    """What was found in one text, by category."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, Annotated[float, Field(ge=0, le=1)]]
    category_applied_input_types: dict[str, list[Literal["text"]]]


class Moderation(BaseModel):
    """What the model that judges found in each text."""

    id: str
    model: str
    results: list[Judgement]


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
