"""Chat completions that search the web first (``web_search_options``)."""

from collections.abc import AsyncIterator, Callable

import msgspec

from consigne.api import search_calls
from consigne.api.openai.chat.schemas import ChatBody
from consigne.api.openai.searches import RESULTS
from consigne.api.openai.shared import refuse
from consigne.api.run_here import answering
from consigne.api.search_calls import Searcher, SearchWish
from consigne.chat.quoting import telling
from consigne.domain.batches import close
from consigne.domain.events import EVENTS, Cited, Event
from consigne.domain.messages import Request, ToolChoice
from consigne.domain.models import Model
from consigne.settings import SearchSettings

Generate = Callable[[Request], AsyncIterator[Event]]


def wanted(body: ChatBody, settings: SearchSettings) -> SearchWish | None:
    """Return how a request wants the web searched, if it does.

    Raises:
        InvalidField: No search service is set up.
    """
    options = body.web_search_options
    if options is None:
        return None
    if not settings.kind:
        message = "the operator has set no search service up (tools.search)"
        refuse("web_search_options", message, "unsupported")
    location = options.user_location
    return SearchWish(
        results=RESULTS.get(options.search_context_size or "medium"),
        place=search_calls.place_of(location.approximate if location else None),
    )


def asked(request: Request, wish: SearchWish) -> Request:
    """Return the request with the search as a tool; where it has no others it is called first.

    Raises:
        InvalidField: It has a tool of the same name.
    """
    if any(tool.name == search_calls.NAME for tool in request.tools):
        message = f"a tool '{search_calls.NAME}' is yours already: send one of the two"
        refuse("web_search_options", message)
    choice = request.tool_choice
    if not request.tools:
        choice = ToolChoice("tool", search_calls.NAME)
    tools = (*request.tools, search_calls.tool(wish))
    return msgspec.structs.replace(request, tools=tools, tool_choice=choice)


async def generated(
    request: Request, generate: Generate, settings: SearchSettings, wish: SearchWish, model: Model
) -> AsyncIterator[Event]:
    """Yield an answer; of its searches only what its texts rest on is told."""
    shown: dict[int, Cited] = {}
    searcher = Searcher(settings, wish, shown, model)

    def turn(again: Request) -> AsyncIterator[Event]:
        return telling(generate(again), shown)

    events = answering(request, turn, {search_calls.NAME: searcher})
    try:
        async for event in events:
            if isinstance(event, EVENTS):
                yield event
    finally:
        await close(events)
