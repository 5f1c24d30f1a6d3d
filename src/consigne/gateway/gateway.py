"""The one door to generation: names become models, models become engines or providers."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Literal, Protocol

from consigne.domain.embeddings import Embeddable
from consigne.domain.errors import InvalidRequest, ModelNotFound, Unsupported
from consigne.domain.events import Event
from consigne.domain.images import ImageEvent, ImageRequest
from consigne.domain.messages import Request
from consigne.domain.models import Modality, Model
from consigne.domain.usage import Price, Usage
from consigne.engines.base import (
    EmbeddingEngine,
    Embeddings,
    ImageEngine,
    InstalledModel,
    Scores,
    TextEngine,
)
from consigne.gateway import captions
from consigne.gateway.metering import Part, counted, name_model
from consigne.gateway.targets import Target, Targets
from consigne.gateway.traffic import Traffic
from consigne.providers.base import Provider
from consigne.providers.faults import Troubles
from consigne.settings import BatchSettings, ModelSettings

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

    def image(self, model: InstalledModel) -> ImageEngine:
        """Return the image engine of a model."""
        ...

    def preload(self, model: InstalledModel) -> None:
        """Begin to load a model in the background."""
        ...

    def state(self, model_id: str) -> ModelState:
        """Say whether a model is loaded."""
        ...


class Gateway:
    """Resolves the names that callers use and passes their requests to what serves them.

    A model that is installed here answers for its id; else the providers that have it do.
    """

    def __init__(
        self,
        settings: ModelSettings,
        library: Library,
        engines: Engines,
        providers: Iterable[Provider] = (),
        batches: BatchSettings | None = None,
    ) -> None:
        self.traffic = Traffic((batches or BatchSettings()).concurrency)
        self._settings = settings
        self._library = library
        self._engines = engines
        self._targets = Targets(providers)
        self._prices = {name: price.exact for name, price in settings.prices.items()}

    def models(self) -> list[Model]:
        """Return every model that a caller can name: those here, oldest first, then the others."""
        here = [installed.as_model() for installed in self._library.list()]
        ids = {model.id for model in here}
        return here + [model for model in self._targets.models() if model.id not in ids]

    def price(self, model_id: str) -> Price | None:
        """Return what a model's work costs, where the operator says so."""
        found = None if self._library.get(model_id) else self._targets.get(model_id)
        return self._prices.get(model_id) or (found.price if found else None)

    def troubles(self) -> dict[str, Troubles]:
        """Return what went wrong with each provider, by its name."""
        return self._targets.troubles()

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model that ``name`` means; an empty name means the default.

        Raises:
            ModelNotFound: No model answers to the name.
            InvalidRequest: The model is of another modality.
        """
        found = self._find(name, modality)
        return found.as_model() if isinstance(found, InstalledModel) else found.model

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the model that is used where none is named, if there is any."""
        found = self._default(modality)
        if found is None:
            return None
        return found.as_model() if isinstance(found, InstalledModel) else found.model

    def state(self, model_id: str) -> ModelState:
        """Say whether a model is loaded; one at a provider always is."""
        if self._library.get(model_id) is None and self._targets.get(model_id) is not None:
            return "ready"
        return self._engines.state(model_id)

    def preload(self) -> None:
        """Begin to load the default model, so that the first question finds it ready."""
        found = self._default("text")
        if isinstance(found, InstalledModel):
            self._engines.preload(found)

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer (see ``TextEngine.generate`` and ``Provider.generate``).

        Raises:
            ModelNotFound: No model answers to the request's name.
            InvalidRequest: The model does not write text.
        """
        found = self._find(request.model, "text")
        part = self._part(found, again=request.again)
        if isinstance(found, InstalledModel):
            return self.traffic.watched(self._engines.text(found).generate(request), part)
        return self.traffic.watched(found.generate(request, part), part)

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has.

        Raises:
            ModelNotFound: No model answers to the request's name.
            Unsupported: The model runs at a provider that can't tell.
        """
        found = self._find(request.model, "text")
        if isinstance(found, InstalledModel):
            return await self._engines.text(found).count_tokens(request)
        return await found.count_tokens(request)

    async def score(self, request: Request) -> Scores:
        """Return how likely the request's prompt is (see ``TextEngine.score``).

        Raises:
            ModelNotFound: No model answers to the request's name.
            Unsupported: The model runs at a provider, which can't tell.
        """
        found = self._find(request.model, "text")
        if isinstance(found, InstalledModel):
            with self.traffic.waited_for(), counted(self._part(found, again=request.again)) as used:
                scores = await self._engines.text(found).score(request)
                written = 0 if request.again else request.max_tokens or 0
                used.append(Usage(len(scores.tokens), output_tokens=written))
                return scores
        raise Unsupported(f"The model {found.id} runs at a provider, which scores no prompts.")

    async def embed(
        self, model: str, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        """Return one vector for each text.

        Args:
            model: The name of an embedding model.
            texts: What to embed; tokens are read by models at providers alone.
            dimensions: How long the vectors shall be, where a model at a provider can choose.

        Raises:
            ModelNotFound: No model answers to the name.
            InvalidRequest: The model does not embed, or not tokens.
        """
        found = self._find(model, "embedding")
        part = self._part(found)
        with self.traffic.waited_for(), counted(part) as used:
            if isinstance(found, InstalledModel):
                vectors = await self._engines.embedding(found).embed(_as_texts(texts))
            else:
                vectors = await found.embed(texts, part, dimensions)
            used.append(Usage(vectors.input_tokens))
            return vectors

    def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make pictures (see ``ImageEngine.draw`` and ``Provider.draw``).

        Raises:
            ModelNotFound: No model answers to the request's name.
            InvalidRequest: The model makes no pictures.
        """
        found = self._find(request.model, "image")
        part = self._part(found)
        if isinstance(found, InstalledModel):
            draw = self._engines.image(found).draw
            return self.traffic.drawn(captions.drawn(request, draw, self), part)
        return self.traffic.drawn(found.draw(request, part), part)

    def _part(self, found: InstalledModel | Target, *, again: bool = False) -> Part:
        part = Part(found.modality, found.id, again=again)
        part.price = self._prices.get(found.id)
        return part

    def _find(self, name: str, modality: Modality) -> InstalledModel | Target:
        name_model(name)
        wanted = self._settings.aliases.get(name, name)
        found = self._named(wanted) if wanted else self._default(modality)
        if found is None:
            raise ModelNotFound(_unknown(name, modality), param="model")
        if found.modality != modality:
            raise InvalidRequest(
                f"The model {found.id} is of kind {found.modality}; "
                f"this call needs one of kind {modality}.",
                param="model",
            )
        return found

    def _named(self, name: str) -> InstalledModel | Target | None:
        return self._library.get(name) or self._targets.get(name)

    def _default(self, modality: Modality) -> InstalledModel | Target | None:
        settings = self._settings
        match modality:
            case "text":
                named = settings.default
            case "embedding":
                named = settings.embedding
            case "image":
                named = settings.image
        if named and (found := self._named(self._settings.aliases.get(named, named))):
            return found
        candidates = [m for m in self._library.list() if m.modality == modality]
        better = [m for m in candidates if not m.manifest.starter]
        # What is asked of no model by name leaves this machine only where the operator says so.
        return next(iter(better or candidates), None) or self._targets.first(modality)


def _unknown(name: str, modality: Modality) -> str:
    if not name and modality == "image":
        return "No image model is installed. See: consigne models suggest --images"
    if not name:
        return "No model is installed. Install one with: consigne models pull starter"
    return f"The model '{name}' does not exist here. GET /v1/models lists those that do."


def _as_texts(texts: Sequence[Embeddable]) -> Sequence[str]:
    found = [text for text in texts if isinstance(text, str)]
    if len(found) < len(texts):
        message = "This model reads texts, no tokens of another model's vocabulary: send text"
        raise InvalidRequest(message, param="input")
    return found
