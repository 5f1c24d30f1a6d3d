"""The gateway as a bounded key sees it: its models alone, and its tokens counted."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from consigne.business.limits import Account, Reservation
from consigne.domain.embeddings import Embeddable
from consigne.domain.errors import ConsigneError, ModelNotPermitted
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request, TextBlock, ThinkingBlock, ToolResultBlock
from consigne.domain.models import Modality, Model
from consigne.domain.usage import Usage
from consigne.engines.base import Embeddings, Scores
from consigne.gateway.gateway import Gateway
from consigne.gateway.passing import Tally, passing
from consigne.gateway.traffic import cut

BYTES_PER_TOKEN = 4
"""Of most languages' text in most vocabularies: good enough for what is settled afterwards."""
MOST_OUTPUT_RESERVED = 1024
"""Tokens set aside for an answer at most: clients ask for far more than they get."""
TOKENS_PER_FILE = 1000

_MODALITIES: tuple[Modality, ...] = ("text", "embedding", "image")


def guarded(
    gateway: Gateway, models: frozenset[str] | None = None, account: Account | None = None
) -> Gateway:
    """Return the gateway, limited to ``models`` and counting its tokens in ``account``.

    Where there is neither bound it is the gateway itself.
    """
    metered = account if account is not None and account.counts_tokens else None
    if models is None and metered is None:
        return gateway
    return cast("Gateway", _Guarded(gateway, models, metered))


class _Guarded:
    """Refuses other models and counts tokens; all else is the gateway's own."""

    def __init__(
        self, gateway: Gateway, models: frozenset[str] | None, account: Account | None
    ) -> None:
        self._gateway = gateway
        self._models = models
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._gateway, name)

    def models(self) -> list[Model]:
        return [model for model in self._gateway.models() if self._may_use(model.id)]

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        model = self._gateway.resolve(name, modality)
        self._check(model.id, name)
        return model

    def generate(self, request: Request) -> AsyncIterator[Event]:
        self._check(request.model, request.model)
        if self._account is None:
            return self._gateway.generate(request)
        return passing(self._gateway.generate(request), _Metering(request, self._account))

    async def count_tokens(self, request: Request) -> int:
        self._check(request.model, request.model)
        return await self._gateway.count_tokens(request)

    async def score(self, request: Request) -> Scores:
        self._check(request.model, request.model)
        if self._account is None:
            return await self._gateway.score(request)
        reserved = self._account.reserve(*estimate(request))
        used = Usage()
        try:
            found = await self._gateway.score(request)
            used = Usage(len(found.tokens))
            return found
        finally:
            reserved.settle(used)

    async def embed(
        self, model: str, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        self._check(model, model)
        if self._account is None:
            return await self._gateway.embed(model, texts, dimensions)
        estimate = sum(map(_tokens, texts))
        reserved = self._account.reserve(estimate + len(texts), 0)
        used = Usage()
        try:
            found = await self._gateway.embed(model, texts, dimensions)
            used = Usage(found.input_tokens)
            return found
        finally:
            reserved.settle(used)

    def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        self._check(request.model, request.model)
        return self._gateway.draw(request)

    def _check(self, model_id: str, name: str) -> None:
        if not self._may_use(model_id):
            raise ModelNotPermitted(
                f"This API key may not use the model '{name[:256]}'. GET /v1/models lists those "
                "that it may.",
                param="model",
            )

    def _may_use(self, model_id: str) -> bool:
        if self._models is None or model_id in self._models:
            return True
        return any(model_id in self._ids(name) for name in self._models)

    def _ids(self, name: str) -> set[str]:
        """Return the ids that a name of the key's list means (an alias means another name)."""
        found = set()
        for modality in _MODALITIES:
            try:
                found.add(self._gateway.resolve(name, modality).id)
            except ConsigneError:
                continue
        return found


def _tokens(text: Embeddable) -> int:
    if isinstance(text, str):
        return len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    return len(text)


class _Metering:
    """Counts in an account what one generation uses; of one that is cut, as far as it came."""

    __slots__ = ("_account", "_request", "_reserved")

    def __init__(self, request: Request, account: Account) -> None:
        self._request = request
        self._account = account
        self._reserved: Reservation | None = None

    def begin(self) -> None:
        self._reserved = self._account.reserve(*estimate(self._request))

    def see(self, tally: Tally) -> None:
        if tally.finished:
            self._settle(tally)

    def end(self, _: BaseException | None, tally: Tally) -> None:
        self._settle(tally)

    def _settle(self, tally: Tally) -> None:
        reserved, self._reserved = self._reserved, None
        if reserved is not None:
            reserved.settle(cut(tally.usage, tally.deltas))


def estimate(request: Request) -> tuple[int, int]:
    """Return about how many tokens a request's prompt has, and how many to set aside to answer."""
    size = sum(len(block.text) for block in request.system)
    raw = request.raw_prompt or ""
    size += len(raw) if isinstance(raw, str) else len(raw) * BYTES_PER_TOKEN
    files = 0
    for message in request.messages:
        for block in message.content:
            size, files = _add(block, size, files)
    size += sum(len(tool.description) + len(repr(tool.input_schema)) for tool in request.tools)
    asked = MOST_OUTPUT_RESERVED if request.max_tokens is None else request.max_tokens
    prompt = size // BYTES_PER_TOKEN + files * TOKENS_PER_FILE + 1
    return prompt, min(asked, MOST_OUTPUT_RESERVED)


def _add(block: Any, size: int, files: int) -> tuple[int, int]:
    match block:
        case TextBlock():
            return size + len(block.text), files
        case ThinkingBlock():
            return size + len(block.thinking), files
        case ToolResultBlock():
            for inner in block.content:
                size, files = _add(inner, size, files)
            return size, files
        case _ if hasattr(block, "input"):
            return size + len(repr(block.input)), files
        case _:
            return size, files + 1
