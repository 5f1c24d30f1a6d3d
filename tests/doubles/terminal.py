"""A client for the terminal's commands that plays scripted answers and remembers requests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from consigne.domain.errors import ConsigneError
from consigne.domain.events import (
    BlockStop,
    Event,
    MessageStart,
    MessageStop,
    StopReason,
    TextDelta,
    TextStart,
)
from consigne.domain.messages import Request
from consigne.domain.usage import Usage


def answer(*texts: str, stop: StopReason = "end_turn") -> list[Event]:
    """The events of an answer that comes in these pieces."""
    return [
        MessageStart("msg_1", "scripted", Usage(5, 0, 0)),
        TextStart(0),
        *(TextDelta(0, text) for text in texts),
        BlockStop(0),
        MessageStop(stop, Usage(5, 0, len(texts))),
    ]


class ScriptedClient:
    """Plays one script for each request; an error in a script is raised there."""

    def __init__(self, *scripts: Sequence[Event | ConsigneError | type[KeyboardInterrupt]]) -> None:
        self._scripts = list(scripts)
        self.requests: list[Request] = []
        self.stopped = 0

    async def generate(self, request: Request) -> AsyncIterator[Event]:
        """Play the next script."""
        self.requests.append(request)
        finished = False
        try:
            for step in self._scripts.pop(0):
                if isinstance(step, ConsigneError):
                    raise step
                if step is KeyboardInterrupt:
                    # What asyncio.Runner does of a Ctrl-C: it cancels the main task.
                    asyncio.get_running_loop().call_soon(_interrupt)
                    await asyncio.Event().wait()
                assert not isinstance(step, type)
                yield step
            finished = True
        finally:
            self.stopped += not finished

    async def models(self) -> list[str]:
        """Name two models."""
        return ["scripted", "other"]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["ScriptedClient"]:
        """Be what ``connect`` returns."""
        yield self


def _interrupt() -> None:
    import signal

    signal.raise_signal(signal.SIGINT)
