"""The gateway as an application sees it: assistants of its workspace are models beside the others.

An assistant's instructions stand before the caller's own system text; its settings hold where the
request says nothing else.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, cast

import msgspec

from consigne.chat.assistants import Assistant
from consigne.domain.errors import ConsigneError, InvalidRequest
from consigne.domain.events import Event, MessageStart
from consigne.domain.messages import Request, TextBlock
from consigne.domain.models import Modality, Model
from consigne.engines.base import Scores
from consigne.gateway.gateway import Gateway
from consigne.gateway.passing import Passing


def assisting(gateway: Gateway, assistants: Sequence[Assistant]) -> Gateway:
    """Return the gateway with assistants as models; where there are none it is the gateway."""
    return cast("Gateway", _Assisting(gateway, assistants)) if assistants else gateway


def as_model(assistant: Assistant, model: Model) -> Model:
    """Return the model that an assistant is to its callers."""
    return msgspec.structs.replace(
        model,
        id=assistant.id,
        name=assistant.name,
        created=int(assistant.created_at.timestamp()),
        owner="workspace",
        starter=False,
    )


def applied(assistant: Assistant, request: Request) -> Request:
    """Return the request that its model gets when an assistant is asked."""
    said = (TextBlock(assistant.instructions),) if assistant.instructions else ()
    wanted, settings = request.sampling, assistant.settings
    if request.raw_prompt is not None and said:
        raise InvalidRequest("An assistant answers messages, not raw prompts.", param="model")
    return msgspec.structs.replace(
        request,
        model=assistant.model,
        system=(*said, *request.system),
        sampling=msgspec.structs.replace(
            wanted,
            temperature=_or(wanted.temperature, settings.temperature),
            top_p=_or(wanted.top_p, settings.top_p),
        ),
        max_tokens=_or(request.max_tokens, settings.max_tokens),
    )


class _Assisting:
    """Puts assistants in front of their models; all else is the gateway's own."""

    def __init__(self, gateway: Gateway, assistants: Sequence[Assistant]) -> None:
        self._gateway = gateway
        self._assistants = {assistant.id: assistant for assistant in assistants}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def models(self) -> list[Model]:
        found = self._gateway.models()
        for assistant in self._assistants.values():
            try:
                model = self._gateway.resolve(assistant.model)
            except ConsigneError:
                continue  # its model was removed, so nobody can call it
            found.append(as_model(assistant, model))
        return found

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        assistant = self._assistants.get(name)
        if assistant is None:
            return self._gateway.resolve(name, modality)
        return as_model(assistant, self._gateway.resolve(assistant.model, modality))

    def generate(self, request: Request) -> AsyncIterator[Event]:
        assistant = self._assistants.get(request.model)
        if assistant is None:
            return self._gateway.generate(request)
        events = self._gateway.generate(applied(assistant, request))
        return Passing(_named(events, assistant.id), events)

    async def count_tokens(self, request: Request) -> int:
        assistant = self._assistants.get(request.model)
        return await self._gateway.count_tokens(
            applied(assistant, request) if assistant else request
        )

    async def score(self, request: Request) -> Scores:
        assistant = self._assistants.get(request.model)
        return await self._gateway.score(applied(assistant, request) if assistant else request)


async def _named(events: AsyncIterator[Event], name: str) -> AsyncGenerator[Event, None]:
    """Let the answer bear the name that was asked for."""
    try:
        async for event in events:
            if isinstance(event, MessageStart):
                event = msgspec.structs.replace(event, model=name)  # noqa: PLW2901
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _or(wanted: Any, otherwise: Any) -> Any:
    return otherwise if wanted is None else wanted
