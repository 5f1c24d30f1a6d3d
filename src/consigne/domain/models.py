"""What a caller can name, and what it can do."""

from typing import Literal

import msgspec

from consigne.domain.images import ImageTraits

Modality = Literal["text", "embedding", "image"]


class Capabilities(msgspec.Struct, frozen=True):
    """What a model can be asked for."""

    tools: bool = False
    structured_output: bool = False
    images_in: bool = False
    documents_in: bool = False
    document_urls: bool = False
    """Whether it reads documents at their addresses by itself."""
    thinking: bool = False
    logprobs: bool = False


class Model(msgspec.Struct, frozen=True):
    """A model that a caller can name."""

    id: str
    name: str
    """For people, such as ``SmolLM2 135M Instruct``."""
    modality: Modality
    created: int
    """When it was added, in seconds since 1970."""
    context: int
    """Most tokens of prompt and answer together."""
    capabilities: Capabilities = Capabilities()
    where: str = "here"
    """Where it runs: ``here``, or the provider's name and region."""
    owner: str = "consigne"
    starter: bool = False
    """Whether it is the small model that comes with the first start."""
    image: ImageTraits | None = None
    """Of an image model that runs here."""
