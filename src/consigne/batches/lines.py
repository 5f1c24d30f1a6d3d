"""The lines of a batch: requests in, results out, in each dialect's form."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from consigne.batches.values import Dialect, Problem, Reply, Tokens
from consigne.domain.errors import InvalidRequest
from consigne.domain.ids import new_id

MAX_LINE_BYTES = 64 * 2**20
"""Longest request in a batch."""

Unfinished = Literal["canceled", "expired"]
"""Why a request has no answer."""


class Item(msgspec.Struct, frozen=True):
    """One request of a batch."""

    custom_id: str
    body: bytes
    """JSON, as the customer wrote it."""


class Result(msgspec.Struct, frozen=True):
    """What came of one request."""

    succeeded: bool
    line: str
    """JSON, without a line's end."""
    tokens: Tokens = Tokens()


class _AnthropicLine(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


class _OpenAILine(msgspec.Struct):
    custom_id: str
    body: msgspec.Raw
    method: str = "POST"
    url: str = ""


class _Details(msgspec.Struct):
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class _Usage(msgspec.Struct):
    """The words of all endpoints for what an answer used."""

    input_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    output_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


_anthropic_line = msgspec.json.Decoder(_AnthropicLine)
_openai_line = msgspec.json.Decoder(_OpenAILine)
_answer = msgspec.json.Decoder(_Answer)


async def split(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the lines of a text that comes in pieces, without their ends.

    Raises:
        InvalidRequest: A line is over ``MAX_LINE_BYTES``.
    """
    rest: list[bytes] = []
    size = 0
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        rest.append(first)
        size += len(first)
        if size > MAX_LINE_BYTES:
            raise InvalidRequest(f"A line is over {MAX_LINE_BYTES:,} bytes.")
        if others:
            yield b"".join(rest).removesuffix(b"\r")
            for line in others[:-1]:
                yield line.removesuffix(b"\r")
            rest, size = [others[-1]], len(others[-1])
    if last := b"".join(rest):
        yield last


async def requests(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    """Yield the number, from 0, and the text of each request in a batch's input."""
    number = 0
    async for line in split(chunks):
        if line.strip():
            yield number, line
            number += 1


def item_of(dialect: Dialect, line: bytes) -> Item:
    """Return the request in a line that was checked before."""
    if dialect == "anthropic":
        one = _anthropic_line.decode(line)
        return Item(one.custom_id, bytes(one.params))
    other = _openai_line.decode(line)
    return Item(other.custom_id, bytes(other.body))


def check(line: bytes, endpoint: str, number: int) -> str | Problem:
    """Return the ``custom_id`` in a line of an OpenAI batch file, or what is wrong with it.

    ``number`` is the line's, from 1.
    """
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Problem("invalid_json_line", "This line is not parseable as valid JSON.", number)
    if not isinstance(found, dict):
        return Problem("invalid_json_line", "This line is not a JSON object.", number)
    custom_id = found.get("custom_id")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= 512:
        message = "A text of 1 to 512 characters is needed."
        return Problem("missing_required_parameter", message, number, "custom_id")
    if found.get("method") != "POST":
        return Problem("invalid_method", "The method must be 'POST'.", number, "method")
    if found.get("url") != endpoint:
        message = f"The URL must be the batch's endpoint, '{endpoint}'."
        return Problem("mismatched_endpoint", message, number, "url")
    if not isinstance(found.get("body"), dict):
        message = "The request's body must be a JSON object."
        return Problem("missing_required_parameter", message, number, "body")
    return custom_id


def result_of(dialect: Dialect, item: Item, reply: Reply) -> Result:
    """Return what came of a request that was answered."""
    succeeded = reply.status < 400
    body = msgspec.Raw(reply.body)
    tokens = _tokens(reply.body) if succeeded else Tokens()
    if dialect == "anthropic":
        what = {"type": "succeeded", "message": body}
        outcome = what if succeeded else {"type": "errored", "error": body}
        return Result(succeeded, _line({"custom_id": item.custom_id, "result": outcome}), tokens)
    response = {"status_code": reply.status, "request_id": reply.request_id, "body": body}
    return Result(succeeded, _openai_result(item.custom_id, response, None), tokens)


def unfinished(dialect: Dialect, custom_id: str, why: Unfinished) -> str:
    """Return the line of a request that was not answered."""
    if dialect == "anthropic":
        return _line({"custom_id": custom_id, "result": {"type": why}})
    code, message = _WHY[why]
    return _openai_result(custom_id, None, {"code": code, "message": message})


_WHY: dict[Unfinished, tuple[str, str]] = {
    "canceled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
}


def _openai_result(
    custom_id: str, response: dict[str, Any] | None, error: dict[str, str] | None
) -> str:
    request_id = "batch_req_" + new_id("req").removeprefix("req_")
    return _line({"id": request_id, "custom_id": custom_id, "response": response, "error": error})


def _line(content: dict[str, Any]) -> str:
    return msgspec.json.encode(content).decode()


def _tokens(body: bytes) -> Tokens:
    try:
        usage = _answer.decode(body).usage or _Usage()
    except msgspec.MsgspecError:
        return Tokens()
    cached = usage.cache_read_input_tokens
    read = usage.prompt_tokens_details or usage.input_tokens_details or _Details(cached)
    wrote = usage.completion_tokens_details or usage.output_tokens_details or _Details()
    return Tokens(
        usage.input_tokens + cached + usage.cache_creation_input_tokens + usage.prompt_tokens,
        read.cached_tokens,
        usage.output_tokens + usage.completion_tokens,
        wrote.reasoning_tokens,
    )
