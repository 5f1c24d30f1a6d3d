"""The body of a request for a response, as its clients send it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from consigne.api.limits import Body, JsonObject, Wire
from consigne.api.openai.shared import Effort, Metadata, Name, Verbosity


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
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class FunctionCallItem(Wire):
    """A function call of an earlier answer."""

    type: Literal["function_call"]
    call_id: str
    name: Name
    arguments: str
    namespace: Name | None = None


class FunctionOutputItem(Wire):
    """What a function answered."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[Part]


class ReasoningText(Wire):
    """A piece of reasoning."""

    text: str


class ReasoningItem(Wire):
    """The reasoning of an earlier answer."""

    type: Literal["reasoning"]
    content: list[ReasoningText] | None = None


def _item_type(item: Any) -> str:
    """Items of a history may come without their type: then they are messages."""
    return str(item.get("type") or "message") if isinstance(item, dict) else "message"


Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionOutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")],
    Discriminator(_item_type),
]


class NamespacedFunction(Wire):
    """A function within a namespace."""

    type: str
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class ToolItem(Wire):
    """A tool; which fields there are depends on its type."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    tools: list[NamespacedFunction] | None = None


class AllowedTool(Wire):
    """A tool among those that may be called."""

    type: str
    name: str | None = None


class ToolChoiceItem(Wire):
    """One tool that must be called, or some that may."""

    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[AllowedTool] | None = None


class Reasoning(Wire):
    """How much the model should reason."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


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


class ResponsesBody(Body):
    """The body of ``POST /v1/responses``."""

    model: str = Field(default="", max_length=256)
    input: str | Annotated[list[Item], Field(min_length=1)]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    text: TextConfig | None = None
    tools: list[ToolItem] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoiceItem | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    include: list[str] | None = None
    metadata: Metadata | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    max_tool_calls: int | None = None
    store: bool | None = None
    background: bool | None = None
    conversation: Any = None
    previous_response_id: str | None = None
    prompt: Any = None
    moderation: Any = None
    stream_options: Any = None
    access_programs: Any = None
    background_options: Any = None
    client_metadata: Any = None
    context_management: Any = None
    image: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None


responses_body: TypeAdapter[ResponsesBody] = TypeAdapter(ResponsesBody)
