"""Searching the web by the operator's search service, and reading its pages."""

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from consigne.chat.tools.base import (
    Call,
    ChatTool,
    Outcome,
    ToolFailed,
    Words,
    args_of,
    said,
    schema_of,
)
from consigne.chat.tools.outside import outside
from consigne.domain.errors import OperatorError
from consigne.settings import SearchSettings, ToolSettings

if TYPE_CHECKING:
    import httpx

MOST_RESULTS = 20
_TIMEOUT_S = 15.0
_LARGEST_ANSWER = 2 * 2**20
_PASSAGE = 300
_BRAVE = "https://api.search.brave.com/res/v1/web/search"


class SearchArgs(msgspec.Struct, frozen=True):
    """What is looked for."""

    query: Annotated[
        str, Meta(min_length=1, max_length=400, description="Words, as for a search engine.")
    ]


class ReadArgs(msgspec.Struct, frozen=True):
    """What is read."""

    url: Annotated[
        str, Meta(max_length=2000, description="The page's address, with http:// or https://.")
    ]


class Result(msgspec.Struct, frozen=True):
    """What a search service found."""

    title: str
    url: str
    snippet: str = ""


def web_tools(settings: ToolSettings) -> list[ChatTool]:
    """Return the tools that reach the web, as far as the operator set them up.

    Raises:
        OperatorError: Pages are to be read, and what reads them is not installed.
    """
    tools = []
    if settings.search.kind:
        tools.append(_search_tool(settings.search))
    if settings.web_pages:
        if importlib.util.find_spec("trafilatura") is None:
            raise OperatorError(
                "tools.web_pages needs a part that is not installed: pip install 'consigne[tools]'"
            )
        tools.append(_reader(settings))
    return tools


def _search_tool(settings: SearchSettings) -> ChatTool:
    async def run(call: Call) -> Outcome:
        query = args_of(call, SearchArgs).query
        found = (await search(settings, query))[: settings.results]
        if not found:
            return said(f"Nothing was found for: {query}")
        lines = []
        for each in found:
            number = call.cite(each.title, each.url, each.snippet[:_PASSAGE])
            lines.append(f"[{number}] {each.title}\n{each.url}\n{each.snippet}")
        return said("\n\n".join(lines))

    return ChatTool(
        name="web_search",
        title=Words("Web search", "Recherche web"),
        description="Search the web. Returns titles, addresses and passages, each with the number "
        "to cite it by. Use it for what is recent, local or doubtful.",
        input_schema=schema_of(SearchArgs),
        run=run,
        read_only=True,
        timeout_s=2 * _TIMEOUT_S,
    )


def _reader(settings: ToolSettings) -> ChatTool:
    async def run(call: Call) -> Outcome:
        body = {"url": args_of(call, ReadArgs).url, "timeout_s": _TIMEOUT_S}
        body["anywhere"] = settings.private_addresses
        page: dict[str, str] = await outside("read_page", body)
        number = call.cite(page["title"] or page["url"], page["url"], page["text"][:_PASSAGE])
        return said(f"[{number}] {page['title']}\n{page['url']}\n\n{page['text']}")

    return ChatTool(
        name="read_web_page",
        title=Words("Read web pages", "Lecture de pages web"),
        description="Read one page of the web by its address. Returns its text as markdown, with "
        "the number to cite it by.",
        input_schema=schema_of(ReadArgs),
        run=run,
        read_only=True,
        timeout_s=2 * _TIMEOUT_S,
    )


async def search(settings: SearchSettings, query: str) -> list[Result]:
    """Ask the operator's search service.

    Raises:
        ToolFailed: It did not answer as it should.
    """
    import httpx

    try:
        async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
            response = await client.send(_request(client, settings, query))
            response.raise_for_status()
            if len(response.content) > _LARGEST_ANSWER:
                raise ToolFailed("The search service's answer is too long.")
            body = msgspec.json.decode(response.content)
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise ToolFailed(f"The search service answers {status}. Go on without it.") from None
    except (httpx.HTTPError, msgspec.DecodeError):
        raise ToolFailed("The search service can't be reached. Go on without it.") from None
    return list(_results(settings, body))


def _request(client: "httpx.AsyncClient", settings: SearchSettings, query: str) -> "httpx.Request":
    key = settings.secret
    match settings.kind:
        case "searxng":
            url = settings.url.rstrip("/") + "/search"
            headers = {"authorization": f"Bearer {key}"} if key else {}
            return client.build_request(
                "GET", url, params={"q": query, "format": "json"}, headers=headers
            )
        case "brave":
            headers = {"x-subscription-token": key, "accept": "application/json"}
            count = {"q": query, "count": str(settings.results)}
            return client.build_request(
                "GET", settings.url or _BRAVE, params=count, headers=headers
            )
        case _:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            body = {"query": query, "count": settings.results}
            return client.build_request("POST", settings.url, json=body, headers=headers)


def _results(settings: SearchSettings, body: Any) -> Sequence[Result]:
    try:
        if settings.kind == "brave":
            rows = body.get("web", {}).get("results", [])
            return [_result(row, "description") for row in rows]
        rows = body["results"]
        return [
            _result(row, "content" if settings.kind == "searxng" else "snippet") for row in rows
        ]
    except (AttributeError, KeyError, TypeError):
        raise ToolFailed("The search service's answer is not what it should be.") from None


def _result(row: dict[str, Any], words: str) -> Result:
    url = str(row["url"])
    if not url.startswith(("http://", "https://")):
        raise KeyError(url)
    return Result(str(row.get("title") or url)[:300], url, str(row.get(words) or "")[:2000])
