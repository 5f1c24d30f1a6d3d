"""Models at providers: who answers for a name, and who answers when the first one can't."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import pytest

from consigne.business.grants import RateLimits
from consigne.business.guard import guarded
from consigne.business.limits import Limiter
from consigne.domain.batches import batches_of
from consigne.domain.embeddings import Embeddable, Embeddings
from consigne.domain.errors import (
    ConsigneError,
    InvalidRequest,
    ModelNotFound,
    Overloaded,
    RateLimited,
    Unsupported,
    UpstreamFailed,
)
from consigne.domain.events import Event, MessageStart, MessageStop
from consigne.domain.messages import Message, Request, TextBlock
from consigne.domain.models import Modality, Model
from consigne.domain.usage import Usage
from consigne.engines.base import InstalledModel
from consigne.gateway.gateway import Gateway
from consigne.providers.base import Deployment
from consigne.providers.batches import Events
from consigne.settings import ModelSettings

Step = Event | ConsigneError
GOOD = (MessageStart("msg_1", "far", Usage()), MessageStop("end_turn", Usage(1, 0, 1)))


class Nothing:
    """A library without models, and engines of none."""

    def list(self) -> Sequence[InstalledModel]:
        return ()

    def get(self, model_id: str) -> None:
        return None


class Played:
    """A provider that plays a script."""

    def __init__(self, *script: Step, name: str = "far", modality: Modality = "text") -> None:
        self.script = script
        self.asked = 0
        self.closed = 0
        self.deployments = (Deployment(Model(name, name, modality, 0, 99), "up"),)

    async def generate(self, deployment: Deployment, request: Request) -> AsyncIterator[Event]:
        self.asked += 1
        try:
            for step in self.script:
                if isinstance(step, ConsigneError):
                    raise step
                yield step
        finally:
            self.closed += 1

    async def count_tokens(self, deployment: Deployment, request: Request) -> int:
        return 7

    async def embed(
        self, deployment: Deployment, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        self.asked += 1
        for step in self.script:
            if isinstance(step, ConsigneError):
                raise step
        return Embeddings(((1.0,),) * len(texts), 3)


class AtOnce(Played):
    """A provider whose events all come in one piece."""

    def generate(self, deployment: Deployment, request: Request) -> AsyncIterator[Event]:
        async def batches() -> AsyncGenerator[Sequence[Event], None]:
            yield [step for step in self.script if not isinstance(step, ConsigneError)]

        return Events(batches())


def gateway(*providers: Played, **settings: str) -> Gateway:
    engines: object = None
    return Gateway(ModelSettings(**settings), Nothing(), engines, providers)  # type: ignore[arg-type]


async def ask(found: Gateway, model: str = "far") -> list[Event]:
    request = Request(model=model, messages=(Message("user", (TextBlock("hello"),)),))
    return [event async for event in found.generate(request)]


@pytest.mark.parametrize(
    "error", [Overloaded("full"), RateLimited("slower"), UpstreamFailed("gone")]
)
async def test_the_next_one_answers_when_the_first_cannot(error: ConsigneError) -> None:
    first, second, third = Played(error), Played(*GOOD), Played(*GOOD)
    assert await ask(gateway(first, second, third)) == list(GOOD)
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)
    assert (first.closed, second.closed) == (1, 1)


async def test_what_has_begun_is_never_begun_again() -> None:
    first, second = Played(GOOD[0], UpstreamFailed("cut")), Played(*GOOD)
    with pytest.raises(UpstreamFailed, match="cut"):
        await ask(gateway(first, second))
    assert second.asked == 0


async def test_a_wrong_request_is_wrong_everywhere() -> None:
    first, second = Played(InvalidRequest("no")), Played(*GOOD)
    with pytest.raises(InvalidRequest):
        await ask(gateway(first, second))
    assert second.asked == 0


async def test_the_last_error_is_the_callers() -> None:
    with pytest.raises(Overloaded, match="second"):
        await ask(gateway(Played(UpstreamFailed("first")), Played(Overloaded("second"))))


async def test_closing_an_answer_closes_the_provider_that_gives_it() -> None:
    first, second = Played(Overloaded("full")), Played(*GOOD)
    request = Request(model="far", messages=())
    events = gateway(first, second).generate(request)
    await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    assert second.closed == 1


@pytest.mark.parametrize("metered", [False, True])
async def test_what_came_at_once_is_passed_on_at_once(metered: bool) -> None:
    found = gateway(AtOnce(*GOOD))
    if metered:
        account = Limiter().account("key_1", RateLimits(tokens=10_000))
        found = guarded(found, account=account)
    events = found.generate(Request(model="far", messages=()))
    assert await anext(events) == GOOD[0]
    batch = batches_of(events)
    assert list(await batch()) == [GOOD[1]]
    assert not await batch()
    again = batches_of(found.generate(Request(model="far", messages=())))
    assert list(await again()) == [*GOOD]


async def test_vectors_come_from_the_next_one_too() -> None:
    first = Played(UpstreamFailed("gone"), name="v", modality="embedding")
    second = Played(name="v", modality="embedding")
    assert (await gateway(first, second).embed("v", ["a"])).vectors == ((1.0,),)
    refused = Played(Unsupported("no"), name="v", modality="embedding")
    with pytest.raises(Unsupported):
        await gateway(refused, second).embed("v", ["a"])


async def test_names_lead_to_providers() -> None:
    found = gateway(Played(*GOOD), Played(name="v", modality="embedding"))
    assert [model.id for model in found.models()] == ["far", "v"]
    assert found.resolve("").id == "far"
    assert found.state("far") == "ready"
    assert await found.count_tokens(Request(model="far", messages=())) == 7
    found.preload()
    with pytest.raises(InvalidRequest, match="of kind embedding"):
        found.resolve("v")
    with pytest.raises(ModelNotFound):
        found.resolve("absent")


async def test_an_alias_leads_to_a_provider() -> None:
    engines: object = None
    settings = ModelSettings(aliases={"gpt-4o": "far"}, default="gpt-4o")
    found = Gateway(settings, Nothing(), engines, [Played(*GOOD)])  # type: ignore[arg-type]
    assert found.resolve("gpt-4o").id == "far"
    default = found.default_model()
    assert default is not None
    assert default.id == "far"
