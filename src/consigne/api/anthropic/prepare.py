"""From a body to what is asked of the engine and what the answer is to look like."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from consigne.api.anthropic import context, convert
from consigne.api.anthropic.encode import Shape
from consigne.api.anthropic.schemas import MessagesBody, PromptBody
from consigne.domain.events import Cited
from consigne.domain.messages import Request
from consigne.domain.models import Model


class Models(Protocol):
    """What a request is prepared with (``gateway.Gateway``)."""

    def resolve(self, name: str) -> Model:
        """Return the model of this name."""
        ...

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        ...


class Ready(msgspec.Struct, frozen=True):
    """A request for one generation."""

    request: Request
    unedited: Request
    """The request before ``context_management``."""
    shape: Shape
    shown: dict[int, Cited] = {}
    """Passages that the answer may cite, by their numbers."""


Place = Callable[[Model, Request], Awaitable[tuple[Request, dict[int, Cited]]]]
"""Puts a request's files in place; tells which passages the answer may cite."""


async def prepare(body: PromptBody, gateway: Models, version: str, place: Place) -> Ready:
    """Convert a body, apply its context edits and note how its answer is told.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
        ModelNotFound: No model answers to the name.
    """
    model = gateway.resolve(body.model)
    asked, shown = await place(model, convert.to_request(body, model, version))
    shape = Shape(
        cache_ttl=asked.cache.ttl if asked.cache else None,
        cached_here=model.where == "here",
        show_thinking=not (body.thinking and body.thinking.display == "omitted"),
        diagnosed=isinstance(body, MessagesBody)
        and body.diagnostics is not None
        and body.diagnostics.previous_message_id is not None,
    )
    if body.context_management is None:
        return Ready(asked, asked, shape, shown)
    edited = await context.edit(asked, body.context_management, gateway.count_tokens)
    shape = msgspec.structs.replace(shape, edits=edited.applied)
    return Ready(edited.request, asked, shape, shown)
