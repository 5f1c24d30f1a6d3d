"""Web search within an answer: the model calls a tool that is run here, and cites what it found.

The search service is the operator's (``tools.search``), the same that the chat uses.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from consigne.domain.events import Cited
from consigne.domain.ids import new_id
from consigne.domain.messages import Json, TextBlock, Tool, ToolResultBlock, ToolUseBlock
from consigne.domain.models import Model
from consigne.settings import SearchSettings

NAME: Final = "web_search"
LONGEST_QUERY: Final = 400
_PASSAGE: Final = 150
"""Characters of a result that a citation shows."""
_PACKED: Final = "csn1."

Trouble = Literal["invalid_tool_input", "query_too_long", "max_uses_exceeded", "unavailable"]


class SearchWish(msgspec.Struct, frozen=True, kw_only=True):
    """How the request wants the web searched."""

    most: int | None = None
    """Most searches in the answer."""
    results: int | None = None
    """Results of one search; the operator's number where unset."""
    allowed: tuple[str, ...] = ()
    """Domains that results must be of, where there are any."""
    blocked: tuple[str, ...] = ()
    place: str = ""
    """Where the reader is."""


class Found(msgspec.Struct, frozen=True):
    """A page that was found."""

    number: int
    """By which the model cites it."""
    title: str
    url: str
    text: str


class SearchBegun(msgspec.Struct, frozen=True):
    """The model has called the tool."""

    search_id: str
    query: str


class SearchEnded(msgspec.Struct, frozen=True):
    """The search is over; ``trouble`` says what hindered it, if anything did."""

    begun: SearchBegun
    found: tuple[Found, ...] = ()
    trouble: Trouble | None = None


SearchEvent = SearchBegun | SearchEnded


def tool(wish: SearchWish) -> Tool:
    """Return the tool as the model is told of it."""
    schema: Json = {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "Words, as for a search engine."}
        },
        "required": ["query"],
    }
    about = (
        "Search the web, for what is recent, local or doubtful. Each result has a number: where "
        "your answer rests on one, write its number after the sentence, such as [2]."
    )
    return Tool(NAME, schema, f"{about} The reader is in {wish.place}." if wish.place else about)


def place_of(location: Json | None) -> str:
    """Return where a ``user_location`` is, in words."""
    told = [(location or {}).get(name) for name in ("city", "region", "country")]
    return ", ".join(part[:100] for part in told if isinstance(part, str) and part)


def packed(text: str) -> str:
    """Return a result's text for the client to carry: packed, not encrypted."""
    return _PACKED + base64.b64encode(text.encode("utf-8", "replace")).decode()


def unpacked(carried: str) -> str:
    """Return what was packed here; nothing where that was somebody else."""
    if not carried.startswith(_PACKED):
        return ""
    try:
        return base64.b64decode(carried.removeprefix(_PACKED), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


class Searcher:
    """Searches for one answer; what it finds is added to the passages that the answer may cite."""

    def __init__(
        self, settings: SearchSettings, wish: SearchWish, shown: dict[int, Cited], model: Model
    ) -> None:
        self._model = model
        self._settings = settings
        self._wish = wish
        self._shown = shown
        self._searches = 0

    async def run(self, call: ToolUseBlock) -> AsyncIterator[SearchEvent | ToolResultBlock]:
        """Search once; whatever hinders that is told the reader and the model."""
        from consigne.chat.tools.base import Outcome
        from consigne.chat.tools.limits import fitted

        query = call.input.get("query")
        begun = SearchBegun(new_id("ws"), query.strip() if isinstance(query, str) else "")
        yield begun
        ended, said = await self._search(begun)
        yield ended
        told = fitted(Outcome((TextBlock(said),), ended.trouble is not None), self._model)
        yield ToolResultBlock(call.id, told.content, is_error=told.is_error)

    async def _search(self, begun: SearchBegun) -> tuple[SearchEnded, str]:
        """Return what came of it, and what the model is told."""
        from consigne.chat.tools.base import ToolFailed
        from consigne.chat.tools.web import search

        self._searches += 1
        if not begun.query:
            return SearchEnded(begun, trouble="invalid_tool_input"), "Say what to search for."
        if len(begun.query) > LONGEST_QUERY:
            said = f"A query may have {LONGEST_QUERY} characters."
            return SearchEnded(begun, trouble="query_too_long"), said
        if self._wish.most is not None and self._searches > self._wish.most:
            said = "There were as many searches as this answer may have. Go on without."
            return SearchEnded(begun, trouble="max_uses_exceeded"), said
        try:
            results = await search(self._settings, self._narrowed(begun.query))
        except ToolFailed as error:
            return SearchEnded(begun, trouble="unavailable"), str(error)
        fitting = [each for each in results if self._is_wanted(each.url)]
        found = []
        for result in fitting[: self._wish.results or self._settings.results]:
            number = max(self._shown, default=0) + 1
            self._shown[number] = Cited(
                "", result.title, result.snippet[:_PASSAGE], 0, 0, url=result.url, number=number
            )
            found.append(Found(number, result.title, result.url, result.snippet))
        said = "\n\n".join(f"[{e.number}] {e.title}\n{e.url}\n{e.text}" for e in found)
        return SearchEnded(begun, tuple(found)), said or f"Nothing was found for: {begun.query}"

    def _narrowed(self, query: str) -> str:
        if not self._wish.allowed or self._settings.kind == "http":
            return query
        return f"{query} ({' OR '.join(f'site:{domain}' for domain in self._wish.allowed)})"

    def _is_wanted(self, url: str) -> bool:
        wish = self._wish
        return (not wish.allowed or is_of(url, wish.allowed)) and not is_of(url, wish.blocked)


def is_of(url: str, domains: Sequence[str]) -> bool:
    """Say whether an address is of one of the domains, which may have a path."""
    try:
        address = urlsplit(url)
        host, path = (address.hostname or "").lower(), address.path
    except ValueError:
        return False
    for each in domains:
        domain, _, under = each.lower().removeprefix("*.").partition("/")
        if (host == domain or host.endswith(f".{domain}")) and path.startswith(f"/{under}"):
            return True
    return False
