"""Ask the running server over HTTP.

This speaks the OpenAI dialect, since the Anthropic one has no seed, demands a token limit and
ends temperatures at 1: what the terminal offers must not depend on whether a server runs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from consigne.cli.serve import ServerFile
from consigne.domain.errors import ConsigneError, EngineFailed, InvalidRequest, from_code
from consigne.domain.events import (
    BlockStop,
    Event,
    MessageStart,
    MessageStop,
    StopReason,
    TextDelta,
    TextStart,
    ThinkingDelta,
    ThinkingStart,
)
from consigne.domain.messages import Message, Request, TextBlock
from consigne.domain.usage import Usage

_STOP_REASONS: dict[str, StopReason] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta
    finish_reason: str | None = None


class _CachedTokens(msgspec.Struct, frozen=True):
    cached_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _CachedTokens = _CachedTokens()


class _Error(msgspec.Struct, frozen=True):
    message: str
    code: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    id: str = ""
    model: str = ""
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: _Error | None = None


class RemoteClient:
    """Asks models through the server that runs on this data folder."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer, event by event; closing the iterator stops it on the server."""
        try:
            async with self._http.stream(
                "POST", "/v1/chat/completions", json=_body(request)
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refusal(await response.aread(), response.status_code)
                reader = _Reader()
                async for line in response.aiter_lines():
                    if line.startswith("data: {"):
                        for event in reader.read(line.removeprefix("data: ")):
                            yield event
                yield reader.end()
        except httpx.TransportError as error:
            raise EngineFailed(
                f"The connection to the server broke ({type(error).__name__}). Ask again."
            ) from None

    async def models(self) -> list[str]:
        """Return the ids of the models that can be asked."""
        response = await self._http.get("/v1/models")
        return [model["id"] for model in response.raise_for_status().json()["data"]]


@asynccontextmanager
async def remote(server: ServerFile) -> AsyncIterator[RemoteClient]:
    """Open a client of a server."""
    headers = {"authorization": f"Bearer {server.key}"}
    timeout = httpx.Timeout(10.0, read=None)
    async with httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=timeout, trust_env=False
    ) as http:
        yield RemoteClient(http)


class _Reader:
    """Turns the stream's chunks into events."""

    def __init__(self) -> None:
        self._started = False
        self._block: type[TextStart | ThinkingStart] | None = None
        self._index = -1
        self._stop: StopReason = "end_turn"
        self._finished = False
        self._usage = Usage()

    def read(self, data: str) -> list[Event]:
        """Return the events of one chunk.

        Raises:
            ConsigneError: The server says that the answer can't go on.
        """
        chunk = msgspec.json.decode(data, type=_Chunk)
        if chunk.error:
            raise _as_error(chunk.error, 500)
        events: list[Event] = []
        if not self._started and chunk.id:
            self._started = True
            events.append(MessageStart(chunk.id, chunk.model, Usage()))
        if chunk.usage:
            cached = chunk.usage.prompt_tokens_details.cached_tokens
            self._usage = Usage(chunk.usage.prompt_tokens, cached, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            events += self._delta(choice.delta)
            if choice.finish_reason:
                self._finished = True
                self._stop = _STOP_REASONS.get(choice.finish_reason, "end_turn")
                events += self._close()
        return events

    def end(self) -> MessageStop:
        """Return the last event.

        Raises:
            EngineFailed: The stream was cut before the answer's end.
        """
        if not self._finished:
            raise EngineFailed("The server ended in mid-answer. Ask again.")
        return MessageStop(self._stop, self._usage)

    def _delta(self, delta: _Delta) -> list[Event]:
        if delta.reasoning_content:
            begun = self._open(ThinkingStart)
            return [*begun, ThinkingDelta(self._index, delta.reasoning_content)]
        if delta.content:
            return [*self._open(TextStart), TextDelta(self._index, delta.content)]
        return []

    def _open(self, kind: type[TextStart | ThinkingStart]) -> list[Event]:
        if self._block is kind:
            return []
        closed = self._close()
        self._block = kind
        self._index += 1
        return [*closed, kind(self._index)]

    def _close(self) -> list[Event]:
        if self._block is None:
            return []
        self._block = None
        return [BlockStop(self._index)]


def _body(request: Request) -> dict[str, Any]:
    sampling = request.sampling
    system = [{"role": "system", "content": block.text} for block in request.system]
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [*system, *(_message(message) for message in request.messages)],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": request.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "reasoning_effort": {None: None, False: "none", True: "medium"}[request.thinking],
    }
    if request.output.kind == "json_schema":
        schema = {"name": "answer", "schema": request.output.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {name: value for name, value in body.items() if value is not None}


def _message(message: Message) -> dict[str, str]:
    if not all(isinstance(block, TextBlock) for block in message.content):
        raise InvalidRequest("The terminal sends text only.")
    return {"role": message.role, "content": message.text}


def _refusal(body: bytes, status: int) -> ConsigneError:
    try:
        error = msgspec.json.decode(body, type=_Chunk).error
    except msgspec.MsgspecError:
        error = None
    return _as_error(error or _Error(f"The server answered with status {status}."), status)


def _as_error(error: _Error, status: int) -> ConsigneError:
    known = from_code(error.code or "", error.message)
    if status < httpx.codes.INTERNAL_SERVER_ERROR and isinstance(known, EngineFailed):
        return InvalidRequest(error.message)
    return known
