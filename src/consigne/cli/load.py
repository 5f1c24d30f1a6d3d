"""Put a server under load in either dialect and measure what its callers wait for."""

import asyncio
import random
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import msgspec

from consigne.cli.http_stream import Connection
from consigne.domain.errors import OperatorError

Dialect = Literal["openai", "anthropic"]
PATHS: dict[Dialect, str] = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
_TEXT = """
the river garden window letter summer music paper bridge winter stone market morning evening people
water forest silver quiet story travel kitchen number island village light colour history mountain
question answer little green yellow carry follow listen remember between under around through always
often never because before after together
"""
_WORDS = _TEXT.split()


class Target(msgspec.Struct, frozen=True):
    """The server to load."""

    url: str
    """Without the dialect's path."""
    key: str
    model: str
    dialect: Dialect


class _Tokens(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    output_tokens: int = 0

    @property
    def read(self) -> int:
        anthropic = self.cache_read_input_tokens + self.cache_creation_input_tokens
        return self.prompt_tokens + self.input_tokens + anthropic

    @property
    def written(self) -> int:
        return self.completion_tokens + self.output_tokens


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    text: str | None = None
    thinking: str | None = None

    @property
    def written(self) -> bool:
        return bool(self.content or self.reasoning_content or self.text or self.thinking)


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()


class _Message(msgspec.Struct, frozen=True):
    usage: _Tokens = _Tokens()


class _Event(msgspec.Struct, frozen=True):
    """What both dialects' events hold of interest."""

    choices: tuple[_Choice, ...] = ()
    delta: _Delta | None = None
    usage: _Tokens | None = None
    message: _Message | None = None
    error: Any = None

    @property
    def written(self) -> bool:
        return any(c.delta.written for c in self.choices) or bool(self.delta and self.delta.written)


class Sample(msgspec.Struct):
    """One request, as its caller saw it; times on the clock of ``time.perf_counter``."""

    began: float
    arrivals: list[float]
    """When each event with text came."""
    ended: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    counted: bool = False
    """Whether the server said how many tokens there were; else events were counted."""
    error: str = ""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one concurrency; times in seconds."""

    concurrency: int
    requests: int
    errors: int
    error: str
    """The first error, if any."""
    prompt_tokens: float
    """Mean of what the server counted."""
    output_tokens: int
    """Of all requests."""
    counted_by_server: bool
    wall_s: float
    tokens_per_s: float
    """All streams together, prompts not counted."""
    stream_tokens_per_s_p50: float
    """Of one stream, from its first token on."""
    ttft_p50_s: float | None
    ttft_p95_s: float | None
    itl_p50_s: float | None
    """Between one event with text and the next, which may hold several tokens."""
    itl_p95_s: float | None
    client_cpu_s: float
    client_cpu_us_per_token: float


async def measure(
    target: Target, *, concurrency: int, requests: int, prompt_tokens: int, max_tokens: int
) -> Level:
    """Send ``requests`` requests, ``concurrency`` at a time, and return the figures.

    Every prompt begins with other words, so that a prefix cache helps nobody.

    Raises:
        OperatorError: The server can't be reached, or refuses even the first request.
    """
    words = await _calibrate(target, prompt_tokens)
    seeds = iter(range(requests))
    samples: list[Sample] = []
    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(
        *(_stream(target, seeds, words, max_tokens, samples) for _ in range(concurrency))
    )
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return _figures(concurrency, samples, wall, cpu)


async def _calibrate(target: Target, prompt_tokens: int) -> int:
    """Return how many words make a prompt of so many tokens, its template included."""
    few, many = 1, max(64, prompt_tokens)
    connection = _connect(target)
    try:
        low = await _count(target, connection, few)
        high = await _count(target, connection, many)
    except (OSError, msgspec.MsgspecError) as error:
        raise OperatorError(f"The server at {target.url} does not answer: {error}.") from None
    finally:
        connection.close()
    slope = max((high - low) / (many - few), 0.1)
    return max(1, few + round((prompt_tokens - low) / slope))


async def _count(target: Target, connection: Connection, words: int) -> int:
    body = _body(target, random.Random(words), words, 1, stream=False)  # noqa: S311 - no secret
    status, answer = await connection.post(PATHS[target.dialect], body)
    if status != 200:
        said = answer[:300].decode("utf-8", "replace")
        raise OperatorError(f"The server at {target.url} refuses ({status}): {said}")
    return msgspec.json.decode(answer, type=_Message).usage.read


async def _stream(
    target: Target, seeds: Iterator[int], words: int, max_tokens: int, samples: list[Sample]
) -> None:
    connection = _connect(target)
    try:
        for seed in seeds:
            numbers = random.Random(f"{seed}/{words}/{max_tokens}")  # noqa: S311 - no secret
            body = _body(target, numbers, words, max_tokens, stream=True)
            sample = Sample(time.perf_counter(), [])
            samples.append(sample)
            try:
                await _follow(connection, PATHS[target.dialect], body, sample)
            except OSError as error:
                sample.error = str(error) or type(error).__name__
            sample.ended = time.perf_counter()
    finally:
        connection.close()


async def _follow(connection: Connection, path: str, body: bytes, sample: Sample) -> None:
    rest = b""

    def take(status: int, at: float, piece: bytes) -> None:
        nonlocal rest
        if status != 200:
            return
        # Some servers end lines with CR LF.
        *events, rest = (rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in events:
            _note(event, at, sample)

    status = await connection.stream(path, body, take)
    if status != 200:
        sample.error = f"status {status}"
    elif not sample.arrivals:
        sample.error = sample.error or "no text came"
    if not sample.counted:
        sample.output_tokens = len(sample.arrivals)


def _note(event: bytes, at: float, sample: Sample) -> None:
    begin = event.find(b"data: {")
    if begin < 0:
        return
    try:
        decoded = _decoder.decode(event[begin + len(b"data: ") :])
    except msgspec.MsgspecError as error:
        sample.error = f"an event can't be read: {error}"
        return
    if decoded.written:
        sample.arrivals.append(at)
    if decoded.error:
        sample.error = str(decoded.error)
    for usage in (decoded.usage, decoded.message and decoded.message.usage):
        if usage:
            sample.input_tokens = usage.read or sample.input_tokens
            sample.output_tokens = usage.written
            sample.counted = True


_decoder = msgspec.json.Decoder(_Event)


def _figures(concurrency: int, samples: list[Sample], wall: float, cpu: float) -> Level:
    good = [sample for sample in samples if not sample.error]
    failed = [sample.error for sample in samples if sample.error]
    first = [sample.arrivals[0] - sample.began for sample in good]
    gaps = [later - earlier for s in good for earlier, later in pairwise(s.arrivals)]
    speeds = [
        (s.output_tokens - 1) / (s.arrivals[-1] - s.arrivals[0])
        for s in good
        if s.output_tokens > 1 and s.arrivals[-1] > s.arrivals[0]
    ]
    tokens = sum(sample.output_tokens for sample in good)
    return Level(
        concurrency=concurrency,
        requests=len(samples),
        errors=len(failed),
        error=failed[0] if failed else "",
        prompt_tokens=sum(s.input_tokens for s in good) / len(good) if good else 0.0,
        output_tokens=tokens,
        counted_by_server=all(sample.counted for sample in good),
        wall_s=wall,
        tokens_per_s=tokens / wall,
        stream_tokens_per_s_p50=quantile(speeds, 0.5) or 0.0,
        ttft_p50_s=quantile(first, 0.5),
        ttft_p95_s=quantile(first, 0.95),
        itl_p50_s=quantile(gaps, 0.5),
        itl_p95_s=quantile(gaps, 0.95),
        client_cpu_s=cpu,
        client_cpu_us_per_token=cpu / tokens * 1e6 if tokens else 0.0,
    )


def quantile(values: list[float], share: float) -> float | None:
    """Return the smallest value that at least this share of the values does not exceed."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def _connect(target: Target) -> Connection:
    if target.dialect == "anthropic":
        return Connection(target.url, {"x-api-key": target.key, "anthropic-version": "2023-06-01"})
    return Connection(target.url, {"authorization": f"Bearer {target.key}"})


def _body(
    target: Target, numbers: random.Random, words: int, max_tokens: int, *, stream: bool
) -> bytes:
    text = " ".join(numbers.choices(_WORDS, k=words))
    body: dict[str, Any] = {
        "model": target.model,
        "messages": [{"role": "user", "content": f"{text}\nGo on:"}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": stream,
    }
    if stream and target.dialect == "openai":
        body["stream_options"] = {"include_usage": True}
    return msgspec.json.encode(body)
