"""Reading pages of the web within an answer: the model names an address and is shown what is there.

Only where the operator lets pages be read (``tools.web_pages``), and in the public internet alone.
An address must have come up before: a model that may name any could carry out what it was told.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from consigne.api.search_calls import is_of
from consigne.domain import sources
from consigne.domain.errors import ConsigneError
from consigne.domain.events import Cited
from consigne.domain.ids import new_id
from consigne.domain.messages import Json, Request, TextBlock, Tool, ToolResultBlock, ToolUseBlock
from consigne.domain.models import Model
from consigne.settings import ToolSettings

if TYPE_CHECKING:
    from consigne.chat.tools.base import ToolFailed
    from consigne.documents.attachments import Attachments
    from consigne.documents.reading import Part

NAME: Final = "web_fetch"
LONGEST_ADDRESS: Final = 250
LARGEST_PDF: Final = 20 * 2**20
_CHARACTERS_PER_TOKEN: Final = 4
_TIMEOUT_S: Final = 15.0
_SEARCH: Final = "web_search"

Trouble = Literal[
    "invalid_tool_input",
    "url_too_long",
    "url_not_allowed",
    "url_not_in_prior_context",
    "url_not_accessible",
    "unsupported_content_type",
    "too_many_requests",
    "max_uses_exceeded",
    "content_too_large",
]
_TROUBLES: Final[dict[str, Trouble]] = {
    "forbidden": "url_not_allowed",
    "type": "unsupported_content_type",
    "busy": "too_many_requests",
    "size": "content_too_large",
}


class Names(msgspec.Struct, frozen=True):
    """Some tools: those named, or all but those."""

    named: frozenset[str] = frozenset()
    but: bool = True

    def __contains__(self, name: str) -> bool:
        """Say whether a tool is one of them."""
        return (name in self.named) is not self.but


class FetchWish(msgspec.Struct, frozen=True, kw_only=True):
    """How the request wants pages read."""

    most: int | None = None
    """Most pages in the answer."""
    allowed: tuple[str, ...] = ()
    """Domains that addresses must be of, where there are any."""
    blocked: tuple[str, ...] = ()
    cite: bool = False
    """Whether the answer is to cite what it rests on."""
    most_tokens: int | None = None
    """Most tokens of a page's text, about."""
    from_user: bool = True
    """Whether addresses may come from what the user writes."""
    from_client: Names = Names()
    """The client's tools whose results they may come from."""
    from_server: Names = Names()
    """The same of those that are run here."""


class Page(msgspec.Struct, frozen=True):
    """What was read."""

    url: str
    """Where the address led."""
    title: str
    text: str
    at: datetime
    pdf: bytes | None = None
    """The document itself, where it is a PDF."""


class FetchBegun(msgspec.Struct, frozen=True):
    """The model has called the tool."""

    fetch_id: str
    url: str


class FetchEnded(msgspec.Struct, frozen=True):
    """The page is read; ``trouble`` says what hindered it, if anything did."""

    begun: FetchBegun
    cite: bool = False
    page: Page | None = None
    trouble: Trouble | None = None


FetchEvent = FetchBegun | FetchEnded


class _Refused(Exception):
    """A page that is not read: why, and what the model is told."""

    def __init__(self, trouble: Trouble, said: str) -> None:
        super().__init__(said)
        self.trouble: Trouble = trouble
        self.said = said


def tool(wish: FetchWish) -> Tool:
    """Return the tool as the model is told of it."""
    schema: Json = {
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "The page's whole address, with https://."}
        },
        "required": ["url"],
    }
    about = (
        "Read a page of the web, or a PDF, by its address, which must have come up in the "
        "conversation before."
    )
    if wish.cite:
        about += (
            " Its passages have numbers: where your answer rests on one, write its number after "
            "the sentence, such as [2]."
        )
    return Tool(NAME, schema, about)


class PageReader:
    """Reads pages for one answer; their passages are added to those that the answer may cite."""

    def __init__(
        self,
        settings: ToolSettings,
        wish: FetchWish,
        request: Request,
        shown: dict[int, Cited],
        attachments: "Attachments",
        model: Model,
    ) -> None:
        self._settings = settings
        self._wish = wish
        self._shown = shown
        self._attachments = attachments
        self._model = model
        self._told = list(_told(request, wish))
        self._documents = 1 + max(
            (c.document for c in shown.values() if c.source is None), default=-1
        )
        self._pages = 0

    async def run(self, call: ToolUseBlock) -> AsyncIterator[FetchEvent | ToolResultBlock]:
        """Read one page; whatever hinders that is told the reader and the model."""
        from consigne.chat.tools.base import Outcome
        from consigne.chat.tools.limits import fitted

        url = call.input.get("url")
        begun = FetchBegun(new_id("wf"), url.strip() if isinstance(url, str) else "")
        yield begun
        self._pages += 1
        try:
            page, said = await self._read(begun.url)
        except _Refused as refused:
            yield FetchEnded(begun, trouble=refused.trouble)
            yield ToolResultBlock(call.id, (TextBlock(refused.said),), is_error=True)
            return
        yield FetchEnded(begun, self._wish.cite, page)
        told = fitted(Outcome((TextBlock(said),)), self._model)
        yield ToolResultBlock(call.id, told.content)

    async def _read(self, url: str) -> tuple[Page, str]:
        """Return the page, and what the model is told of it.

        Raises:
            _Refused: It is not read.
        """
        self._check(url)
        page, parts = await self._fetched(url)
        if not self._is_wanted(page.url):
            raise _Refused("url_not_allowed", f"{url} leads to a place that may not be read.")
        if NAME in self._wish.from_server:
            self._told += [page.url, page.text]
        if self._wish.cite:
            return page, self._numbered(page, parts)
        return page, "\n".join(filter(None, (page.title, page.url, "", page.text)))

    def _check(self, url: str) -> None:
        wish = self._wish
        if not url.startswith(("http://", "https://")):
            raise _Refused("invalid_tool_input", "Give the page's whole address, with https://.")
        if len(url) > LONGEST_ADDRESS:
            said = f"An address may have {LONGEST_ADDRESS} characters."
            raise _Refused("url_too_long", said)
        if wish.most is not None and self._pages > wish.most:
            said = "There were as many pages as this answer may have. Go on without."
            raise _Refused("max_uses_exceeded", said)
        if not self._is_wanted(url):
            raise _Refused("url_not_allowed", "Pages of this domain may not be read.")
        found = (c.url for c in self._shown.values()) if _SEARCH in wish.from_server else ()
        if not any(_key(url) in text for text in (*self._told, *filter(None, found))):
            said = (
                "This address has not come up in the conversation. Only those that have are read."
            )
            raise _Refused("url_not_in_prior_context", said)

    def _is_wanted(self, url: str) -> bool:
        wish = self._wish
        return (not wish.allowed or is_of(url, wish.allowed)) and not is_of(url, wish.blocked)

    async def _fetched(self, url: str) -> tuple[Page, "Sequence[Part]"]:
        from consigne.chat.tools.base import ToolFailed
        from consigne.chat.tools.outside import outside
        from consigne.documents.reading import Part

        anywhere = self._settings.private_addresses
        asked = {"url": url, "timeout_s": _TIMEOUT_S, "anywhere": anywhere}
        try:
            found: Mapping[str, str] = await outside("read_page", asked)
        except ToolFailed as error:
            if error.kind == "pdf":
                return await self._pdf(url)
            raise _refused(error) from None
        text = self._cut(found["text"])
        page = Page(found["url"], found["title"], text, sources.now())
        return page, (Part(text),)

    async def _pdf(self, url: str) -> tuple[Page, "Sequence[Part]"]:
        from consigne.chat.tools.fetching import Fetcher
        from consigne.documents.reading import UnreadableFile

        try:
            found = await Fetcher(anywhere=self._settings.private_addresses)(url, LARGEST_PDF)
            parts = await self._attachments.parts(found.data, found.name, found.media_type)
        except UnreadableFile:
            raise _Refused("unsupported_content_type", "The PDF can't be read.") from None
        except ConsigneError as error:
            raise _Refused("url_not_accessible", error.message) from None
        text = "\n\n".join(part.text for part in parts)
        return Page(found.url, found.name, text, sources.now(), found.data), parts

    def _cut(self, text: str) -> str:
        most = self._wish.most_tokens
        return text if most is None else text[: most * _CHARACTERS_PER_TOKEN]

    def _numbered(self, page: Page, parts: "Sequence[Part]") -> str:
        """Return the page in passages, which the answer may cite from now on."""
        from consigne.chat.citing import numbered
        from consigne.documents.passages import cut
        from consigne.documents.values import Passage

        first, name = max(self._shown, default=0) + 1, page.title or page.url
        passages = [
            Passage("", name, number, each.page, each.section, each.start, each.text)
            for number, each in enumerate(cut(parts))
        ]
        for number, passage in enumerate(passages, first):
            text = passage.text.rstrip("\n")
            self._shown[number] = Cited(
                "", page.title, text, self._documents, passage.start, passage.page
            )
        self._documents += 1
        return f"{page.url}\n{numbered(passages, range(first, first + len(passages)))}"


def _refused(error: "ToolFailed") -> _Refused:
    return _Refused(_TROUBLES.get(error.kind, "url_not_accessible"), str(error))


def _told(request: Request, wish: FetchWish) -> Sequence[str]:
    """Return what addresses may come from."""
    names: dict[str, str] = {}
    found = [block.text for block in request.system] if wish.from_user else []
    for message in request.messages:
        for block in message.content:
            match block:
                case ToolUseBlock():
                    names[block.id] = block.name
                case ToolResultBlock():
                    name = names.get(block.tool_use_id, "")
                    may = wish.from_server if name in (NAME, _SEARCH) else wish.from_client
                    texts = (each for each in block.content if isinstance(each, TextBlock))
                    found += [each.text for each in texts] if name in may else []
                case TextBlock() if wish.from_user and message.role == "user":
                    found.append(block.text)
                case _:
                    pass
    return found


def _key(url: str) -> str:
    """Return what of an address must have come up: people leave its beginning and its end out."""
    return url.partition("://")[2].partition("#")[0].removeprefix("www.").rstrip("/")
