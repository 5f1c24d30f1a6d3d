"""What servers of the OpenAI kind answer: the fields that are read, whatever else there is.

The garbage collector need not know them: none holds itself (``gc=False``).
"""

import msgspec

from consigne.domain.events import TokenLogprob
from consigne.domain.usage import Usage
from consigne.providers.faults import Fault


class _Top(msgspec.Struct, frozen=True, gc=False):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class Logprob(_Top, frozen=True, gc=False):
    """One token's log-probability."""

    top_logprobs: tuple[_Top, ...] = ()


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """The log-probabilities of a piece of text."""

    content: tuple[Logprob, ...] | None = None


class Function(msgspec.Struct, frozen=True, gc=False):
    """A piece of a call: the name comes first, the arguments in pieces."""

    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, frozen=True, gc=False):
    """A piece of a tool call."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(msgspec.Struct, frozen=True, gc=False):
    """A piece of an answer, or a whole one."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    """The same as ``reasoning_content`` at newer vLLM, Ollama and OpenRouter."""
    tool_calls: tuple[Call, ...] | None = None


class Choice(msgspec.Struct, frozen=True, gc=False):
    """The answer."""

    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    """The stop string that ended the answer, at vLLM."""
    logprobs: Logprobs | None = None


class _PromptDetails(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None


class _AnswerDetails(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: int | None = None


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Token counts."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _AnswerDetails | None = None

    def as_usage(self) -> Usage:
        """Return the counts as ours."""
        details = self.prompt_tokens_details
        cached = (details.cached_tokens or 0) if details else 0
        wrote = self.completion_tokens_details
        thought = (wrote.reasoning_tokens or 0) if wrote else 0
        return Usage(
            input_tokens=self.prompt_tokens,
            cached_input_tokens=min(cached, self.prompt_tokens),
            output_tokens=self.completion_tokens,
            reasoning_tokens=min(thought, self.completion_tokens),
        )


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A chunk of a stream, or a whole completion."""

    choices: tuple[Choice, ...] = ()
    usage: Counts | None = None
    error: Fault | str | None = None


class _Vector(msgspec.Struct, frozen=True, gc=False):
    embedding: tuple[float, ...]
    index: int


class Vectors(msgspec.Struct, frozen=True, gc=False):
    """The answer of ``POST /embeddings``."""

    data: tuple[_Vector, ...]
    usage: Counts | None = None


def token_logprobs(found: Logprobs) -> tuple[TokenLogprob, ...]:
    """Return the log-probabilities as ours."""
    if not found.content:
        return ()
    return tuple(
        TokenLogprob(
            _bytes(token),
            token.logprob,
            tuple((_bytes(other), other.logprob) for other in token.top_logprobs),
        )
        for token in found.content
    )


def _bytes(token: _Top) -> bytes:
    try:
        return token.token.encode() if token.bytes is None else bytes(token.bytes)
    except ValueError:
        return token.token.encode()
