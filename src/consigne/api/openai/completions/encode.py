"""Text completions: whole, and as the chunks of a stream."""

import codecs
from collections.abc import Sequence
from typing import Any, Final, assert_never

from consigne.api import sse
from consigne.api.errors import openai_error
from consigne.api.openai.chat.encode import DONE, usage
from consigne.api.openai.completions.convert import Plan
from consigne.api.openai.shared import LEAST_LOGPROB, renamed
from consigne.domain.errors import ConsigneError, from_code
from consigne.domain.events import (
    BlockStop,
    Event,
    Failed,
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
from consigne.domain.usage import Usage
from consigne.engines.base import Scores

_FINISH_REASONS: Final[dict[StopReason, str]] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "context_full": "length",
    "refusal": "content_filter",
    "cancelled": "stop",
}


class Logprobs:
    """The log-probabilities of a text's tokens, in the dialect's four lists."""

    def __init__(self, *, greedy: bool) -> None:
        self._greedy = greedy
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._offset = 0
        self._first = True

    def prompt(self, scores: Scores) -> dict[str, Any]:
        """Return those of a prompt; its first token follows nothing and has none."""
        told = self._lists(scores.tokens, [_tops(token) for token in scores.tokens])
        told["token_logprobs"][0] = told["top_logprobs"][0] = None
        return told

    def answer(self, tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
        """Return those of an answer's tokens; the chosen token is the likeliest if greedy."""
        return self._lists(tokens, [_tops(token, chosen=self._greedy) for token in tokens])

    def following(self, scores: Scores) -> dict[str, Any]:
        """Return those of the one token that is likeliest to follow a prompt."""
        likeliest = {_name(token.token): _value(token.logprob) for token in scores.next}
        return self._lists(scores.next[:1], [likeliest])

    def _lists(
        self, tokens: Sequence[TokenLogprob], tops: Sequence[dict[str, float]]
    ) -> dict[str, list[Any]]:
        offsets = []
        for token in tokens:
            offsets.append(self._offset)
            self._offset += len(self._decoder.decode(token.token))
        return {
            "tokens": [_name(token.token) for token in tokens],
            "token_logprobs": [_value(token.logprob) for token in tokens],
            "top_logprobs": list(tops),
            "text_offset": offsets,
        }


def _tops(token: TokenLogprob, *, chosen: bool = False) -> dict[str, float]:
    """Return the likeliest tokens, and the one that came."""
    told = {_name(other): _value(logprob) for other, logprob in token.top}
    if token.top or chosen:
        told[_name(token.token)] = _value(token.logprob)
    return told


def _value(logprob: float) -> float:
    return max(logprob, LEAST_LOGPROB)


def _name(token: bytes) -> str:
    """Return a token's text; a piece of a character as the dialect writes its bytes."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def joined(*parts: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the lists of several parts of one text, one after the other."""
    there = [part for part in parts if part is not None]
    if not there:
        return None
    return {name: [value for part in there for value in part[name]] for name in there[0]}


def text_of(prompt: Request, scores: Scores) -> str:
    """Return the text of a prompt, which may have been given as tokens."""
    if isinstance(prompt.raw_prompt, str):
        return prompt.raw_prompt
    return b"".join(token.token for token in scores.tokens).decode("utf-8", "replace")


class Answer:
    """One answer, folded from its events."""

    def __init__(self) -> None:
        self.id = ""
        self.text = ""
        self.tokens: list[TokenLogprob] = []
        self.usage = Usage()
        self.finish_reason = "stop"

    def add(self, event: Event) -> None:
        """Take the next event.

        Raises:
            ConsigneError: The answer could not be finished.
        """
        match event:
            case MessageStart():
                self.id = renamed(event.id, "cmpl-")
            case TextDelta():
                self.text += event.text
                self.tokens += event.logprobs
            case MessageStop():
                self.finish_reason = _FINISH_REASONS[event.stop_reason]
                self.usage = event.usage
            case Failed():
                raise from_code(event.code, event.message)
            case TextStart() | BlockStop():
                pass
            case ThinkingStart() | ThinkingDelta() | ToolUseStart() | InputDelta():
                raise TypeError(f"a completion holds no {type(event).__name__}")
            case _:
                assert_never(event)

    @property
    def likelihood(self) -> float:
        """The mean log-probability of its tokens: what ``best_of`` goes by."""
        if not self.tokens:
            return float("-inf")
        return sum(token.logprob for token in self.tokens) / len(self.tokens)


def choice(
    index: int, text: str, logprobs: dict[str, Any] | None, finish_reason: str | None
) -> dict[str, Any]:
    """Return a choice."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}


def head(completion_id: str, model: str, created: int) -> dict[str, Any]:
    """Return what a completion and each of its chunks begin with."""
    return {
        "id": completion_id,
        "object": "text_completion",
        "created": created,
        "model": model,
        "system_fingerprint": None,
    }


def total(answers: Sequence[Sequence[Usage]]) -> dict[str, Any]:
    """Return what the answers to several prompts used; each prompt counts once."""
    sums = Usage()
    for of_one in answers:
        output = sum(counts.output_tokens for counts in of_one)
        sums += Usage(of_one[0].input_tokens, of_one[0].cached_input_tokens, output)
    return usage(sums)


class StreamEncoder(sse.Encoder[tuple[int, Event]]):
    """Encodes the streams of several answers to several prompts, as they come."""

    keep_alive = b": still here\n\n"

    def __init__(
        self,
        wanted: Plan,
        begun: dict[str, Any],
        echoes: Sequence[Scores | str | None],
        *,
        usage: bool,
    ) -> None:
        """Prepare.

        Args:
            wanted: What was asked.
            begun: What each chunk begins with.
            echoes: What is told of each prompt before its answers.
            usage: Whether a last chunk tells the token counts.
        """
        self._plan = wanted
        self._head = begun | ({"usage": None} if usage else {})
        self._with_usage = usage
        answers = len(wanted.prompts) * wanted.n
        greedy = wanted.prompts[0].sampling.temperature == 0
        self._logprobs = [Logprobs(greedy=greedy) for _ in range(answers)]
        self._echoes = echoes
        self._usage = [Usage()] * answers
        self._running = answers

    def encode(self, item: tuple[int, Event]) -> bytes:
        """Return the bytes of the event of one of the answers."""
        index, event = item
        told = self._plan.logprobs is not None
        match event:
            case MessageStart():
                return self._echo(index)
            case TextDelta():
                logprobs = self._logprobs[index].answer(event.logprobs) if told else None
                return self._chunk(choice(index, event.text, logprobs, None))
            case MessageStop():
                self._usage[index] = event.usage
                return self._stop(index, event)
            case Failed():
                raise from_code(event.code, event.message)
            case _:
                return b""

    def _echo(self, index: int) -> bytes:
        echo = self._echoes[index // self._plan.n]
        prompt = self._plan.prompts[index // self._plan.n]
        if echo is None:
            return b""
        if isinstance(echo, str):
            return self._chunk(choice(index, echo, None, None))
        told = self._logprobs[index].prompt(echo) if self._plan.scored else None
        return self._chunk(choice(index, text_of(prompt, echo), told, None))

    def _stop(self, index: int, event: MessageStop) -> bytes:
        chunk = self._chunk(choice(index, "", None, _FINISH_REASONS[event.stop_reason]))
        self._running -= 1
        if self._running:
            return chunk
        if self._with_usage:
            n = self._plan.n
            by_prompt = [self._usage[at : at + n] for at in range(0, len(self._usage), n)]
            chunk += sse.data(self._head | {"choices": [], "usage": total(by_prompt)})
        return chunk + DONE

    def _chunk(self, told: dict[str, Any]) -> bytes:
        return sse.data(self._head | {"choices": [told]})

    def error(self, error: ConsigneError) -> bytes:
        """Return the chunk that ends the stream with an error."""
        return sse.data({"error": openai_error(error)})
