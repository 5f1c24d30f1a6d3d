"""A response's events on their way to the client, and what is kept of it when it ends."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import msgspec
from starlette.types import Scope

from consigne.api import sse
from consigne.api.errors import as_consigne_error, openai_error
from consigne.api.openai.responses.encode import Json, ResponseBuilder
from consigne.api.run_here import Told
from consigne.domain.batches import close
from consigne.domain.errors import ConsigneError
from consigne.domain.events import (
    BlockStop,
    MessageStop,
    TextStart,
    ThinkingStart,
    ToolUseStart,
)

DONE = b"data: [DONE]\n\n"
_BORDERS = (TextStart, ThinkingStart, ToolUseStart, BlockStop)
"""Events that another follows at once: both are sent in one piece."""
_NAME = len(b'{"type":"')
_BLOCK = 32
"""Obfuscated deltas have lengths that are multiples of this."""


class BytesEncoder(sse.Encoder[bytes]):
    """Passes on what is encoded already."""

    keep_alive = b": still here\n\n"

    def __init__(self, builder: ResponseBuilder | None = None) -> None:
        self._builder = builder

    def encode(self, chunk: bytes) -> bytes:
        """Return the bytes as they are."""
        return chunk

    def error(self, error: ConsigneError) -> bytes:
        """Return the event that breaks the stream off with an error."""
        told = openai_error(error)
        fields = {name: told[name] for name in ("code", "message", "param")}
        number = self._builder.next_number if self._builder else 0
        return sse.event("error", {"type": "error", "sequence_number": number, **fields})


def framed(lines: Iterable[bytes], *, obfuscate: bool = False) -> bytes:
    """Return events, each encoded as JSON with its type first, as server-sent events."""
    found = []
    for line in lines:
        name = line[_NAME : line.index(b'"', _NAME)]
        data = _obfuscated(line) if obfuscate and name.endswith(b".delta") else line
        found.append(b"event: %b\ndata: %b\n\n" % (name, data))
    return b"".join(found)


def _obfuscated(line: bytes) -> bytes:
    """Fill a delta up with noise, so that its length on the wire tells little about the text."""
    event: Json = msgspec.json.decode(line)
    short = -len(event["delta"].encode()) % _BLOCK
    event["obfuscation"] = secrets.token_urlsafe(_BLOCK)[:short]
    return msgspec.json.encode(event)


async def whole(
    events: AsyncIterator[Told], builder: ResponseBuilder, keep: Callable[[], Awaitable[None]]
) -> Json:
    """Return the whole response, kept.

    Raises:
        ConsigneError: The answer could not be finished, or not be kept.
    """
    try:
        async for event in events:
            for _ in builder.add(event):
                pass
    finally:
        await close(events)
    await keep()
    return builder.response


async def told(
    events: AsyncIterator[Told],
    builder: ResponseBuilder,
    keep: Callable[[], Awaitable[None]],
    keep_soon: Callable[[], None],
    scope: Scope,
    *,
    obfuscate: bool,
) -> AsyncIterator[bytes]:
    """Yield the response as server-sent events; the last comes once the response is kept.

    Raises:
        ConsigneError: It could not begin, or not be kept.
    """
    chunk = b""
    try:
        async for event in events:
            lines = [msgspec.json.encode(step) for step in builder.add(event)]
            if isinstance(event, MessageStop):
                await keep()
            chunk += framed(lines, obfuscate=obfuscate)
            if not isinstance(event, _BORDERS):
                yield chunk
                chunk = b""
        yield DONE
    except (asyncio.CancelledError, GeneratorExit):
        if builder.begun and builder.response["status"] == "in_progress":
            builder.cancel()
            keep_soon()
        raise
    except Exception as error:
        if not builder.begun or builder.response["status"] != "in_progress":
            raise
        failed = builder.fail(as_consigne_error(error, scope))
        await keep()
        yield chunk + framed([msgspec.json.encode(failed)]) + DONE
    finally:
        await close(events)


async def followed(
    batches: AsyncIterator[Sequence[bytes]], *, obfuscate: bool
) -> AsyncIterator[bytes]:
    """Yield stored events as server-sent events."""
    try:
        yield b": stored events follow\n\n"
        async for lines in batches:
            yield framed(lines, obfuscate=obfuscate)
        yield DONE
    finally:
        await close(batches)
