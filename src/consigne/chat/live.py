"""A run while it goes on: what it wrote, its numbered events, and those who read along."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from consigne.chat.citing import cited
from consigne.chat.values import Citation, EventKind, Problem, RunEvent, StoredMessage
from consigne.domain.messages import ContentBlock, TextBlock, ThinkingBlock
from consigne.domain.usage import Usage

Cut = Literal["stopped", "interrupted", "failed"]
TextKind = Literal["delta", "thinking"]


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    state: Literal["complete", "stopped", "failed", "interrupted"]
    stop_reason: str | None = None
    error: Problem | None = None
    usage: Usage | None = None


class Transcript:
    """Puts pieces of text and thinking together to blocks, after those that were there before."""

    def __init__(self, before: Sequence[ContentBlock]) -> None:
        self._before = tuple(before)
        self._parts: list[tuple[TextKind, list[str]]] = []

    def add(self, kind: TextKind, text: str) -> None:
        """Take the next piece."""
        if self._parts and self._parts[-1][0] == kind:
            self._parts[-1][1].append(text)
        else:
            self._parts.append((kind, [text]))

    @property
    def content(self) -> tuple[ContentBlock, ...]:
        """All blocks; text that goes on from earlier text is one block with it."""
        content = list(self._before)
        for kind, pieces in self._parts:
            text = "".join(pieces)
            last = content[-1] if content else None
            if kind == "thinking":
                content.append(ThinkingBlock(text))
            elif isinstance(last, TextBlock):
                content[-1] = TextBlock(last.text + text)
            else:
                content.append(TextBlock(text))
        return tuple(content)


class LiveRun:
    """One generation that goes on, owned by the server and read by anybody who may.

    Pieces wait in ``_pending`` until the journal takes them as numbered events, stores them, and
    only then publishes them. Adjacent pieces that wait together become one event.
    """

    def __init__(self, organisation_id: str, conversation_id: str, message: StoredMessage) -> None:
        assert message.run_id is not None
        self.id = message.run_id
        self.organisation_id = organisation_id
        self.conversation_id = conversation_id
        self.message = message
        self.ending: Ending | None = None
        """Set once nothing more will be written."""
        self.cut: Cut | None = None
        """Set when the generation is broken off from outside."""
        self.work: asyncio.Task[Ending] | None = None
        self.done = False
        self.shown: dict[int, Citation] = {}
        """The passages that the model was shown, by their numbers."""
        self._transcript = Transcript(message.content)
        self._pending: list[tuple[EventKind, list[str]]] = []
        self._log: list[RunEvent] = []
        self._taken = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def write(self, kind: TextKind, text: str) -> None:
        """Take the next piece of text or thinking."""
        text = _storable(text)
        self._transcript.add(kind, text)
        if self._pending and self._pending[-1][0] == kind:
            self._pending[-1][1].append(text)
        else:
            self._pending.append((kind, [text]))

    def say(self, kind: EventKind, body: object) -> None:
        """Add an event with this body."""
        self._pending.append((kind, [msgspec.json.encode(body).decode()]))

    def take(self) -> list[RunEvent]:
        """Number what waits and return it; the last of a run that has ended is ``done``."""
        taken = [
            RunEvent(number, kind, _body(kind, pieces))
            for number, (kind, pieces) in enumerate(self._pending, self._taken + 1)
        ]
        self._pending.clear()
        self._taken += len(taken)
        if self.ending is not None:
            self._taken += 1
            taken.append(done_event(self._taken, self.ended_message()))
        return taken

    def give_back(self, events: Sequence[RunEvent]) -> None:
        """Take back events that could not be stored; their text stays in the message."""
        self._taken -= len(events)

    def ended_message(self) -> StoredMessage:
        """Return the message as the ending leaves it."""
        assert self.ending is not None
        content = self._transcript.content
        text = "".join(block.text for block in content if isinstance(block, TextBlock))
        return msgspec.structs.replace(
            self.message,
            content=content,
            citations=cited(text, self.shown) if self.shown else self.message.citations,
            state=self.ending.state,
            stop_reason=self.ending.stop_reason,
            error=self.ending.error,
            usage=_sum(self.message.usage, self.ending.usage),
        )

    def publish(self, events: Sequence[RunEvent]) -> None:
        """Let the readers have events; they are stored."""
        self._log.extend(events)
        self.done = bool(self._log) and self._log[-1].kind == "done"
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def follow(self, after: int) -> AsyncIterator[Sequence[RunEvent]]:
        """Yield the events after a number, those at hand together, until the run is done.

        The first batch comes at once; it may be empty.
        """
        after = max(after, 0)
        if len(self._log) <= after:
            yield ()
        while True:
            if ready := self._log[after:]:
                after += len(ready)
                yield ready
            elif self.done:
                return
            else:
                await self._next()

    async def finished(self) -> None:
        """Return once the run's end is stored and published."""
        while not self.done:
            await self._next()

    async def _next(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    def break_off(self, cut: Cut) -> None:
        """End the generation now; what it wrote is kept."""
        if self.ending is None and self.cut is None and self.work is not None:
            self.cut = cut
            self.work.cancel()


def start_body(message: StoredMessage) -> dict[str, str | None]:
    """Return what readers learn as a run begins; ``text`` is what its deltas go on from."""
    return {"message_id": message.id, "model": message.model, "text": message.text}


def done_event(number: int, message: StoredMessage) -> RunEvent:
    """Return the event that ends a run."""
    return RunEvent(number, "done", msgspec.json.encode({"message": message}))


def _storable(text: str) -> str:
    """Return the text without what no database or JSON holds: NUL, and halves of characters."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\x00", "")


def _body(kind: EventKind, pieces: Sequence[str]) -> bytes:
    text = "".join(pieces)
    return msgspec.json.encode({"text": text}) if kind in ("delta", "thinking") else text.encode()


def _sum(before: Usage | None, now: Usage | None) -> Usage | None:
    return before + now if before and now else now
