"""The one door to generation: names become models, models become engines."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

from consigne.domain.errors import InvalidRequest, ModelNotFound
from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.domain.models import Modality, Model
from consigne.engines.base import EmbeddingEngine, Embeddings, InstalledModel, Scores, TextEngine
from consigne.settings import ModelSettings

ModelState = Literal["idle", "loading", "ready"]


class Library(Protocol):
    """The models on this machine's disk."""

    def list(self) -> Sequence[InstalledModel]:
        """Return the installed models, oldest first."""
        ...

    def get(self, model_id: str) -> InstalledModel | None:
        """Return the model of this id, if it is installed."""
        ...


class Engines(Protocol):
    """The engines of the models on this machine, loaded when first used."""

    def text(self, model: InstalledModel) -> TextEngine:
        """Return the text engine of a model."""
        ...

    def embedding(self, model: InstalledModel) -> EmbeddingEngine:
        """Return the embedding engine of a model."""
        ...

    def preload(self, model: InstalledModel) -> None:
        """Begin to load a model in the background."""
        ...

    def state(self, model_id: str) -> ModelState:
        """Say whether a model is loaded."""
        ...


class Gateway:
    """Resolves the names that callers use and passes their requests to the right engine."""

    def __init__(self, settings: ModelSettings, library: Library, engines: Engines) -> None:
        self._settings = settings
        self._library = library
        self._engines = engines

    def models(self) -> list[Model]:
        """Return every model that a caller can name, oldest first."""
        return [installed.as_model() for installed in self._library.list()]

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model that ``name`` means; an empty name means the default.

        Raises:
            ModelNotFound: No model answers to the name.
            InvalidRequest: The model is of another modality.
        """
        return self._installed(name, modality).as_model()

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the model that is used where none is named, if any is installed."""
        installed = self._default(modality)
        return installed.as_model() if installed else None

    def state(self, model_id: str) -> ModelState:
        """Say whether a model is loaded."""
        return self._engines.state(model_id)

    def preload(self) -> None:
        """Begin to load the default model, so that the first question finds it ready."""
        if installed := self._default("text"):
            self._engines.preload(installed)

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer (see ``TextEngine.generate`` for what it raises).

        Raises:
            ModelNotFound: No model answers to the request's name.
            InvalidRequest: The model does not write text.
        """
        return self._engines.text(self._installed(request.model, "text")).generate(request)

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has.

        Raises:
            ModelNotFound: No model answers to the request's name.
        """
        engine = self._engines.text(self._installed(request.model, "text"))
        return await engine.count_tokens(request)

    async def score(self, request: Request) -> Scores:
        """Return how likely the request's prompt is (see ``TextEngine.score``).

        Raises:
            ModelNotFound: No model answers to the request's name.
        """
        engine = self._engines.text(self._installed(request.model, "text"))
        return await engine.score(request)

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector for each text.

        Raises:
            ModelNotFound: No model answers to the name.
            InvalidRequest: The model does not embed.
        """
        engine = self._engines.embedding(self._installed(model, "embedding"))
        return await engine.embed(texts)

    def _installed(self, name: str, modality: Modality) -> InstalledModel:
        wanted = self._settings.aliases.get(name, name)
        found = self._library.get(wanted) if wanted else self._default(modality)
        if found is None:
            raise ModelNotFound(_unknown(name), param="model")
        if found.manifest.modality != modality:
            raise InvalidRequest(
                f"The model {found.id} is of kind {found.manifest.modality}; "
                f"this call needs one of kind {modality}.",
                param="model",
            )
        return found

    def _default(self, modality: Modality) -> InstalledModel | None:
        named = self._settings.embedding if modality == "embedding" else self._settings.default
        if named and (installed := self._library.get(self._settings.aliases.get(named, named))):
            return installed
        candidates = [m for m in self._library.list() if m.manifest.modality == modality]
        better = [m for m in candidates if not m.manifest.starter]
        return next(iter(better or candidates), None)


def _unknown(name: str) -> str:
    if not name:
        return "No model is installed. Install one with: consigne models pull starter"
    return f"The model '{name}' does not exist here. GET /v1/models lists those that do."
