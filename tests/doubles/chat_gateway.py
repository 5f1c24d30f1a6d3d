"""A scripted gateway whose models differ as the chat cares: small context, starter or not."""

import asyncio

from consigne.domain.events import Event
from consigne.domain.messages import Request
from consigne.domain.models import Modality, Model
from doubles.scripted import START, ScriptedGateway, stop, text

STARTER = Model("tiny", "Tiny Instruct", "text", 1_700_000_000, 2048, starter=True)
BETTER = Model("better", "Better Instruct", "text", 1_700_000_100, 2048)


class ChatGateway(ScriptedGateway):
    """Answers to the two models' names and counts tokens by words."""

    def resolve(self, name: str, modality: Modality = "text") -> Model:
        """Return the model of this name; the empty name means the starter."""
        if name == BETTER.id:
            return BETTER
        return STARTER if not name or name == STARTER.id else super().resolve(name, modality)

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the starter; nothing here embeds."""
        return STARTER if modality == "text" else None

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
