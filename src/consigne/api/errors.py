"""Every error leaves in the shape of the dialect that asked: status, headers and body."""

import logging
import math
import re
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from consigne.domain.errors import (
    ConsigneError,
    ContextTooLong,
    EngineCrashed,
    FileExpired,
    FileNotDownloadable,
    IdempotencyMismatch,
    InvalidRequest,
    ModelNotFound,
    ModelNotPermitted,
    NotAuthenticated,
    NotFound,
    NothingToGoOnFrom,
    NotPermitted,
    OperatorError,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    Unsupported,
    UnsupportedMediaType,
)

_SLASHES: Final = re.compile("/+")
log = logging.getLogger(__name__)

Dialect = Literal["anthropic", "openai", "app"]

_OPENAI_PATHS = (
    "/v1/chat/",
    "/v1/responses",
    "/v1/conversations",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/images",
    "/v1/moderations",
    "/v1/uploads",
    "/v1/batches",
)


class InvalidField(InvalidRequest):
    """A field of the body has a wrong type, value or name."""

    def __init__(self, message: str, *, param: str, kind: str = "value_error") -> None:
        super().__init__(message, param=param)
        self.kind = kind
        """What is wrong with it, in pydantic's names (``missing``, ``int_type``…)."""


class ThreadUnsupported(InvalidField):
    """Conversations are not held here; the SDK's helpers then send the whole one each time."""

    code = "thread_unsupported_request"


class MethodNotAllowed(InvalidRequest):
    """The path exists, but not for this method."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = allowed
        """The methods that it exists for."""


def dialect_of(scope: Scope) -> Dialect:
    """Return the dialect that a request speaks.

    The path decides; where both dialects own it, the header ``anthropic-version`` does.
    """
    path: str = scope["path"]
    if path.startswith("/v1/messages"):
        return "anthropic"
    if not path.startswith("/v1/") and path != "/v1":
        return "app"
    if path.startswith(_OPENAI_PATHS):
        return "openai"
    return "anthropic" if speaks_anthropic(scope) else "openai"


def speaks_anthropic(scope: Scope) -> bool:
    """Say whether the header ``anthropic-version`` is there."""
    return any(name == b"anthropic-version" for name, _ in scope["headers"])


def request_id_of(scope: Scope) -> str:
    """Return the id that the request was given."""
    return str(scope.get("state", {}).get("request_id", ""))


def install(app: FastAPI) -> None:
    """Make every error of the application leave in the shape of its caller's dialect."""
    app.add_exception_handler(ConsigneError, _on_error)
    app.add_exception_handler(HTTPException, _on_error)
    app.add_exception_handler(RequestValidationError, _on_error)


async def _on_error(request: Request, error: Exception) -> Response:
    return response(error, request.scope)


def response(error: Exception, scope: Scope) -> Response:
    """Return the response that tells ``error`` to the caller of ``scope``."""
    known = as_consigne_error(error, scope)
    dialect = dialect_of(scope)
    body = wire(known, dialect, request_id_of(scope))
    return Response(
        msgspec.json.encode(body),
        status_of(known, dialect),
        headers=headers_of(known),
        media_type="application/json",
    )


def as_consigne_error(error: Exception, scope: Scope) -> ConsigneError:
    """Return what a caller may know of ``error``; what they may not know goes to the log."""
    match error:
        case OperatorError():
            log.error("%s: %s", request_id_of(scope), error.message)
            return _internal("The model can't be used", scope)
        case ConsigneError():
            return error
        case HTTPException():
            return _from_http(error, scope)
        case RequestValidationError():
            first = error.errors()[0]
            path = ".".join(str(part) for part in first["loc"][1:])
            return InvalidField(first["msg"], param=path, kind=first["type"])
        case _:
            log.error("%s: unexpected error", request_id_of(scope), exc_info=error)
            return _internal("Something went wrong here", scope)


def _internal(what: str, scope: Scope) -> ConsigneError:
    return ConsigneError(
        f"{what}. The operator finds the reason in the log: {request_id_of(scope)}"
    )


def _from_http(error: HTTPException, scope: Scope) -> ConsigneError:
    match error.status_code:
        case 404:
            return NotFound(f"There is nothing at {scope['method']} {scope['path']}.{_hint(scope)}")
        case 405:
            allowed = _methods(scope)
            return MethodNotAllowed(
                f"{scope['path']} does not answer to {scope['method']}, "
                f"but to {', '.join(allowed)}.",
                allowed,
            )
        case 413:
            return RequestTooLarge(str(error.detail))
        case 415:
            return UnsupportedMediaType(str(error.detail))
        case status if status < 500:
            return InvalidRequest(str(error.detail))
        case _:
            return _internal("Something went wrong here", scope)


def _hint(scope: Scope) -> str:
    """Return what a client with a slightly wrong base URL meant, if that is it."""
    path = _SLASHES.sub("/", scope["path"]).rstrip("/")
    for meant in (path, path.removeprefix("/v1"), f"/v1{path}"):
        if meant.startswith("/v1/") and _methods({**scope, "path": meant}):
            return f" Did you mean {meant}? The client's base URL is wrong then."
    return ""


def _methods(scope: Scope) -> list[str]:
    """Return the methods that a path answers to (the framework names those of one route only)."""
    routes = scope["app"].router.routes
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if any(r.matches({**scope, "method": method})[0] == Match.FULL for r in routes)
    ]
    return ["HEAD", *found] if "GET" in found else found


def status_of(error: ConsigneError, dialect: Dialect) -> int:
    """Return the HTTP status; what is 529 to Anthropic is 503 to everybody else."""
    return 503 if error.status == 529 and dialect != "anthropic" else error.status


def headers_of(error: ConsigneError) -> dict[str, str]:
    """Return the headers that tell a client whether and when to try again."""
    match error:
        case Overloaded() | RateLimited():
            return {
                "retry-after": str(max(1, math.ceil(error.retry_after))),
                "retry-after-ms": str(max(1, math.ceil(error.retry_after * 1000))),
                "x-should-retry": "true",
            }
        case EngineCrashed():
            return {"x-should-retry": "true"}
        case NotAuthenticated():
            return {"www-authenticate": "Bearer"}
        case MethodNotAllowed():
            return {"allow": ", ".join(error.allowed)}
        case IdempotencyMismatch() | ModelNotPermitted():
            return {"x-should-retry": "false"}
        case _:
            return {}


def wire(error: ConsigneError, dialect: Dialect, request_id: str) -> dict[str, Any]:
    """Return the body that tells ``error`` in a dialect."""
    match dialect:
        case "anthropic":
            return {"type": "error", "error": anthropic_error(error), "request_id": request_id}
        case "openai":
            return {"error": openai_error(error)}
        case "app":
            return {"error": {"code": error.code, "message": sentence(error)}}


_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def anthropic_error(error: ConsigneError) -> dict[str, Any]:
    """Return the inner object of an Anthropic error."""
    fallback = "invalid_request_error" if error.status < 500 else "api_error"
    message = sentence(error)
    if isinstance(error, ContextTooLong):
        message = f"prompt is too long: {message}"  # agents look for these words, and compact
    found = {"type": _ANTHROPIC_TYPES.get(error.status, fallback), "message": message}
    if isinstance(error, FileExpired | FileNotDownloadable):
        return found | {"details": {"error_code": error.code}}
    if isinstance(error, ThreadUnsupported):
        details = {"error_code": error.code, "unsupported": ["thread"]}
        return found | {"details": details}
    return found


def sentence(error: ConsigneError) -> str:
    """Return the error's message, led by the field at fault where the message does not name it."""
    return f"{error.param}: {error.message}" if isinstance(error, InvalidField) else error.message


def openai_error(error: ConsigneError) -> dict[str, str | None]:
    """Return the inner object of an OpenAI error."""
    param = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", error.param) if error.param else None
    message, code = error.message, _openai_code(error)
    if isinstance(error, InvalidField) and param:
        message, code = _openai_field(error, param)
    return {"message": message, "type": _openai_type(error), "param": param, "code": code}


def _openai_type(error: ConsigneError) -> str:
    if error.status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if error.status < 500 else "server_error"


def _openai_code(error: ConsigneError) -> str | None:
    match error:
        case NotAuthenticated():
            return "invalid_api_key"
        case (
            ContextTooLong()
            | ModelNotFound()
            | RequestTooLarge()
            | MethodNotAllowed()
            | NothingToGoOnFrom()
        ):
            return error.code
        case ModelNotPermitted():
            return "model_not_found"
        case NotPermitted():
            return "insufficient_permissions"
        case IdempotencyMismatch():
            return error.code
        case Unsupported():
            return "unsupported_value"
        case RateLimited():
            return "rate_limit_exceeded"
        case NotFound():
            return None if error.param else "unknown_url"
        case _ if error.status >= 500:
            return error.code
        case _:
            return None


def _openai_field(error: InvalidField, param: str) -> tuple[str, str | None]:
    match error.kind:
        case "missing":
            return f"Missing required parameter: '{param}'.", "missing_required_parameter"
        case "extra_forbidden":
            return f"Unrecognized request argument supplied: {param}", "unknown_parameter"
        case "unsupported":
            return f"Unsupported parameter: '{param}'. {error.message}", "unsupported_parameter"
        case kind if kind.endswith(("_type", "_parsing", "_from_float")):
            return f"Invalid type for '{param}': {error.message}.", "invalid_type"
        case _:
            return f"Invalid value for '{param}': {error.message}", "invalid_value"
