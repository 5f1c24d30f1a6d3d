"""What a provider is: a server elsewhere that generates as the engines here do."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from consigne.domain.embeddings import Embeddable, Embeddings
from consigne.domain.errors import Unsupported
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Request,
    ToolResultBlock,
)
from consigne.domain.models import Model
from consigne.domain.usage import Price
from consigne.providers.faults import Troubles


class Deployment(msgspec.Struct, frozen=True):
    """A model at a provider."""

    model: Model
    """What callers see of it."""
    upstream: str
    """Its name at the provider."""
    max_output: int = 0
    """Most tokens of one answer; 0 where unknown."""
    prompt_cache: bool = False
    """Whether the provider is asked to cache prompts."""
    price: Price | None = None
    """What it costs, where the operator says so."""


class Provider(Protocol):
    """Generates with the models of one server elsewhere."""

    @property
    def deployments(self) -> Sequence[Deployment]:
        """The models it answers for."""
        ...

    @property
    def troubles(self) -> Troubles:
        """What went wrong with it."""
        ...

    def generate(self, deployment: Deployment, request: Request) -> AsyncIterator[Event]:
        """Generate an answer, event by event.

        Closing the iterator (``aclose``) aborts the request at the provider.

        Raises:
            InvalidRequest: What the provider refuses, or can't be asked (``Unsupported``).
            RateLimited: The provider limits us.
            Overloaded: The provider has too much to do.
            UpstreamFailed: It can't be reached, refuses our credentials or breaks off.
        """
        ...

    async def count_tokens(self, deployment: Deployment, request: Request) -> int:
        """Return how many tokens the request's prompt has.

        Raises:
            Unsupported: The provider has no way to tell.
        """
        ...

    async def embed(
        self, deployment: Deployment, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        """Return one vector for each text, of so many dimensions where that is said.

        Raises:
            Unsupported: The provider makes no vectors.
        """
        ...

    def draw(self, deployment: Deployment, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make pictures, event by event.

        Raises:
            Unsupported: The provider makes no pictures, or not what is asked for.
            ConsigneError: As ``generate``.
        """
        ...


def check_capabilities(deployment: Deployment, request: Request) -> None:
    """Refuse what the operator has not declared that the model can do.

    Raises:
        Unsupported: The message names it.
    """
    able = deployment.model.capabilities
    needed = {
        "tools": (able.tools, bool(request.tools)),
        "structured output": (able.structured_output, request.output.kind != "text"),
        "log-probabilities": (able.logprobs, request.logprobs is not None),
    }
    for what, (can, wanted) in needed.items():
        if wanted and not can:
            raise _unable(deployment, what)
    if able.images_in and able.documents_in:
        return
    for message in request.messages:
        for block in message.content:
            _check_readable(deployment, block)


def _check_readable(deployment: Deployment, block: ContentBlock) -> None:
    able = deployment.model.capabilities
    match block:
        case ImageBlock() if not able.images_in:
            raise _unable(deployment, "images")
        case DocumentBlock() if not able.documents_in:
            raise _unable(deployment, "documents")
        case ToolResultBlock():
            for inner in block.content:
                _check_readable(deployment, inner)
        case _:
            pass


def _unable(deployment: Deployment, what: str) -> Unsupported:
    return Unsupported(f"The model {deployment.model.id} does not take {what}.")


def refuse(deployment: Deployment, param: str, reason: str) -> Unsupported:
    """Return the error that says what the provider's API has no word for."""
    return Unsupported(
        f"'{param}' can't be passed on: {deployment.model.id} runs at a provider whose API "
        f"{reason}.",
        param=param,
    )
