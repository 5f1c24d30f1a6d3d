"""Names become models: by id, by alias, by default; anything else is a clear error."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from consigne.domain.errors import InvalidRequest, ModelNotFound
from consigne.domain.events import Event, MessageStart, MessageStop
from consigne.domain.messages import Message, Request, TextBlock
from consigne.domain.usage import Usage
from consigne.engines.base import Embeddings, InstalledModel, Manifest
from consigne.gateway.gateway import Gateway, ModelState
from consigne.settings import ModelSettings


def installed(model_id: str, modality: str = "text", *, starter: bool = False) -> InstalledModel:
    manifest = Manifest(
        id=model_id,
        name=model_id.title(),
        modality=modality,  # type: ignore[arg-type]
        context=1024,
        size_bytes=1,
        created=1,
        source="test",
        starter=starter,
    )
    return InstalledModel(Path("/nowhere") / model_id, manifest)


class Shelf:
    """A library held in memory."""

    def __init__(self, *models: InstalledModel) -> None:
        self.models = list(models)

    def list(self) -> Sequence[InstalledModel]:
        return self.models

    def get(self, model_id: str) -> InstalledModel | None:
        return next((model for model in self.models if model.id == model_id), None)


class Engine:
    """Answers with the name of its model."""

    def __init__(self, model: InstalledModel) -> None:
        self.model = model

    async def generate(self, request: Request) -> AsyncIterator[Event]:
        yield MessageStart("msg_1", self.model.id, Usage())
        yield MessageStop("end_turn", Usage())

    async def count_tokens(self, request: Request) -> int:
        return len(request.messages)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return Embeddings(tuple((float(len(text)),) for text in texts), len(texts))


class Engines:
    """Engines held in memory, which remember what was preloaded."""

    def __init__(self) -> None:
        self.preloaded: list[str] = []

    def text(self, model: InstalledModel) -> Engine:
        return Engine(model)

    def embedding(self, model: InstalledModel) -> Engine:
        return Engine(model)

    def preload(self, model: InstalledModel) -> None:
        self.preloaded.append(model.id)

    def state(self, model_id: str) -> ModelState:
        return "ready" if model_id in self.preloaded else "idle"


def ask(model: str) -> Request:
    return Request(model=model, messages=(Message("user", (TextBlock("hello"),)),))


async def model_that_answers(gateway: Gateway, name: str) -> str:
    async for event in gateway.generate(ask(name)):
        if isinstance(event, MessageStart):
            return event.model
    raise AssertionError("nothing answered")


STARTER = installed("starter", starter=True)
BETTER = installed("better")
VECTORS = installed("vectors", "embedding")


async def test_a_model_answers_to_its_id_and_to_its_alias() -> None:
    settings = ModelSettings(aliases={"gpt-4o-mini": "better"})
    gateway = Gateway(settings, Shelf(STARTER, BETTER), Engines())
    assert await model_that_answers(gateway, "better") == "better"
    assert await model_that_answers(gateway, "gpt-4o-mini") == "better"
    assert await gateway.count_tokens(ask("starter")) == 1


async def test_no_name_means_the_default_and_a_pulled_model_goes_before_the_starter() -> None:
    shelf = Shelf(STARTER)
    gateway = Gateway(ModelSettings(), shelf, Engines())
    assert await model_that_answers(gateway, "") == "starter"
    shelf.models.append(BETTER)
    assert await model_that_answers(gateway, "") == "better"
    chosen = Gateway(ModelSettings(default="starter"), shelf, Engines())
    assert await model_that_answers(chosen, "") == "starter"


async def test_embeddings_go_to_the_embedding_model() -> None:
    gateway = Gateway(ModelSettings(), Shelf(STARTER, VECTORS), Engines())
    assert (await gateway.embed("", ["four"])).vectors == ((4.0,),)
    with pytest.raises(InvalidRequest, match="send text"):
        await gateway.embed("", [(1, 2)])
    with pytest.raises(InvalidRequest, match="embedding"):
        await gateway.embed("starter", ["four"])
    with pytest.raises(InvalidRequest, match="of kind text"):
        gateway.generate(ask("vectors"))


@pytest.mark.parametrize(("shelf", "said"), [(Shelf(STARTER), "'absent'"), (Shelf(), "absent")])
def test_an_unknown_model_is_named(shelf: Shelf, said: str) -> None:
    with pytest.raises(ModelNotFound, match=said):
        Gateway(ModelSettings(), shelf, Engines()).resolve("absent")


def test_with_nothing_installed_the_error_says_what_to_run() -> None:
    gateway = Gateway(ModelSettings(), Shelf(), Engines())
    assert gateway.default_model() is None
    with pytest.raises(ModelNotFound, match="consigne models pull"):
        gateway.resolve("")


def test_the_default_model_is_loaded_ahead() -> None:
    engines = Engines()
    gateway = Gateway(ModelSettings(), Shelf(VECTORS, STARTER), engines)
    gateway.preload()
    assert engines.preloaded == ["starter"]
    assert gateway.state("starter") == "ready"
