"""Request bodies: read once, decoded straight into their schema; and whole answers."""

from typing import Any, TypeVar

import msgspec
import pydantic_core
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive

from consigne.api.errors import InvalidField
from consigne.api.limits import SIZE
from consigne.domain.errors import InvalidRequest, UnsupportedMediaType

T = TypeVar("T")

_JSON = b"application/json"


class Json(Response):
    """A whole answer."""

    def __init__(self, value: Any) -> None:
        self.body = msgspec.json.encode(value)
        self.status_code = 200
        self.background = None
        length = b"%d" % len(self.body)
        self.raw_headers = [(b"content-length", length), (b"content-type", _JSON)]


async def read(request: Request, adapter: TypeAdapter[T]) -> T:
    """Return the request's JSON body as ``adapter`` defines it.

    Raises:
        UnsupportedMediaType: The body is declared as something else than plain JSON.
        InvalidRequest: It is not JSON, or not of this schema (``InvalidField``).
    """
    return decode(await raw(request), adapter)


async def raw(request: Request) -> bytes:
    """Return the request's JSON body as it came.

    Raises:
        UnsupportedMediaType: The body is declared as something else than plain JSON.
    """
    _check_type(request)
    return await _received(request.receive)


def decode(body: bytes, adapter: TypeAdapter[T]) -> T:
    """Return a JSON body as ``adapter`` defines it.

    Raises:
        InvalidRequest: It is not JSON, or not of this schema (``InvalidField``).
    """
    try:
        value: T = adapter.validator.validate_json(body)
    except ValidationError as error:
        raise _explain(error, body) from None
    return value


async def _received(receive: Receive) -> bytes:
    """Return the body of a request of which nothing was read yet.

    Raises:
        ClientDisconnect: The client hung up before it was whole.
    """
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_type(request: Request) -> None:
    for name, given in request.scope["headers"]:
        if name == b"content-type":
            if given != _JSON:
                _check_kind(given.decode("latin-1"))
            return


def _check_kind(media_type: str) -> None:
    kind = media_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", "") and not kind.endswith("+json"):
        raise UnsupportedMediaType(
            f"The body is declared as '{kind[:100]}'; send it as 'application/json'."
        )


def _explain(error: ValidationError, body: bytes) -> InvalidRequest:
    """Say the most specific thing that is wrong.

    A union reports one error for each of its branches; the branch that was meant is the one that
    got deepest into the body.
    """
    found = error.errors(include_url=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        reason = found[0]["msg"].removeprefix("Invalid JSON: ")
        return InvalidRequest(f"The request body is not valid JSON: {reason}.")
    raw = pydantic_core.from_json(body)
    paths = [_path(detail["loc"], detail["type"], raw) for detail in found]
    deepest = max(range(len(found)), key=lambda i: (len(paths[i]), -i))
    detail, path = found[deepest], paths[deepest]
    if not path:
        return InvalidRequest(f"The request body: {detail['msg']}.")
    dotted = ".".join(str(part)[:100] for part in path)
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "string_pattern_mismatch" and SIZE in message:
        message = "Write 'auto', or width and height, such as '1024x1024'."
    return InvalidField(message, param=dotted, kind=detail["type"])


def _path(loc: tuple[int | str, ...], kind: str, raw: Any) -> list[int | str]:
    """Return the location without the names of union branches, which are no part of the body."""
    path: list[int | str] = []
    for part in loc:
        match part:
            case str() if isinstance(raw, dict) and part in raw:
                raw = raw[part]
            case int() if isinstance(raw, list):
                raw = raw[part]
            case _:
                continue
        path.append(part)
    if kind == "missing":
        path.append(loc[-1])
    return path
