"""Searches of the web within responses: the tool's options, and the items that tell of them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from consigne.api import search_calls
from consigne.api.openai.responses.schemas import ContextBody
from consigne.api.openai.responses.tool_schemas import SearchToolItem
from consigne.api.openai.searches import RESULTS, places
from consigne.api.search_calls import SearchBegun, SearchEnded, SearchWish
from consigne.domain.events import Cited
from consigne.settings import SearchSettings

Json = dict[str, Any]

Asked = TypeVar("Asked", bound=ContextBody)

KIND: Final = "web_search_call"
_SOURCES: Final = "web_search_call.action.sources"


def offered(body: Asked, settings: SearchSettings) -> Asked:
    """Return the body; where the web is not searched here the tool is left out."""
    rest = [each for each in body.tools or () if not is_tool(each) or _is_run(each, settings)]
    return body if len(rest) == len(body.tools or ()) else body.model_copy(update={"tools": rest})


def wanted(body: ContextBody, settings: SearchSettings) -> SearchWish | None:
    """Return how a request wants the web searched, if it has the tool."""
    found = (wish(tool) for tool in body.tools or () if isinstance(tool, SearchToolItem))
    return next(found, None) if settings.kind else None


def _is_run(item: Any, settings: SearchSettings) -> bool:
    return bool(settings.kind) and item.external_web_access is not False


def is_tool(item: Any) -> bool:
    """Say whether a tool searches the web."""
    return isinstance(item, SearchToolItem)


def wish(item: SearchToolItem) -> SearchWish:
    """Return how a tool wants the web searched."""
    filters = item.filters
    return SearchWish(
        results=RESULTS.get(item.search_context_size or "medium"),
        allowed=tuple((filters and filters.allowed_domains) or ()),
        place=search_calls.place_of(item.user_location),
    )


def begun_item(begun: SearchBegun) -> Json:
    """Return the item of a search that is under way."""
    action = {"type": "search", "query": begun.query, "queries": [begun.query]}
    return {"id": begun.search_id, "type": KIND, "status": "in_progress", "action": action}


def end_item(item: Json, ended: SearchEnded, include: Sequence[str]) -> None:
    """Put what came of it into an item."""
    item["status"] = "completed" if ended.trouble is None else "failed"
    if _SOURCES in include:
        sources = [{"type": "url", "url": each.url} for each in ended.found]
        item["action"] = item["action"] | {"sources": sources}


def notes(text: str, cited: Iterable[Cited]) -> Iterable[Json]:
    """Yield the annotations of a text: one for each place where it names a page."""
    return ({"type": "url_citation"} | place for place in places(text, cited))
