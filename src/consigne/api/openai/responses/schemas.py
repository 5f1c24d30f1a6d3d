"""The bodies of requests about responses, as their clients send them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from consigne.api.limits import Body, JsonObject, Wire
from consigne.api.openai.responses.tool_schemas import AnyTool, ToolChoiceItem
from consigne.api.openai.shared import Detail, Effort, Metadata, Name, Verbosity

Id = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f]+$")]
"""An item's id, given by us or by the client."""


class InputText(Wire):
    """Text, of whichever side."""

    type: Literal["input_text", "output_text", "text"]
    text: str


class InputRefusal(Wire):
    """A refusal in an earlier answer."""

    type: Literal["refusal"]
    refusal: str


class InputImage(Wire):
    """A picture."""

    type: Literal["input_image"]
    image_url: str | None = None
    file_id: str | None = None
    detail: Detail | None = None


class InputFile(Wire):
    """A document."""

    type: Literal["input_file"]
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


Part = Annotated[InputText | InputRefusal | InputImage | InputFile, Field(discriminator="type")]


class MessageItem(Wire):
    """A turn."""

    type: Literal["message"] = "message"
    id: Id | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class FunctionCallItem(Wire):
    """A function call of an earlier answer."""

    type: Literal["function_call"]
    id: Id | None = None
    status: str | None = None
    call_id: str
    name: Name
    arguments: str
    namespace: Name | None = None


class CustomCallItem(Wire):
    """A custom tool's call of an earlier answer."""

    type: Literal["custom_tool_call"]
    id: Id | None = None
    status: str | None = None
    call_id: str
    name: Name
    input: str
    namespace: Name | None = None


class FunctionOutputItem(Wire):
    """What a function or a custom tool answered."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    id: Id | None = None
    call_id: str
    output: str | list[Part]


class ReasoningText(Wire):
    """A piece of reasoning."""

    text: str


class ReasoningItem(Wire):
    """The reasoning of an earlier answer."""

    type: Literal["reasoning"]
    id: Id | None = None
    summary: list[ReasoningText] | None = None
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None


class CompactionItem(Wire):
    """What a conversation was compacted to."""

    type: Literal["compaction"]
    id: Id | None = None
    encrypted_content: str


class ImageCallItem(Wire):
    """A picture of an earlier answer; the model is told of it by its id."""

    type: Literal["image_generation_call"]
    id: Id | None = None
    status: str | None = None
    result: str | None = None
    revised_prompt: str | None = None


class SearchCallItem(Wire):
    """A search of the web in an earlier answer; what came of it stands in the answer's text."""

    type: Literal["web_search_call"]
    id: Id | None = None
    status: str | None = None
    action: JsonObject | None = None


class McpListItem(Wire):
    """What a server of tools had told of them; it is asked again."""

    type: Literal["mcp_list_tools"]
    id: Id | None = None
    server_label: str = Field(max_length=256)
    tools: list[JsonObject] = Field(default_factory=list)
    error: str | None = None


class McpCallItem(Wire):
    """A call of a server's tool, with what came of it."""

    type: Literal["mcp_call"]
    id: Id | None = None
    status: str | None = None
    server_label: str = Field(max_length=256)
    name: str = Field(max_length=256)
    arguments: str
    output: str | None = None
    error: JsonObject | str | None = None


class ItemReference(Wire):
    """An item that is kept here, by its id."""

    type: Literal["item_reference"] = "item_reference"
    id: Id


def _item_type(item: Any) -> str:
    """Items of a history may come without their type: they are messages, or ids of what is kept."""
    if not isinstance(item, dict):
        return str(getattr(item, "type", "message"))
    untyped = "item_reference" if "id" in item and "role" not in item else "message"
    return str(item.get("type") or untyped)


Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionOutputItem, Tag("function_call_output")]
    | Annotated[CustomCallItem, Tag("custom_tool_call")]
    | Annotated[FunctionOutputItem, Tag("custom_tool_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[CompactionItem, Tag("compaction")]
    | Annotated[ImageCallItem, Tag("image_generation_call")]
    | Annotated[SearchCallItem, Tag("web_search_call")]
    | Annotated[McpListItem, Tag("mcp_list_tools")]
    | Annotated[McpCallItem, Tag("mcp_call")]
    | Annotated[ItemReference, Tag("item_reference")],
    Discriminator(_item_type),
]


Summary = Literal["auto", "concise", "detailed"]
Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]


class Reasoning(Wire):
    """How much the model should reason."""

    effort: Effort | None = None
    summary: Summary | None = None
    generate_summary: Summary | None = None
    context: Literal["auto", "current_turn", "all_turns"] | None = None
    mode: str | None = None


class TextFormat(Wire):
    """The answer is free text."""

    type: Literal["text"]


class JsonObjectFormat(Wire):
    """The answer is some JSON object."""

    type: Literal["json_object"]


class JsonSchemaFormat(Wire):
    """The answer satisfies a JSON Schema."""

    type: Literal["json_schema"]
    name: str
    description: str | None = None
    schema_: JsonObject = Field(alias="schema")
    strict: bool | None = None


class TextConfig(Wire):
    """The form of the answer's text."""

    format: (
        Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]
        | None
    ) = None
    verbosity: Verbosity | None = None


class ConversationParam(Wire):
    """A conversation that is kept here."""

    id: str


class StreamOptions(Wire):
    """How the stream is to be."""

    include_obfuscation: bool | None = None


class ImageOptions(Wire):
    """What may be done to pictures."""

    context_compression: Literal["auto", "enabled", "disabled"] | None = None


class PromptCacheOptions(Wire):
    """What is wanted of the prompt cache."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: str | None = None
    prewarm: bool | None = None
    comparison_response_id: str | None = None


class AccessPrograms(Wire):
    """Programs of a vendor."""

    cyber: str | None = None


class BackgroundOptions(Wire):
    """How a response in the background is to be written."""

    completion_window: Literal["soonest", "2h", "8h"] | None = None
    continuation_id: str | None = None


class AskedBody(Body):
    """What requests that ask a model have in common."""

    model: str = Field(default="", max_length=256)
    input: str | Annotated[list[Item], Field(min_length=1)] | None = None
    instructions: str | None = None
    previous_response_id: str | None = None


class ContextBody(AskedBody):
    """What requests that make a whole context have in common."""

    conversation: str | ConversationParam | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: TextConfig | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceItem | None = None
    tools: list[AnyTool] | None = None
    truncation: Literal["auto", "disabled"] | None = None


class InputTokensBody(ContextBody):
    """The body of ``POST /v1/responses/input_tokens``."""

    personality: str | None = None


class CompactBody(AskedBody):
    """The body of ``POST /v1/responses/compact``."""

    image: ImageOptions | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    service_tier: ServiceTier | None = None


class ResponsesBody(ContextBody):
    """The body of ``POST /v1/responses``."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    include: list[Include] | None = None
    metadata: Metadata | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    service_tier: ServiceTier | None = None
    max_tool_calls: int | None = Field(default=None, ge=1)
    store: bool | None = None
    background: bool | None = None
    background_options: BackgroundOptions | None = None
    access_programs: AccessPrograms | None = None
    image: ImageOptions | None = None
    client_metadata: Any = None
    context_management: Any = None
    moderation: Any = None
    prompt: Any = None


responses_body: TypeAdapter[ResponsesBody] = TypeAdapter(ResponsesBody)
input_tokens_body: TypeAdapter[InputTokensBody] = TypeAdapter(InputTokensBody)
compact_body: TypeAdapter[CompactBody] = TypeAdapter(CompactBody)
item_list: TypeAdapter[list[Item]] = TypeAdapter(list[Item])
