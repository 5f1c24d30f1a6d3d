"""The server tool ``web_fetch``: pages read within messages, in the dialect's own manner."""

import base64
from typing import Any, Final

from consigne.api import fetch_calls
from consigne.api.anthropic.schemas import PromptBody
from consigne.api.anthropic.tool_schemas import ToolParam, UrlSourceParam, UrlSourcesParam
from consigne.api.errors import InvalidField
from consigne.api.fetch_calls import FetchBegun, FetchEnded, FetchEvent, FetchWish, Names, Page
from consigne.settings import ToolSettings

Json = dict[str, Any]

TYPES: Final = (
    "web_fetch_20250910",
    "web_fetch_20260209",
    "web_fetch_20260309",
    "web_fetch_20260318",
)


def wish(param: ToolParam, path: str) -> FetchWish:
    """Return how a tool wants pages read.

    Raises:
        InvalidField: It has another name than its type says, or names domains in both ways.
    """
    if param.name != fetch_calls.NAME:
        raise InvalidField(f"Input should be '{fetch_calls.NAME}'", param=f"{path}.name")
    if param.allowed_domains and param.blocked_domains:
        message = "It can't be used together with 'allowed_domains'"
        raise InvalidField(message, param=f"{path}.blocked_domains")
    sources = param.url_sources or UrlSourcesParam()
    return FetchWish(
        most=param.max_uses,
        allowed=tuple(param.allowed_domains or ()),
        blocked=tuple(param.blocked_domains or ()),
        cite=param.citations is not None and param.citations.enabled,
        most_tokens=param.max_content_tokens,
        from_user=sources.user_input is None or sources.user_input.type == "all",
        from_client=_names(sources.client_tool_results),
        from_server=_names(sources.server_tool_results),
    )


def _names(source: UrlSourceParam | None) -> Names:
    named = frozenset(each.name for each in (source and source.tools) or ())
    match source.type if source else "all":
        case "all":
            return Names()
        case "except":
            return Names(named)
        case _:
            return Names(named, but=False)


def wanted(body: PromptBody, settings: ToolSettings) -> FetchWish | None:
    """Return how a request wants pages read, if it has the tool.

    Raises:
        InvalidField: No pages are read here, or the tool wants what can't be.
    """
    for i, param in enumerate(body.tools or ()):
        if isinstance(param, ToolParam) and param.type in TYPES:
            if not settings.web_pages:
                message = (
                    f"The tool type '{param.type}' is not available here: the operator lets no "
                    "pages of the web be read (tools.web_pages)"
                )
                raise InvalidField(message, param=f"tools.{i}")
            return wish(param, f"tools.{i}")
    return None


def blocks(event: FetchEvent) -> list[Json]:
    """Return the blocks that tell of a step."""
    match event:
        case FetchBegun():
            use = {"type": "server_tool_use", "id": _call_id(event), "name": fetch_calls.NAME}
            return [use | {"input": {"url": event.url}}]
        case FetchEnded():
            call = _call_id(event.begun)
            content = _content(event)
            return [{"type": "web_fetch_tool_result", "tool_use_id": call, "content": content}]


def _call_id(begun: FetchBegun) -> str:
    return f"srvtoolu_{begun.fetch_id.partition('_')[2]}"


def _content(ended: FetchEnded) -> Json:
    page = ended.page
    if page is None:
        return {"type": "web_fetch_tool_result_error", "error_code": ended.trouble}
    document = {
        "type": "document",
        "source": _source(page),
        "title": page.title or None,
        "citations": {"enabled": True} if ended.cite else None,
    }
    at = f"{page.at:%Y-%m-%dT%H:%M:%S.%fZ}"
    return {"type": "web_fetch_result", "url": page.url, "content": document, "retrieved_at": at}


def _source(page: Page) -> Json:
    if page.pdf is None:
        return {"type": "text", "media_type": "text/plain", "data": page.text}
    encoded = base64.b64encode(page.pdf).decode()
    return {"type": "base64", "media_type": "application/pdf", "data": encoded}
