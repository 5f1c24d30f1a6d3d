"""The tools of the Anthropic dialect's requests, as its clients send them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from consigne.api.limits import SIZE, JsonObject, Wire

Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]


class CacheControl(Wire):
    """A wish that the prompt up to here be kept; the prefix cache here keeps all of it anyway."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class Cacheable(Wire):
    """A part of the prompt that may carry that wish."""

    cache_control: CacheControl | None = None


class Citations(Wire):
    """Whether the answer should cite the document, or those that a tool brings."""

    enabled: bool = False


class ToolNameParam(Wire):
    """The name of a tool."""

    type: Literal["tool_reference"] = "tool_reference"
    name: str = Field(max_length=256)


class UrlSourceParam(Wire):
    """Which tools' results may hold addresses that are read."""

    type: Literal["all", "none", "only", "except"]
    tools: list[ToolNameParam] | None = None


class UserUrlSourceParam(Wire):
    """Whether what the user writes may."""

    type: Literal["all", "none"]


class UrlSourcesParam(Wire):
    """Where addresses may come from."""

    user_input: UserUrlSourceParam | None = None
    client_tool_results: UrlSourceParam | None = None
    server_tool_results: UrlSourceParam | None = None


class ToolParam(Cacheable):
    """A tool; the client's own where ``type`` is absent or ``custom``."""

    name: Name
    type: str | None = None
    description: str = ""
    input_schema: JsonObject | None = None
    strict: bool | None = None
    input_examples: list[JsonObject] | None = None
    allowed_callers: list[str] | None = None
    max_characters: int | None = Field(default=None, ge=1)
    """Of ``text_editor_…``: how much of a file the client shows at once."""
    model: str | None = Field(default=None, max_length=256)
    """Of ``image_generation``, as are the following."""
    size: str | None = Field(default=None, pattern=SIZE)
    quality: Literal["auto", "low", "medium", "high"] | None = None
    output_format: Literal["png", "webp", "jpeg"] | None = None
    max_uses: int | None = Field(default=None, ge=1)
    """Of ``web_search`` and ``web_fetch``, as are the following."""
    allowed_domains: list[Annotated[str, Field(max_length=256)]] | None = None
    blocked_domains: list[Annotated[str, Field(max_length=256)]] | None = None
    user_location: JsonObject | None = None
    """Of ``web_search``."""
    citations: Citations | None = None
    """Of ``web_fetch``, as are the following."""
    max_content_tokens: int | None = Field(default=None, ge=1)
    url_sources: UrlSourcesParam | None = None
    use_cache: bool | None = None
    """Every page is fetched anew."""


class McpToolSwitch(Wire):
    """Whether a tool, or all of a server, can be used."""

    enabled: bool | None = None


class ToolsetParam(Cacheable):
    """The tools of one of ``mcp_servers``."""

    type: Literal["mcp_toolset"]
    mcp_server_name: str
    default_config: McpToolSwitch | None = None
    configs: dict[str, McpToolSwitch] | None = None
    tools: Any = None


def _kind_of_tool(tool: Any) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else getattr(tool, "type", None)
    return "mcp_toolset" if kind == "mcp_toolset" else "other"


AnyToolParam = Annotated[
    Annotated[ToolsetParam, Tag("mcp_toolset")] | Annotated[ToolParam, Tag("other")],
    Discriminator(_kind_of_tool),
]


class McpConfiguration(Wire):
    """Which tools of a server can be used, as said before there were toolsets."""

    enabled: bool | None = None
    allowed_tools: list[str] | None = None


class McpServerParam(Wire):
    """A server of tools."""

    type: Literal["url"]
    name: str = Field(min_length=1, max_length=64)
    url: str = Field(max_length=2000)
    authorization_token: str | None = Field(default=None, max_length=10_000)
    tool_configuration: McpConfiguration | None = None


class ToolChoiceParam(Wire):
    """How the tools are to be used."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False
