"""Models and their installation as the web app's API shows them, and the bodies that it takes."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from consigne.api.app_routes.schemas import In, Out, Problem


class NewPull(In):
    """Where the model comes from: ``starter``, ``minilm``, ``hf:OWNER/REPO[:FILE]``."""

    source: Annotated[str, Field(max_length=500)]


class Capabilities(Out):
    """What a model can be asked for."""

    tools: bool
    structured_output: bool
    images_in: bool
    documents_in: bool
    document_urls: bool
    thinking: bool
    logprobs: bool


class Speed(Out):
    """How fast a model writes, to one reader at a time."""

    tokens_per_s: float
    measured: bool
    """Whether its last answers here say so; else the machine and the model's size do."""


class Price(Out):
    """What a model costs, in millionths of the currency: of a million tokens or pictures."""

    input: int
    cached_input: int
    cache_creation: int
    output: int
    image: int


class Model(Out):
    """A model that can be chosen."""

    id: str
    name: str
    modality: Literal["text", "embedding", "image"]
    where: str
    context: int
    starter: bool
    capabilities: Capabilities
    state: Literal["idle", "loading", "ready"]
    languages: list[str]
    license: str
    size_bytes: int
    speed: Speed | None
    """Where it is known."""
    price: Price | None
    """Where the operator says so."""


class Models(Out):
    """All models."""

    currency: str
    """Of all prices."""
    default: str | None
    paints: str | None
    """The model that makes pictures where none is named."""
    changes_pictures: bool
    """Whether the model of pictures can draw a part of one anew."""
    models: list[Model]


class Machine(Out):
    """The machine that the service runs on."""

    memory_bytes: int
    cores: int


class Note(Out):
    """A sentence about a model."""

    en: str
    fr: str


class Suggestion(Out):
    """A model worth having."""

    id: str
    name: str
    source: str
    size_bytes: int
    parameters: int
    context: int
    license: str
    languages: list[str]
    note: Note
    expected_tokens_per_s: float
    fits: bool
    recommended: bool
    installed: bool


class ImageSuggestion(Out):
    """An image model worth having."""

    id: str
    name: str
    source: str
    size_bytes: int
    license: Note
    license_url: str
    width: int
    height: int
    steps: int
    """To a picture, as it was made for."""
    note: Note
    fits: bool
    runs: bool
    """Whether what it runs on (torch, for some) is installed."""
    installed: bool


class Suggestions(Out):
    """Models worth having on this machine."""

    as_of: date
    machine: Machine
    suggestions: list[Suggestion]
    images_as_of: date
    images: list[ImageSuggestion]


class Pull(Out):
    """A model on its way."""

    id: str
    source: str
    model: str | None
    state: Literal["running", "done", "failed", "cancelled"]
    phase: Literal["download", "verify", "convert", "install"]
    done_bytes: int
    total_bytes: int | None
    bytes_per_s: float | None
    seconds_left: float | None
    error: Problem | None


class Pulls(Out):
    """All models on their way, and the last that arrived."""

    pulls: list[Pull]
