"""The bodies of the Anthropic dialect's requests, as its clients send them."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from consigne.api.anthropic.tool_schemas import (
    AnyToolParam,
    Cacheable,
    CacheControl,
    Citations,
    McpServerParam,
    Name,
    ToolChoiceParam,
)
from consigne.api.limits import MAX_STOPS, Body, JsonObject, Wire


class TextParam(Cacheable):
    """A text block."""

    type: Literal["text"]
    text: str
    citations: list[Any] | None = None


class Base64Source(Wire):
    """A file's content in base 64."""

    type: Literal["base64"]
    media_type: str
    data: str


class UrlSource(Wire):
    """A file's address."""

    type: Literal["url"]
    url: str


class FileSource(Wire):
    """A file uploaded before."""

    type: Literal["file"]
    file_id: str


class PlainTextSource(Wire):
    """A document that is plain text."""

    type: Literal["text"]
    data: str
    media_type: Literal["text/plain"] = "text/plain"


class ImageParam(Cacheable):
    """A picture."""

    type: Literal["image"]
    source: Annotated[Base64Source | UrlSource | FileSource, Field(discriminator="type")]
    transformations: JsonObject | None = None


class ContentSource(Wire):
    """A document given as blocks."""

    type: Literal["content"]
    content: str | list[Annotated[TextParam | ImageParam, Field(discriminator="type")]]


class DocumentParam(Cacheable):
    """A document."""

    type: Literal["document"]
    source: Annotated[
        Base64Source | UrlSource | FileSource | PlainTextSource | ContentSource,
        Field(discriminator="type"),
    ]
    title: str | None = None
    context: str | None = None
    citations: Citations | None = None


class SearchResultParam(Cacheable):
    """A passage that the application found, with its source."""

    type: Literal["search_result"]
    content: list[TextParam]
    source: str
    title: str
    citations: Citations | None = None


class ThinkingParam(Wire):
    """A thinking block of an earlier answer."""

    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class RedactedThinkingParam(Wire):
    """A thinking block of an earlier answer that only its author can read."""

    type: Literal["redacted_thinking"]
    data: str


class ToolUseParam(Cacheable):
    """A tool call of an earlier answer."""

    type: Literal["tool_use"]
    id: str
    name: Name
    input: JsonObject


class ToolReferenceParam(Cacheable):
    """The name of a tool that a search of the application's own has found."""

    type: Literal["tool_reference"]
    tool_name: str


ToolResultContent = Annotated[
    TextParam | ImageParam | DocumentParam | SearchResultParam | ToolReferenceParam,
    Field(discriminator="type"),
]


class ToolResultParam(Cacheable):
    """What a tool answered."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[ToolResultContent] = ""
    is_error: bool = False


class ServerToolUseParam(Cacheable):
    """A call of a tool that is run here, of an earlier answer."""

    type: Literal["server_tool_use"]
    id: str
    name: Literal["image_generation", "web_fetch", "web_search"]
    input: JsonObject


class ImageResultParam(Cacheable):
    """What came of it; the model is told of the picture by its id."""

    type: Literal["image_generation_tool_result"]
    tool_use_id: str
    content: list[ImageParam] | JsonObject


class WebResultParam(Wire):
    """A page that was found."""

    type: Literal["web_search_result"]
    title: str
    url: str
    encrypted_content: str
    page_age: str | None = None


class SearchResultsParam(Cacheable):
    """What a search of the web found, or why it found nothing."""

    type: Literal["web_search_tool_result"]
    tool_use_id: str
    content: list[WebResultParam] | JsonObject


class FetchedParam(Wire):
    """A page that was read."""

    type: Literal["web_fetch_result"]
    url: str
    content: DocumentParam
    retrieved_at: str | None = None


class FetchFailedParam(Wire):
    """Why it was not."""

    type: Literal["web_fetch_tool_result_error"]
    error_code: str = Field(max_length=256)


class FetchResultParam(Cacheable):
    """What came of an address that the model named."""

    type: Literal["web_fetch_tool_result"]
    tool_use_id: str
    content: Annotated[FetchedParam | FetchFailedParam, Field(discriminator="type")]


class McpUseParam(Cacheable):
    """A call of a server's tool, of an earlier answer."""

    type: Literal["mcp_tool_use"]
    id: str
    name: str = Field(max_length=256)
    server_name: str = Field(max_length=256)
    input: JsonObject


class McpResultParam(Cacheable):
    """What the server answered."""

    type: Literal["mcp_tool_result"]
    tool_use_id: str
    content: str | list[TextParam] = ""
    is_error: bool = False


Block = Annotated[
    TextParam
    | ImageParam
    | DocumentParam
    | SearchResultParam
    | ThinkingParam
    | RedactedThinkingParam
    | ToolUseParam
    | ToolResultParam
    | ServerToolUseParam
    | ImageResultParam
    | SearchResultsParam
    | FetchResultParam
    | McpUseParam
    | McpResultParam,
    Field(discriminator="type"),
]


class MessageParam(Wire):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]
    clear_at: Literal["next_user_message", "never"] | None = None
    output_config: JsonObject | None = None


class ThinkingConfig(Wire):
    """Whether the model should think first."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: int | None = Field(default=None, ge=1024)
    display: Literal["summarized", "omitted"] | None = None


class JsonFormat(Wire):
    """The JSON Schema that the answer must satisfy."""

    type: Literal["json_schema"]
    schema_: JsonObject = Field(alias="schema")


class OutputConfig(Wire):
    """The answer's form; ``effort`` is advice, and models here have one effort only."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: JsonFormat | None = None
    task_budget: JsonObject | None = None


class Quantity(Wire):
    """A number of tokens, tool uses or thinking turns."""

    type: Literal["input_tokens", "tool_uses", "thinking_turns"]
    value: int = Field(ge=0)


class AllTurns(Wire):
    """All turns that hold thinking."""

    type: Literal["all"]


class ClearToolUses(Wire):
    """Put a placeholder in the place of old tool results."""

    type: Literal["clear_tool_uses_20250919"]
    trigger: Quantity | None = None
    keep: Quantity | None = None
    clear_at_least: Quantity | None = None
    exclude_tools: list[str] | None = None
    clear_tool_inputs: bool | list[str] | None = None


class ClearThinking(Wire):
    """Leave the thinking of old turns out."""

    type: Literal["clear_thinking_20251015"]
    keep: Literal["all"] | Quantity | AllTurns | None = None


class Compact(Wire):
    """Summarise the conversation."""

    type: Literal["compact_20260112"]


Edit = Annotated[ClearToolUses | ClearThinking | Compact, Field(discriminator="type")]


class ContextManagement(Wire):
    """What to clear from a long conversation before the model reads it."""

    edits: list[Edit] = Field(default_factory=list)


class Diagnostics(Wire):
    """The wish to learn why an earlier request's cache was missed."""

    previous_message_id: str | None = None


class Metadata(Wire):
    """What the caller says about the request."""

    user_id: str | None = Field(default=None, max_length=512)


class PromptBody(Body):
    """What makes a prompt: the fields that ``count_tokens`` and ``messages`` share."""

    model: str = Field(max_length=256)
    messages: list[MessageParam] = Field(min_length=1, max_length=100_000)
    system: str | list[TextParam] | None = None
    tools: list[AnyToolParam] | None = None
    tool_choice: ToolChoiceParam | None = None
    thinking: ThinkingConfig | None = None
    output_config: OutputConfig | None = None
    output_format: JsonFormat | None = None
    cache_control: CacheControl | None = None
    context_management: ContextManagement | None = None
    mcp_servers: list[McpServerParam] | None = None
    speed: Literal["standard", "fast"] | None = None
    user_profile_id: str | None = None


class MessagesBody(PromptBody):
    """The body of ``POST /v1/messages``."""

    max_tokens: int = Field(ge=0)
    stream: bool = False
    stop_sequences: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None, max_length=MAX_STOPS
    )
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0, lt=2**31)
    metadata: Metadata | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    container: Any = None
    inference_geo: str | None = None
    diagnostics: Diagnostics | None = None
    thread: Any = None
    compaction: Any = None
    fallbacks: Any = None
    fallback_credit_token: Any = None
    billing_policy: Any = None


messages_body: TypeAdapter[MessagesBody] = TypeAdapter(MessagesBody)
count_body: TypeAdapter[PromptBody] = TypeAdapter(PromptBody)
