"""The body of a request for a chat completion, as its clients send it."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from consigne.api.limits import MAX_STOPS, JsonObject, Wire
from consigne.api.openai.extras import Extras, StreamOptions, TemplateArguments
from consigne.api.openai.shared import Detail, Effort, FunctionParam, Metadata, Name, Verbosity


class TextPart(Wire):
    """Text."""

    type: Literal["text"]
    text: str


class RefusalPart(Wire):
    """A refusal in an earlier answer."""

    type: Literal["refusal"]
    refusal: str


class ImageUrl(Wire):
    """A picture's address, or the picture itself as a data URL."""

    url: str
    detail: Detail | None = None


class ImagePart(Wire):
    """A picture."""

    type: Literal["image_url"]
    image_url: ImageUrl


class AudioPart(Wire):
    """A recording."""

    type: Literal["input_audio"]


class FileContent(Wire):
    """A file's content as a data URL, or the id of one uploaded."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Wire):
    """A document."""

    type: Literal["file"]
    file: FileContent


UserPart = Annotated[TextPart | ImagePart | AudioPart | FilePart, Field(discriminator="type")]
AnswerPart = Annotated[TextPart | RefusalPart, Field(discriminator="type")]


class SystemParam(Wire):
    """Instructions."""

    role: Literal["system", "developer"]
    content: str | list[TextPart]
    name: str | None = None


class UserParam(Wire):
    """What the user wrote."""

    role: Literal["user"]
    content: str | list[UserPart]
    name: str | None = None
    """Of who speaks: the model is told it before what they wrote."""


class CalledFunction(Wire):
    """A function and the arguments it was called with, as JSON text."""

    name: Name
    arguments: str


class ToolCallParam(Wire):
    """A call of a function in an earlier answer."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class CalledCustom(Wire):
    """A custom tool and the text it was called with."""

    name: Name
    input: str


class CustomCallParam(Wire):
    """A call of a custom tool in an earlier answer."""

    id: str
    type: Literal["custom"]
    custom: CalledCustom


def _kind_of_call(call: Any) -> str:
    """Return the kind of a call; those that name none are of functions."""
    kind = call.get("type", "function") if isinstance(call, dict) else getattr(call, "type", "")
    return "custom" if kind == "custom" else "function"


CallParam = Annotated[
    Annotated[ToolCallParam, Tag("function")] | Annotated[CustomCallParam, Tag("custom")],
    Discriminator(_kind_of_call),
]


class AssistantParam(Wire):
    """An earlier answer."""

    role: Literal["assistant"]
    content: str | list[AnswerPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[CallParam] | None = None
    function_call: CalledFunction | None = None
    audio: Any = None


class ToolParam(Wire):
    """What a tool answered."""

    role: Literal["tool"]
    tool_call_id: str
    content: str | list[TextPart]


class FunctionResultParam(Wire):
    """What a function answered, in the form before tools."""

    role: Literal["function"]
    name: str
    content: str | None = None


MessageParam = Annotated[
    SystemParam | UserParam | AssistantParam | ToolParam | FunctionResultParam,
    Field(discriminator="role"),
]


class CustomParam(Wire):
    """A tool whose input is a text."""

    name: Name
    description: str | None = None
    format: JsonObject | None = None
    """Any text where ``type`` is ``text``; models are held to no grammar."""


class ToolDefinition(Wire):
    """A tool."""

    type: str
    function: FunctionParam | None = None
    custom: CustomParam | None = None


class ChosenFunction(Wire):
    """The name of a tool."""

    name: str


class NamedChoice(Wire):
    """One function must be called."""

    type: Literal["function"]
    function: ChosenFunction


class CustomChoice(Wire):
    """One custom tool must be called."""

    type: Literal["custom"]
    custom: ChosenFunction


AllowedTool = Annotated[NamedChoice | CustomChoice, Field(discriminator="type")]
"""A tool among those that may be called."""


class AllowedTools(Wire):
    """Some of the tools, and whether one of them must be called."""

    mode: Literal["auto", "required"]
    tools: list[AllowedTool]


class AllowedChoice(Wire):
    """Only some of the tools may be called."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


ToolChoiceParam = (
    Literal["none", "auto", "required"]
    | Annotated[NamedChoice | CustomChoice | AllowedChoice, Field(discriminator="type")]
)


class TextFormat(Wire):
    """The answer is free text."""

    type: Literal["text"]


class JsonObjectFormat(Wire):
    """The answer is some JSON object."""

    type: Literal["json_object"]


class NamedSchema(Wire):
    """A JSON Schema with its name."""

    name: str
    description: str | None = None
    schema_: JsonObject | None = Field(default=None, alias="schema")


class JsonSchemaFormat(Wire):
    """The answer satisfies a JSON Schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]


class UserLocation(Wire):
    """Where the reader is, about."""

    type: Literal["approximate"]
    approximate: JsonObject


class WebSearchOptions(Wire):
    """The web is searched before the answer."""

    user_location: UserLocation | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None


ServiceTier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
Stop = Annotated[str, Field(min_length=1)]


class ChatBody(Extras):
    """The body of ``POST /v1/chat/completions``."""

    model: str = Field(max_length=256)
    messages: list[MessageParam] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=None, ge=1, le=128)
    stop: Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: list[ToolDefinition] | None = None
    tool_choice: ToolChoiceParam | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Effort | None = None
    verbosity: Verbosity | None = None
    chat_template_kwargs: TemplateArguments | None = None
    modalities: list[str] | None = None
    audio: Any = None
    functions: list[FunctionParam] | None = Field(default=None, max_length=128)
    function_call: Literal["none", "auto"] | ChosenFunction | None = None
    web_search_options: WebSearchOptions | None = None
    moderation: Any = None
    metadata: Metadata | None = None
    prediction: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: ServiceTier | None = None
    store: bool | None = None
    user: str | None = None

    @property
    def is_legacy(self) -> bool:
        """Whether calls are asked for, and told, in the form before tools."""
        return self.functions is not None or self.function_call is not None

    @property
    def custom_names(self) -> frozenset[str]:
        """The names of the tools whose input is a text."""
        return frozenset(tool.custom.name for tool in self.tools or () if tool.custom is not None)


chat_body: TypeAdapter[ChatBody] = TypeAdapter(ChatBody)
