"""The gateway as an application sees it: assistants of its workspace are models beside the others.

An assistant's instructions stand before the caller's own system text; its settings hold where the
request says nothing else. What it knows is shown to its model as in the chat, and each text tells
which passages it cites. One answer has one numbering: where the caller shows passages or pages of
its own, its documents take the numbers that are free, and the caller tells them with the others.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Protocol, cast

import msgspec

from consigne.chat.assistants import Assistant
from consigne.chat.grounding import Known
from consigne.chat.quoting import telling
from consigne.chat.values import Citation
from consigne.domain.batches import Batches, batches_of, close
from consigne.domain.errors import ConsigneError, InvalidRequest
from consigne.domain.events import Cited, Event, MessageStart
from consigne.domain.messages import Message, Request, TextBlock
from consigne.domain.models import Modality, Model
from consigne.engines.base import Scores
from consigne.gateway.gateway import Gateway
from consigne.gateway.metering import name_model


class Knowledge(Protocol):
    """Finds what documents say to a question (``chat.grounding.Grounding``)."""

    async def known(
        self,
        model: Model,
        organisation_id: str,
        knowledge: Sequence[str],
        asked: Sequence[str],
        taken: Collection[int] = (),
    ) -> Known:
        """Return what documents bring to the last of the questions asked, under free numbers."""
        ...


def assisting(
    gateway: Gateway,
    assistants: Sequence[Assistant],
    knowledge: Knowledge | None = None,
    organisation_id: str = "",
) -> Gateway:
    """Return the gateway with assistants as models; where there are none it is the gateway.

    Args:
        gateway: What answers.
        assistants: Those of the organisation's workspace that asks.
        knowledge: Finds what their documents say; without it they know nothing.
        organisation_id: Whose documents they are.
    """
    if not assistants:
        return gateway
    return cast("Gateway", _Assisting(gateway, assistants, knowledge, organisation_id))


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


def informed(request: Request, known: Known) -> Request:
    """Return the request with what its assistant's documents bring to it."""
    system = known.system if request.output.kind == "text" else known.system[:-1]
    request = msgspec.structs.replace(request, system=(*request.system, *system))
    if known.found is None:
        return request
    messages = list(request.messages)
    at = max(i for i, message in enumerate(messages) if _asks(message))
    content = list(messages[at].content)
    first = next(i for i, block in enumerate(content) if isinstance(block, TextBlock))
    content.insert(first, known.found)
    messages[at] = Message("user", tuple(content))
    return msgspec.structs.replace(request, messages=tuple(messages))


def _asks(message: Message) -> bool:
    return message.role == "user" and any(isinstance(b, TextBlock) for b in message.content)


class _Assisting:
    """Puts assistants in front of their models; all else is the gateway's own."""

    def __init__(
        self,
        gateway: Gateway,
        assistants: Sequence[Assistant],
        knowledge: Knowledge | None,
        organisation_id: str,
    ) -> None:
        self._gateway = gateway
        self._assistants = {assistant.id: assistant for assistant in assistants}
        self._knowledge = knowledge
        self._organisation_id = organisation_id

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
        name_model(name)
        return as_model(assistant, self._gateway.resolve(assistant.model, modality))

    def generate(self, request: Request) -> AsyncIterator[Event]:
        assistant = self._assistants.get(request.model)
        if assistant is None:
            return self._gateway.generate(request)
        if assistant.knowledge:
            return self._knowing(assistant, request)
        return _Named(self._gateway.generate(applied(assistant, request)), assistant.id)

    async def _knowing(self, assistant: Assistant, request: Request) -> AsyncGenerator[Event, None]:
        wanted, shown = await self._informed(assistant, request)
        named = _Named(self._gateway.generate(wanted), assistant.id)
        events: _Named | AsyncGenerator[Event, None] = named
        if request.cites is None:
            events = telling(named, _told(shown))
        else:
            documents = (
                each.document for each in _others(request, assistant).values() if _given(each)
            )
            request.cites.update(_told(shown, 1 + max(documents, default=-1)))
        try:
            async for event in events:
                yield event
        finally:
            await events.aclose()

    async def _informed(
        self, assistant: Assistant, request: Request
    ) -> tuple[Request, dict[int, Citation]]:
        """Return what the model is asked, and the passages that it is shown."""
        wanted = applied(assistant, request)
        if not assistant.knowledge or self._knowledge is None:
            return wanted, {}
        model = self._gateway.resolve(assistant.model)
        asked = [message.text for message in request.messages if _asks(message)]
        known = await self._knowledge.known(
            model, self._organisation_id, assistant.knowledge, asked, _others(request, assistant)
        )
        return informed(wanted, known), known.shown

    async def count_tokens(self, request: Request) -> int:
        assistant = self._assistants.get(request.model)
        if assistant is not None:
            request, _ = await self._informed(assistant, request)
        return await self._gateway.count_tokens(request)

    async def score(self, request: Request) -> Scores:
        assistant = self._assistants.get(request.model)
        return await self._gateway.score(applied(assistant, request) if assistant else request)


def _others(request: Request, assistant: Assistant) -> Mapping[int, Cited]:
    """Return what the request's caller has shown beside the assistant's own documents."""
    cites: Mapping[int, Cited] = request.cites or {}
    return {n: each for n, each in cites.items() if each.file_id not in assistant.knowledge}


def _given(cited: Cited) -> bool:
    """Say whether a passage is of a document that came with the request."""
    return cited.url is None and cited.source is None


def _told(shown: dict[int, Citation], first: int = 0) -> dict[int, Cited]:
    """Return passages as answers tell of them; their documents are counted from ``first``."""
    documents = list(dict.fromkeys(each.document_id for each in shown.values()))
    return {
        number: Cited(
            file_id=each.document_id,
            filename=each.filename,
            text=each.text,
            document=first + documents.index(each.document_id),
            start=each.start,
            page=each.page,
        )
        for number, each in shown.items()
    }


class _Named(Batches[Event]):
    """An answer that bears the name that was asked for."""

    def __init__(self, events: AsyncIterator[Event], name: str) -> None:
        self._events = events
        self._source = batches_of(events)
        self._name = name

    async def _next(self) -> Sequence[Event]:
        found = await self._source()
        if not any(isinstance(event, MessageStart) for event in found):
            return found
        return [
            msgspec.structs.replace(event, model=self._name)
            if isinstance(event, MessageStart)
            else event
            for event in found
        ]

    async def aclose(self) -> None:
        """End the generation, if it has not ended."""
        await close(self._events)


def _or(wanted: Any, otherwise: Any) -> Any:
    return otherwise if wanted is None else wanted
