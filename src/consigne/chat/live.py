"""A run while it goes on: what it wrote, its numbered events, and those who read along."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec

from consigne.chat.citing import Shown
from consigne.chat.values import EventKind, Problem, RunEvent, Source, StoredMessage
from consigne.domain.messages import (
    ContentBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
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
        self._parts: list[tuple[TextKind, list[str]] | ContentBlock] = []

    def add(self, kind: TextKind, text: str) -> None:
        """Take the next piece."""
        last = self._parts[-1] if self._parts else None
        if isinstance(last, tuple) and last[0] == kind:
            last[1].append(text)
        else:
            self._parts.append((kind, [text]))

    def add_block(self, block: ContentBlock) -> None:
        """Take a whole block: a tool's call or its result."""
        self._parts.append(block)

    @property
    def content(self) -> tuple[ContentBlock, ...]:
        """All blocks; text that goes on from earlier text is one block with it."""
        content = list(self._before)
        for part in self._parts:
            if not isinstance(part, tuple):
                content.append(part)
                continue
            kind, text = part[0], "".join(part[1])
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
        self.settings: str | None = None
        """JSON of what shapes the answer beside its branch; stored with the run."""
        self.asked: dict[str, asyncio.Future[Any]] = {}
        """What waits for the reader: an approval or a result, by the id of its call."""
        self.shown = Shown()
        """The passages that the model was shown."""
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

    @property
    def content(self) -> tuple[ContentBlock, ...]:
        """What the message holds so far."""
        return self._transcript.content

    def add_block(
        self, kind: Literal["tool_use", "tool_result"], block: ToolUseBlock | ToolResultBlock
    ) -> None:
        """Take a tool's call or its result, whole."""
        self._transcript.add_block(block)
        self.say(kind, block)

    def cite(self, title: str, url: str, passage: str) -> int:
        """Return the number of a source in this answer; the same address has the same."""
        cited = self.message.sources
        for source in cited:
            if source.url == url:
                return source.number
        number = max([*self.shown.passages, *(source.number for source in cited)], default=0) + 1
        source = Source(number, _storable(title), _storable(url), _storable(passage))
        self.message = msgspec.structs.replace(self.message, sources=(*cited, source))
        self.say("sources", {"sources": [source]})
        return source.number

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
            citations=self.shown.named_in(text) if self.shown.passages else self.message.citations,
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

    async def stored(self) -> None:
        """Return once all that was written up to now is stored and published."""
        last = self._taken + len(self._pending)
        while len(self._log) < last:
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


def start_body(message: StoredMessage) -> dict[str, Any]:
    """Return what readers learn as a run begins; ``text`` is what its deltas go on from.

    Where the message used tools already, ``content`` is, and ``sources`` are those it cites.
    """
    body: dict[str, Any] = {"message_id": message.id, "model": message.model}
    body["text"] = message.text
    if any(isinstance(block, ToolUseBlock) for block in message.content):
        body |= {"content": message.content, "sources": message.sources}
    return body


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
    """Return what a message used in all, in the counts that are kept of it."""
    both = before + now if before and now else now
    return Usage(both.input_tokens, both.cached_input_tokens, both.output_tokens) if both else None
