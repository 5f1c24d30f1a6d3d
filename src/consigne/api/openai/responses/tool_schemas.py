"""The tools of requests about responses, as their clients send them."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from consigne.api.limits import JsonObject, Wire
from consigne.api.openai.images.schemas import Size
from consigne.api.openai.shared import Name
from consigne.engines.drawing import MOST_PARTIALS


class NamespacedFunction(Wire):
    """A function within a namespace."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    format: JsonObject | None = None


class ToolItem(Wire):
    """A tool; which fields there are depends on its type."""

    type: str
    name: Name | None = None
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    format: JsonObject | None = None
    """Of a custom tool: which texts are its input."""
    tools: list[NamespacedFunction] | None = None


class MaskItem(Wire):
    """A mask."""

    image_url: str | None = None
    file_id: str | None = None


class ImageToolItem(ToolItem):
    """The tool that makes pictures here."""

    type: Literal["image_generation"]
    model: str | None = Field(default=None, max_length=256)
    action: Literal["generate", "edit", "auto"] | None = None
    size: Size | None = None
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max"] | None = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    output_format: Literal["png", "webp", "jpeg", "gif", "svg"] | None = None
    output_compression: int | None = Field(default=None, ge=0, le=100)
    partial_images: int | None = Field(default=None, ge=0, le=MOST_PARTIALS)
    input_fidelity: Literal["high", "low"] | None = None
    input_image_mask: MaskItem | None = None
    moderation: Literal["auto", "low"] | None = None


class SearchFilters(Wire):
    """Which pages may be found."""

    allowed_domains: list[Annotated[str, Field(max_length=256)]] | None = None


class SearchToolItem(ToolItem):
    """The tool that searches the web, where the operator has set it up."""

    type: Literal[
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    ]
    filters: SearchFilters | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None
    user_location: JsonObject | None = None
    external_web_access: bool | None = None
    """Without it the tool is left out: nothing is kept here to search in."""


class McpFilter(Wire):
    """Some of a server's tools."""

    tool_names: list[str] | None = None
    read_only: bool | None = None


class McpToolItem(ToolItem):
    """The tools of a server, where the operator allows requests to name some."""

    type: Literal["mcp"]
    server_label: Annotated[str, Field(min_length=1, max_length=64)]
    server_url: str | None = Field(default=None, max_length=2000)
    server_description: str | None = Field(default=None, max_length=4000)
    authorization: str | None = Field(default=None, max_length=10_000)
    headers: dict[str, str] | None = None
    allowed_tools: list[str] | McpFilter | None = None
    require_approval: Literal["always", "never"] | JsonObject | None = None


def _tool_type(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else getattr(item, "type", None)
    if isinstance(kind, str) and kind.startswith("web_search"):
        return "web_search"
    return kind if kind in ("image_generation", "mcp") else "other"


AnyTool = Annotated[
    Annotated[ImageToolItem, Tag("image_generation")]
    | Annotated[SearchToolItem, Tag("web_search")]
    | Annotated[McpToolItem, Tag("mcp")]
    | Annotated[ToolItem, Tag("other")],
    Discriminator(_tool_type),
]


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
