"""One answer in the making: tokens in, events out."""

import codecs
from collections import deque
from collections.abc import Sequence
from typing import Protocol

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
from consigne.domain.ids import new_id
from consigne.domain.messages import Request
from consigne.domain.usage import Usage
from consigne.engines.worker.stops import StopMatcher

BlockEvent = (
    TextStart | ThinkingStart | ToolUseStart | TextDelta | ThinkingDelta | InputDelta | BlockStop
)


Top = Sequence[tuple[bytes, float]]
"""The likeliest tokens in one place, best first."""


class Parser(Protocol):
    """Turns an answer's text into blocks (``engines.prompts.OutputParser``)."""

    def feed(self, text: str) -> list[BlockEvent]:
        """Take more text and return the events that are certain now."""
        ...

    def finish(self) -> tuple[list[BlockEvent], bool]:
        """Return the last events, and whether a whole tool call was made."""
        ...


class Generation:
    """Folds the tokens of one answer into its events, and counts them."""

    def __init__(
        self,
        request: Request,
        parser: Parser,
        table: Sequence[bytes],
        usage: Usage,
        stop: Sequence[str] = (),
        *,
        leads: bool = False,
    ) -> None:
        """Begin an answer.

        Args:
            request: What is answered.
            parser: Finds the blocks in its text.
            table: The bytes of each token that belong to the text (none, for control tokens).
            usage: The input's counts.
            stop: Strings of the model's format that end the answer, besides the request's own.
            leads: Whether the model's tokenizer puts a space before a text: it is none of the
                answer's.
        """
        self._request = request
        self._parser = parser
        self._table = table
        self._usage = usage
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = StopMatcher(request.stop)
        self._format_stops = StopMatcher(stop) if stop else None
        self._logprobs = _Logprobs(table) if request.logprobs is not None else None
        self._open: TextStart | ThinkingStart | ToolUseStart | None = None
        self._thinks = False
        self._leads = leads

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met: no more tokens are wanted."""
        return self._stops.found is not None or (
            self._format_stops is not None and self._format_stops.found is not None
        )

    @property
    def output_tokens(self) -> int:
        """How many tokens were taken."""
        return self._usage.output_tokens

    def start(self) -> MessageStart:
        """Return the event that opens the answer."""
        return MessageStart(new_id("msg"), self._request.model, self._usage)

    def take(
        self, tokens: Sequence[int], logprobs: Sequence[float], tops: Sequence[Top] = ()
    ) -> list[Event]:
        """Take the tokens of one step and return the events that they bring.

        Args:
            tokens: What the engine chose.
            logprobs: Of each.
            tops: Of each place, where they are known.
        """
        before = self._thinks
        if len(tokens) == 1:
            data = self._table[tokens[0]]
        else:
            data = b"".join([self._table[token] for token in tokens])
        if self._leads and data:
            data, self._leads = data.removeprefix(b" "), False
        if self._logprobs is not None:
            self._logprobs.push(tokens, logprobs, tops or [()] * len(tokens))
        text = self._decoder.decode(data)
        events = self._text(text) if text else []
        usage = self._usage
        self._usage = Usage(
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.output_tokens + len(tokens),
            reasoning_tokens=usage.reasoning_tokens
            + (len(tokens) if before or self._thinks else 0),
        )
        return events

    def finish(self, reason: StopReason) -> list[Event]:
        """Return the last events; ``reason`` is why the engine stopped."""
        called = False
        events: list[Event] = []
        if not self.stopped:
            events += self._text(self._decoder.decode(b"", final=True))
        if self._format_stops is not None and not self.stopped:
            events += self._blocks(self._parser.feed(self._format_stops.flush()))
        if self._stops.found is None:
            last, called = self._parser.finish()
            events += self._blocks(last)
        if self._stops.found is not None:
            reason = "stop_sequence"
        elif called and reason == "end_turn":
            reason = "tool_use"
        if self._open is not None:
            events.append(BlockStop(self._open.index))
            self._open = None
        events.append(MessageStop(reason, self._usage, self._stops.found))
        return events

    def _text(self, text: str) -> list[Event]:
        if self._logprobs is not None:
            self._logprobs.fed(len(text), partial=bool(self._decoder.getstate()[0]))
        if self._format_stops is not None:
            text = self._format_stops.feed(text)
        return self._blocks(self._parser.feed(text)) if text else []

    def _blocks(self, found: list[BlockEvent]) -> list[Event]:
        """Pass the parser's events on, with the request's stop strings cut out of the text."""
        events: list[Event] = []
        for event in found:
            match event:
                case TextDelta():
                    events += self._delta(event.index, self._stops.feed(event.text))
                    if self._stops.found is not None:
                        return events
                    continue
                case TextStart() | ThinkingStart() | ToolUseStart():
                    self._open = event
                    self._thinks = isinstance(event, ThinkingStart)
                case BlockStop():
                    if isinstance(self._open, TextStart):
                        events += self._delta(event.index, self._stops.flush())
                    self._open = None
                    self._thinks = False
                case ThinkingDelta() | InputDelta():
                    if self._logprobs is not None:
                        self._logprobs.skip()
            events.append(event)
        return events

    def _delta(self, index: int, text: str) -> list[Event]:
        if not text:
            return []
        if self._logprobs is None:
            return [TextDelta(index, text)]
        return [TextDelta(index, text, self._logprobs.ended_by(len(text)))]


class _Logprobs:
    """Gives each token's log-probability to the piece of text that ends the token."""

    def __init__(self, table: Sequence[bytes]) -> None:
        self._table = table
        self._new: list[TokenLogprob] = []
        self._waiting: deque[tuple[int, TokenLogprob]] = deque()
        self._fed = 0
        self._sent = 0

    def push(self, tokens: Sequence[int], logprobs: Sequence[float], tops: Sequence[Top]) -> None:
        """Take the tokens of a step; those that are no text (control tokens) are passed over."""
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True):
            if data := self._table[token]:
                self._new.append(TokenLogprob(data, logprob, tuple(top)))

    def fed(self, characters: int, *, partial: bool) -> None:
        """Note how much text the tokens made, and whether they end inside a character."""
        self._fed += characters
        end = self._fed + partial
        self._waiting.extend((end, token) for token in self._new)
        self._new.clear()

    def skip(self) -> None:
        """Note that what came so far was no text of the answer."""
        self._waiting.clear()
        self._sent = self._fed

    def ended_by(self, characters: int) -> tuple[TokenLogprob, ...]:
        """Return the tokens that end within the next ``characters`` characters."""
        self._sent += characters
        ended: list[TokenLogprob] = []
        while self._waiting and self._waiting[0][0] <= self._sent:
            ended.append(self._waiting.popleft()[1])
        return tuple(ended)
