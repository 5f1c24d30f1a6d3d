"""A scripted gateway whose models differ as the chat cares: small context, starter or not."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from consigne.chat.titles import TITLE_TOKENS
from consigne.domain.events import Event
from consigne.domain.images import (
    ImageEvent,
    ImageMade,
    ImagePartial,
    ImageProgress,
    ImageRequest,
    ImagesStart,
    ImagesStop,
    ImageTraits,
    ImageUsage,
)
from consigne.domain.languages import language_of
from consigne.domain.messages import Request
from consigne.domain.models import Capabilities, Modality, Model
from doubles.scripted import START, ScriptedGateway, Step, stop, text
from support.files import png

STARTER = Model("tiny", "Tiny Instruct", "text", 1_700_000_000, 2048, starter=True)
BETTER = Model("better", "Better Instruct", "text", 1_700_000_100, 2048)
CAPABLE = Model("capable", "Capable", "text", 1_700_000_200, 100_000, Capabilities(tools=True))

TRAITS = ImageTraits(width=64, height=64, steps=2, guidance=1.0, edits=True, knows=True)
PAINTER = Model("icons", "Icons", "image", 1_700_000_300, 0, image=TRAITS)


class ChatGateway(ScriptedGateway):
    """Answers to the two models' names and counts tokens by words."""

    def __init__(self, *script: Step) -> None:
        super().__init__(*script)
        self.drawn: list[ImageRequest] = []
        self.painter = PAINTER

    def models(self) -> list[Model]:
        """Return the models there are, the one that can use tools last."""
        return [*super().models(), CAPABLE]

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model of this name; the empty name means the starter."""
        if modality == "image":
            return self.painter
        for model in (BETTER, CAPABLE):
            if name == model.id:
                return model
        return STARTER if not name or name == STARTER.id else super().resolve(name, modality)

    def script_for(self, request: Request) -> Sequence[Step]:
        """Return what is played: the capable model's scripts are for answers, not for titles."""
        title = request.model == CAPABLE.id and request.max_tokens == TITLE_TOKENS
        return self.script if title else super().script_for(request)

    async def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make plain pictures, in two steps each; what is no cat is not known."""
        self.drawn.append(request)
        known = any(word in request.prompt for word in ("cat", "chat"))
        yield ImagesStart(
            "icons", 64, 64, 2, 7, 1.0, 0.9 if known else 0.1, known,
            language=language_of(request.prompt),
        )  # fmt: skip
        for index in range(request.n):
            for step in (1, 2):
                yield ImageProgress(index, step, 2)
                if step <= request.partials:
                    yield ImagePartial(index, step - 1, png(64, 64))
            yield ImageMade(index, png(64, 64), 7 + index, 64, 64)
        yield ImagesStop(ImageUsage(request.n))

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the starter, or what draws; nothing here embeds."""
        return {"text": STARTER, "image": PAINTER}.get(modality)

    async def count_tokens(self, request: Request) -> int:
        """Return the number of words."""
        return sum(len(message.text.split()) for message in request.messages)


def paced(*pieces: str) -> tuple[list[asyncio.Event], list[Event | asyncio.Event]]:
    """Return a script that waits before each piece and before its end, and the gates to open."""
    gates = [asyncio.Event() for _ in range(len(pieces) + 1)]
    opening, *deltas, closing = text(*pieces)
    script: list[Event | asyncio.Event] = [START, opening]
    for gate, delta in zip(gates, deltas, strict=False):
        script += [gate, delta]
    return gates, [*script, gates[-1], closing, stop()]
