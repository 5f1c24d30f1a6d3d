"""The server tool ``web_search``: searches within messages, in the dialect's own manner."""

from typing import Any, Final

from consigne.api import search_calls
from consigne.api.anthropic.schemas import PromptBody, SearchResultsParam
from consigne.api.anthropic.tool_schemas import ToolParam
from consigne.api.errors import InvalidField
from consigne.api.search_calls import SearchBegun, SearchEnded, SearchEvent, SearchWish
from consigne.domain.messages import TextBlock, ToolResultBlock
from consigne.settings import SearchSettings

Json = dict[str, Any]

TYPES: Final = ("web_search_20250305", "web_search_20260209", "web_search_20260318")


def wish(param: ToolParam, path: str) -> SearchWish:
    """Return how a tool wants the web searched.

    Raises:
        InvalidField: It has another name than its type says, or names domains in both ways.
    """
    if param.name != search_calls.NAME:
        raise InvalidField(f"Input should be '{search_calls.NAME}'", param=f"{path}.name")
    if param.allowed_domains and param.blocked_domains:
        message = "It can't be used together with 'allowed_domains'"
        raise InvalidField(message, param=f"{path}.blocked_domains")
    return SearchWish(
        most=param.max_uses,
        allowed=tuple(param.allowed_domains or ()),
        blocked=tuple(param.blocked_domains or ()),
        place=search_calls.place_of(param.user_location),
    )


def wanted(body: PromptBody, settings: SearchSettings) -> SearchWish | None:
    """Return how a request wants the web searched, if it has the tool.

    Raises:
        InvalidField: No search service is set up, or the tool wants what can't be.
    """
    for i, param in enumerate(body.tools or ()):
        if isinstance(param, ToolParam) and param.type in TYPES:
            if not settings.kind:
                message = (
                    f"The tool type '{param.type}' is not available here: the operator has set no "
                    "search service up (tools.search)"
                )
                raise InvalidField(message, param=f"tools.{i}")
            return wish(param, f"tools.{i}")
    return None


def blocks(event: SearchEvent) -> list[Json]:
    """Return the blocks that tell of a step."""
    match event:
        case SearchBegun():
            given = {"query": event.query}
            name = search_calls.NAME
            return [
                {"type": "server_tool_use", "id": _call_id(event), "name": name, "input": given}
            ]
        case SearchEnded():
            content = _content(event)
            call = _call_id(event.begun)
            return [{"type": "web_search_tool_result", "tool_use_id": call, "content": content}]


def _call_id(begun: SearchBegun) -> str:
    return f"srvtoolu_{begun.search_id.partition('_')[2]}"


def _content(ended: SearchEnded) -> Any:
    if ended.trouble is not None:
        return {"type": "web_search_tool_result_error", "error_code": ended.trouble}
    return [
        {
            "type": "web_search_result",
            "title": each.title,
            "url": each.url,
            "encrypted_content": search_calls.packed(each.text),
            "page_age": None,
        }
        for each in ended.found
    ]


def recalled(block: SearchResultsParam) -> ToolResultBlock:
    """Return an earlier result as the model is told of it."""
    if not isinstance(block.content, list):
        said = "The search failed."
    else:
        told = (
            (each.title, each.url, search_calls.unpacked(each.encrypted_content))
            for each in block.content
        )
        said = "\n\n".join("\n".join(filter(None, lines)) for lines in told)
    failed = not isinstance(block.content, list)
    return ToolResultBlock(block.tool_use_id, (TextBlock(said or "Nothing."),), is_error=failed)
