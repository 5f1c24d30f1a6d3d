"""What a provider's refusal means to the one who asked us: its status and body, told as ours."""

import logging
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from consigne.domain.errors import (
    ConsigneError,
    ContextTooLong,
    InvalidRequest,
    Overloaded,
    RateLimited,
    RequestTooLarge,
    UpstreamFailed,
    UpstreamTimedOut,
)

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 3600.0
_LONGEST_MESSAGE = 2000
_SHORTEST_SECRET = 6
_OVERLOADED = (503, 529)
_OURS = (401, 402, 403, 404)
_TIMEOUTS = (408, 504, 524)


class Fault(msgspec.Struct, frozen=True):
    """The error inside a body of either dialect."""

    message: str | None = None
    type: str | None = None
    param: str | None = None
    code: str | int | None = None


class _Body(msgspec.Struct, frozen=True):
    error: Fault | str | None = None
    message: str | None = None
    detail: str | None = None


E = TypeVar("E", bound=ConsigneError)

_decoder = msgspec.json.Decoder(_Body)


def read_fault(body: bytes) -> Fault:
    """Return the error that a body tells; empty where it tells none that we understand."""
    try:
        found = _decoder.decode(body)
    except msgspec.MsgspecError:
        return Fault()
    if isinstance(found.error, Fault):
        return found.error
    return Fault(message=found.error or found.message or found.detail)


class Troubles:
    """What went wrong with one provider since the start."""

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        """How often, by the code of the error that it became."""
        self.retries = 0
        """How often a request was sent again on a fresh connection."""

    def count(self, error: E) -> E:
        """Count an error and return it."""
        self.faults[error.code] = self.faults.get(error.code, 0) + 1
        return error


class Teller:
    """Tells a provider's refusals, and counts them; its key is in none of them."""

    def __init__(self, provider: str, secrets: tuple[str, ...]) -> None:
        self.provider = provider
        self.troubles = Troubles()
        self._secrets = tuple(s for s in secrets if len(s) >= _SHORTEST_SECRET)

    def from_status(
        self, status: int, headers: Mapping[str, str], fault: Fault, model: str
    ) -> ConsigneError:
        """Return the error that a refusal means to our caller.

        What is wrong with the request is told in the provider's words. What is wrong with our own
        account there (its key, its bill, a name it does not know) is the operator's to mend:
        callers learn that it is so, the log says what.
        """
        asked_as = headers.get("request-id") or headers.get("x-request-id") or "none"
        log.warning(
            "provider %s answered %s (%s), its request id: %s",
            self.provider,
            status,
            fault.code or fault.type,
            asked_as,
        )
        return self.troubles.count(self._meant(status, headers, fault, model))

    def _meant(
        self, status: int, headers: Mapping[str, str], fault: Fault, model: str
    ) -> ConsigneError:
        if status in _OURS or fault.code == "insufficient_quota":
            return self._ours(status, model)
        if status == 429:
            return RateLimited(
                f"The provider {self.provider} limits how much may be asked of it; try later.",
                retry_after=retry_after(headers),
            )
        if status in _OVERLOADED or fault.type == "overloaded_error":
            return Overloaded(
                f"The provider {self.provider} has too much to do; try later.",
                retry_after=retry_after(headers),
            )
        if status in _TIMEOUTS:
            return UpstreamTimedOut(f"The provider {self.provider} did not answer in time.")
        if 400 <= status < 500:
            return self._refused(status, fault)
        return UpstreamFailed(f"The provider {self.provider} failed (status {status}).")

    def in_stream(self, fault: Fault) -> ConsigneError:
        """Return the error that a stream ended with."""
        return self.troubles.count(self._meant_in_stream(fault))

    def _meant_in_stream(self, fault: Fault) -> ConsigneError:
        if fault.type == "overloaded_error":
            return Overloaded(f"The provider {self.provider} has too much to do; try later.")
        if fault.type == "rate_limit_error":
            return RateLimited(f"The provider {self.provider} limits how much may be asked of it.")
        if fault.type == "invalid_request_error":
            return self._refused(400, fault)
        log.warning("provider %s broke off: %s", self.provider, self._clean(fault.message or ""))
        return UpstreamFailed(f"The provider {self.provider} broke off its answer.")

    def cut(self) -> UpstreamFailed:
        """Return the error for a stream that ended before its answer did."""
        return self.troubles.count(
            UpstreamFailed(
                f"The connection to the provider {self.provider} ended before its answer did."
            )
        )

    def unreadable(self) -> UpstreamFailed:
        """Return the error for an answer that is not of the API that was asked."""
        return self.troubles.count(
            UpstreamFailed(f"The provider {self.provider} sent what can't be understood.")
        )

    def unreachable(self, reason: str) -> UpstreamFailed:
        """Return the error for a server that can't be reached; the log says why."""
        log.warning("provider %s can't be reached: %s", self.provider, self._clean(reason))
        return self.troubles.count(
            UpstreamFailed(f"The provider {self.provider} can't be reached.")
        )

    def without_credentials(self, reason: str) -> UpstreamFailed:
        """Return the error where a cloud gives this service no token; the log says why."""
        log.warning("provider %s: no credentials: %s", self.provider, self._clean(reason))
        return UpstreamFailed(
            f"This service has no credentials for the provider {self.provider}. "
            "The operator has to look at its account there."
        )

    def timed_out(self) -> UpstreamTimedOut:
        """Return the error for a server that is silent for too long."""
        return self.troubles.count(
            UpstreamTimedOut(f"The provider {self.provider} did not answer in time.")
        )

    def _ours(self, status: int, model: str) -> UpstreamFailed:
        if status == 404:
            return UpstreamFailed(
                f"The provider {self.provider} knows no model '{model}', or its address is "
                "wrong (404). The operator has to mend its settings."
            )
        return UpstreamFailed(
            f"The provider {self.provider} refuses this service's own account ({status}). "
            "The operator has to look at its key and its credit."
        )

    def _refused(self, status: int, fault: Fault) -> ConsigneError:
        message = self._clean(fault.message or "") or f"it gave no reason (status {status})"
        told = f"The provider {self.provider} refused the request: {message}"
        if status == 413 or fault.type == "request_too_large":
            return RequestTooLarge(told)
        if fault.code == "context_length_exceeded" or message.startswith("prompt is too long"):
            return ContextTooLong(told, param=fault.param)
        return InvalidRequest(told, param=fault.param)

    def _clean(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "…")
        return message[:_LONGEST_MESSAGE]


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that the headers ask to wait; 1 where they don't say."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wait = float(headers[name]) / per_second
        except (KeyError, ValueError):
            continue
        if 0 <= wait <= LONGEST_WAIT_S:
            return wait
    return 1.0
