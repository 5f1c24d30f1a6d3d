"""What guides an answer beside its branch: the system text, and how tokens are chosen.

The system text is bounded, so that it never crowds out the conversation: all its parts together
take at most a quarter of the model's context. They are taken in this order, and what no longer fits
is left out whole: the assistant's instructions and the project's (always taken), what the person
says of themselves and how they like answers, the facts that are remembered (the newest first), the
skill that fits the question, and the list of skills.
"""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from consigne.chat.values import StoredMessage
from consigne.domain.messages import Sampling, TextBlock, Tool
from consigne.domain.models import Model

if TYPE_CHECKING:
    from consigne.chat.turns import Turn

_SHARE = 4
"""The system text takes at most this part of the context."""
_BYTES_PER_TOKEN = 3
"""Of ordinary text, with some reserve."""


class Guidance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one answer is guided by."""

    system: tuple[TextBlock, ...] = ()
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    assistant: str | None = None
    """The id of the assistant that answers."""
    project: str | None = None
    """The id of the project whose instructions it follows."""
    skill: str | None = None
    """The name of the skill whose text was taken in."""
    tools: tuple[Tool, ...] = ()
    """What the model may call."""

    def recorded(self) -> str | None:
        """Return it as JSON, as runs keep it, without its tools; ``None`` if nothing is left."""
        kept = msgspec.structs.replace(self, tools=())
        return None if kept == Guidance() else msgspec.json.encode(kept).decode()


class Guide(Protocol):
    """Knows what guides an answer."""

    async def guidance(
        self, turn: "Turn", branch: Sequence[StoredMessage], tools: Container[str] = ()
    ) -> Guidance:
        """Return what guides the answer of a turn, whose branch ends with it.

        ``tools`` holds the names of those that the answer is offered.
        """
        ...


class Room:
    """The bytes that the system text may still take."""

    def __init__(self, model: Model) -> None:
        self._left = model.context // _SHARE * _BYTES_PER_TOKEN

    def take(self, text: str, *, always: bool = False) -> bool:
        """Take the text's room; say whether there was enough."""
        size = len(text.encode())
        if size > self._left and not always:
            return False
        self._left = max(0, self._left - size)
        return True
