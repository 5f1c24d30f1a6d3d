"""The one error tree. Each error has a code, an HTTP status and a sentence for its reader.

::

    ConsigneError
    ├── InvalidRequest 400 ── ContextTooLong, FileNotDownloadable, NothingToGoOnFrom,
    │                         Unsupported ── ImagesUnsupported
    ├── NotAuthenticated 401
    ├── NotPermitted 403 ── ModelNotPermitted
    ├── NotFound 404 ── FileExpired, ModelNotFound
    ├── Conflict 409
    ├── RequestTooLarge 413
    ├── UnsupportedMediaType 415
    ├── IdempotencyMismatch 422
    ├── RateLimited 429
    ├── EngineFailed 500 ── EngineCrashed, UpstreamFailed 502 ── UpstreamTimedOut 504
    ├── Overloaded 529
    └── OperatorError          for the terminal: what the operator must mend
        ├── ModelNotSupported  a model file that no engine here can run
        └── ModelBroken        a model file that is damaged or incomplete
"""

from typing import ClassVar


class ConsigneError(Exception):
    """Root of all errors that Consigne raises on purpose."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        """The request's field at fault, as a dotted path, where one is."""


class InvalidRequest(ConsigneError):
    """The request is malformed or asks for what cannot be."""

    code = "invalid_request"
    status = 400


class ContextTooLong(InvalidRequest):
    """The prompt does not fit the model's context."""

    code = "context_length_exceeded"


class NothingToGoOnFrom(InvalidRequest):
    """There is no such earlier response, or not for this caller."""

    code = "previous_response_not_found"


class Unsupported(InvalidRequest):
    """The model cannot do what the request asks (read images, say)."""

    code = "unsupported"


class ImagesUnsupported(Unsupported):
    """The model can't see the pictures that it is asked about."""

    code = "images_unsupported"


class NotAuthenticated(ConsigneError):
    """No credentials, or wrong ones."""

    code = "not_authenticated"
    status = 401


class NotPermitted(ConsigneError):
    """Known caller, not allowed."""

    code = "not_permitted"
    status = 403


class ModelNotPermitted(NotPermitted):
    """The caller's key may use other models only."""

    code = "model_not_permitted"


class NotFound(ConsigneError):
    """There is no such thing, or not for this caller."""

    code = "not_found"
    status = 404


class ModelNotFound(NotFound):
    """No model answers to this name."""

    code = "model_not_found"


class FileNotDownloadable(InvalidRequest):
    """The file was given, not made here, and the dialect does not return such files."""

    code = "file_not_downloadable"


class FileExpired(NotFound):
    """There was a file, and its time is over."""

    code = "file_expired"


class Conflict(ConsigneError):
    """The thing's state does not admit this now."""

    code = "conflict"
    status = 409


class RequestTooLarge(ConsigneError):
    """The body is over the limit."""

    code = "request_too_large"
    status = 413


class UnsupportedMediaType(ConsigneError):
    """The body is of a type that is not read here."""

    code = "unsupported_media_type"
    status = 415


class IdempotencyMismatch(ConsigneError):
    """An idempotency key was used for another request before."""

    code = "idempotency_mismatch"
    status = 422


class _RetryLater(ConsigneError):
    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which a retry makes sense."""


class RateLimited(_RetryLater):
    """The caller's own limit is used up."""

    code = "rate_limited"
    status = 429


class Overloaded(_RetryLater):
    """The service has more to do than it can queue."""

    code = "overloaded"
    status = 529


class EngineFailed(ConsigneError):
    """The engine could not generate."""

    code = "engine_failed"
    status = 500


class EngineCrashed(EngineFailed):
    """The model's worker process ended in mid-work; the next request finds a new one."""

    code = "engine_crashed"


class UpstreamFailed(EngineFailed):
    """A provider's server could not be reached, refused our credentials or broke off."""

    code = "upstream_failed"
    status = 502


class UpstreamTimedOut(UpstreamFailed):
    """A provider's server did not answer in time."""

    code = "upstream_timed_out"
    status = 504


class OperatorError(ConsigneError):
    """Something the operator must mend: shown as one line, exit code 2."""

    code = "operator_error"


class ModelNotSupported(OperatorError):
    """No engine here can run this model file; the message names a form that works."""

    code = "model_not_supported"


class ModelBroken(OperatorError):
    """The model's file is damaged or incomplete."""

    code = "model_broken"


def _tree(root: type[ConsigneError]) -> dict[str, type[ConsigneError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update({c: k for c, k in _tree(child).items() if c not in found})
    return found


def from_code(code: str, message: str) -> ConsigneError:
    """Return the error a ``code`` stands for (it crossed a process border or was stored)."""
    return _tree(ConsigneError).get(code, EngineFailed)(message)
