"""From a body to what is asked of the engine and what the answer is to look like."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

import msgspec
from pydantic import BaseModel

from consigne.api.anthropic import context, convert
from consigne.api.anthropic.encode import Shape
from consigne.api.anthropic.schemas import MessagesBody, PromptBody
from consigne.api.anthropic.tool_schemas import Cacheable
from consigne.domain.events import Cited
from consigne.domain.messages import Request
from consigne.domain.models import Model

Ttl = Literal["5m", "1h"]


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
        cache_ttl=cache_ttl(body),
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


def cache_ttl(body: PromptBody) -> Ttl | None:
    """Return the longest lifetime that a ``cache_control`` of the body asks for, if any does."""
    found = set(_lifetimes(body))
    return "1h" if "1h" in found else ("5m" if found else None)


def _lifetimes(body: PromptBody) -> list[Ttl]:
    marks = [body.cache_control] if body.cache_control else []
    parts: list[BaseModel] = [*(body.tools or ())]
    if isinstance(body.system, list):
        parts += body.system
    for message in body.messages:
        if isinstance(message.content, list):
            parts += message.content
            for block in message.content:
                inner = getattr(block, "content", None)
                parts += inner if isinstance(inner, list) else []
    marks += [p.cache_control for p in parts if isinstance(p, Cacheable) and p.cache_control]
    return [mark.ttl for mark in marks]
