"""A gateway that plays what a test wrote: events, pauses, errors; it records its requests."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

from consigne.business.answers import KeptAnswer
from consigne.business.caller import Caller
from consigne.business.files import Files
from consigne.business.grants import Grant
from consigne.business.limits import Limiter
from consigne.documents.attachments import Attachments
from consigne.domain.embeddings import Embeddable
from consigne.domain.errors import ConsigneError, InvalidRequest, ModelNotFound, NotFound
from consigne.domain.events import (
    BlockStop,
    Event,
    InputDelta,
    MessageStart,
    MessageStop,
    StopReason,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
    TokenLogprob,
    ToolUseStart,
)
from consigne.domain.messages import Request
from consigne.domain.models import Capabilities, Modality, Model
from consigne.domain.usage import Price, Usage
from consigne.engines.base import Embeddings, Scores
from consigne.settings import (
    ModelSettings,
    ProvenanceSettings,
    ServerSettings,
    Settings,
    ToolSettings,
)

Step = Event | ConsigneError | Exception | asyncio.Event

MESSAGE_ID = "msg_01jd0000000000000000000000"
START = MessageStart(MESSAGE_ID, "tiny", Usage(12, 4, 0))
ABLE = Capabilities(tools=True, structured_output=True, thinking=True, logprobs=True)
MODELS = (
    Model("tiny", "Tiny Instruct", "text", 1_700_000_000, 2048, ABLE),
    Model("plain", "Plain Instruct", "text", 1_700_000_100, 2048),
    Model("mini", "Mini Embeddings", "embedding", 1_700_000_200, 256),
)
KEY = "sk-csn-test"
FOREIGN_KEY = "sk-csn-test-of-another-organisation"


def text(*pieces: str, index: int = 0) -> list[Event]:
    """Return the events of a text block."""
    deltas: list[Event] = [TextDelta(index, piece) for piece in pieces]
    return [TextStart(index), *deltas, BlockStop(index)]


def thinking(*pieces: str, index: int = 0) -> list[Event]:
    """Return the events of a thinking block."""
    deltas: list[Event] = [ThinkingDelta(index, piece) for piece in pieces]
    return [ThinkingStart(index), *deltas, BlockStop(index)]


def tool_use(name: str, *pieces: str, index: int = 0, call: str = "toolu_1") -> list[Event]:
    """Return the events of a tool call."""
    deltas: list[Event] = [InputDelta(index, piece) for piece in pieces]
    return [ToolUseStart(index, call, name), *deltas, BlockStop(index)]


def stop(reason: StopReason = "end_turn", sequence: str | None = None) -> MessageStop:
    """Return the end of an answer of 5 tokens, 2 of them thinking, to 12, 4 of them cached."""
    return MessageStop(reason, Usage(12, 4, 5, reasoning_tokens=2), sequence)


class ScriptedGateway:
    """Plays one script to each request: events are emitted, errors raised, ``Event``s awaited."""

    def __init__(self, *script: Step) -> None:
        self.script: Sequence[Step] = script or (START, *text("Hello", " world"), stop())
        self.scripts: list[Sequence[Step]] = []
        """Scripts for the next requests, before ``script`` takes over."""
        self.requests: list[Request] = []
        self.running = 0
        self.ended = threading.Event()
        """Set when a generation ends; for a gateway on another thread's event loop."""
        self.dimensions = 3
        self.elsewhere = False
        """Whether vectors come from a provider: of the dimensions asked for, of tokens too."""
        self.ends = False
        """Whether the likeliest token after a scored prompt ends the answer."""

    def models(self) -> list[Model]:
        """Return the models there are."""
        return list(MODELS)

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model of this name; the empty name means the first of its kind."""
        for model in MODELS:
            if model.id == name or (not name and model.modality == modality):
                if model.modality != modality:
                    raise InvalidRequest(f"{name} is of kind {model.modality}", param="model")
                return model
        raise ModelNotFound(f"The model '{name}' does not exist here.", param="model")

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the first model of a kind."""
        return next(model for model in MODELS if model.modality == modality)

    def state(self, model_id: str) -> str:
        """Return that everything is ready."""
        return "ready"

    def price(self, model_id: str) -> Price | None:
        """Return what the capable model costs; the others cost nothing."""
        return Price(input=3_000_000, output=15_000_000) if model_id == "capable" else None

    def script_for(self, request: Request) -> Sequence[Step]:
        """Return the script that is played to a request."""
        return self.scripts.pop(0) if self.scripts else self.script

    async def generate(self, request: Request) -> AsyncIterator[Event]:
        """Play a script."""
        self.requests.append(request)
        script = self.script_for(request)
        self.running += 1
        try:
            for step in script:
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case Exception():
                        raise step
                    case _:
                        yield step
        finally:
            self.running -= 1
            self.ended.set()

    async def count_tokens(self, request: Request) -> int:
        """Return 42."""
        self.requests.append(request)
        return 42

    async def score(self, request: Request) -> Scores:
        """Score a prompt whose tokens are its words, or the given tokens ``<n>``."""
        self.requests.append(request)
        given = request.raw_prompt
        assert given is not None
        words = given.split(" ") if isinstance(given, str) else [f"<{token}>" for token in given]
        pieces = [f" {w}" if i and isinstance(given, str) else w for i, w in enumerate(words)]
        top = ((b" best", -0.25),)[: request.logprobs or 0]
        tokens = [TokenLogprob(piece.encode(), -0.5 - i, top) for i, piece in enumerate(pieces)]
        return Scores(tuple(tokens), (TokenLogprob(b" next", -0.125),), self.ends)

    async def embed(
        self, model: str, texts: Sequence[Embeddable], dimensions: int | None = None
    ) -> Embeddings:
        """Return vectors that tell the texts apart by their length."""
        self.resolve(model, "embedding")
        if not (self.elsewhere or all(isinstance(each, str) for each in texts)):
            raise InvalidRequest("This model reads texts.", param="input")
        size = (self.elsewhere and dimensions) or self.dimensions
        vectors = tuple((float(len(t)), *(0.5,) * (size - 1)) for t in texts)
        return Embeddings(vectors, sum(map(len, texts)))


class ScriptedKeys:
    """Knows a key of each of two organisations, bounded by ``grant``."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.grant = grant

    async def authenticate(self, secret: str) -> Caller | None:
        """Return who holds the key."""
        number = {KEY: 1, FOREIGN_KEY: 2}.get(secret)
        if number is None:
            return None
        ids = f"org_{number}", f"wrk_{number}", None, f"key_{number}"
        return Caller(*ids, "member", "tests", self.grant)


class ScriptedAnswers:
    """Keeps answers in memory."""

    max_bytes = 2**20

    def __init__(self) -> None:
        self.kept: dict[tuple[str | None, str], KeptAnswer] = {}

    async def find(self, caller: Caller, name: str) -> KeptAnswer | None:
        """Return what is kept."""
        return self.kept.get((caller.key_id, name))

    async def keep(self, caller: Caller, name: str, answer: KeptAnswer) -> None:
        """Keep an answer."""
        self.kept[(caller.key_id, name)] = answer


class NoFiles(Files):
    """Has no files."""

    def __init__(self) -> None:
        """Stand on nothing."""

    async def get(self, caller: Caller, file_id: str) -> NoReturn:
        """Find none."""
        raise NotFound(f"No such File object: {file_id}")


class ScriptedAssistants:
    """No workspace has any."""

    async def served(self, caller: Caller) -> tuple[()]:
        """Return none."""
        return ()


async def _nowhere(token: str) -> bool:
    """No link of a shared conversation leads anywhere."""
    return False


def scripted_services(
    gateway: ScriptedGateway,
    *,
    grant: Grant | None = None,
    provenance: ProvenanceSettings | None = None,
    tools: ToolSettings | None = None,
    models: ModelSettings | None = None,
    **server: Any,
) -> SimpleNamespace:
    """Return what the dialects' routes stand on; the one key may do what ``grant`` says."""
    settings = Settings(
        server=ServerSettings(**server),
        provenance=provenance or ProvenanceSettings(),
        tools=tools or ToolSettings(),
        models=models or ModelSettings(),
    )
    return SimpleNamespace(
        settings=settings,
        gateway=gateway,
        keys=ScriptedKeys(grant),
        limiter=Limiter(),
        answers=ScriptedAnswers(),
        assistants=ScriptedAssistants(),
        attachments=Attachments(NoFiles()),
        grounding=None,
        batches=SimpleNamespace(answer_through=lambda api: None),
        shares=SimpleNamespace(leads=_nowhere),
        usage=None,
    )
