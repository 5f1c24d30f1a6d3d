"""What is known of a batch, and what it needs from outside."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from consigne.business.caller import Caller

Dialect = Literal["anthropic", "openai"]
State = Literal[
    "receiving",
    "validating",
    "in_progress",
    "finalizing",
    "cancelling",
    "completed",
    "failed",
    "expired",
    "cancelled",
]
OPEN: tuple[State, ...] = ("validating", "in_progress", "finalizing", "cancelling")
"""The states of batches that have not ended."""

WINDOW = timedelta(hours=24)
"""How long a batch may take; what is not done by then expires."""
RESULTS_KEPT = timedelta(days=29)
"""How long the results of an Anthropic batch can be read after it was made."""
ID_PREFIXES: dict[Dialect, str] = {"anthropic": "msgbatch", "openai": "batch"}


class Counts(msgspec.Struct, frozen=True):
    """What became of a batch's requests."""

    total: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0


class Tokens(msgspec.Struct, frozen=True):
    """What a batch's requests used, in the models' own tokens."""

    input: int = 0
    """Cached ones included."""
    cached: int = 0
    output: int = 0
    """Reasoning included."""
    reasoning: int = 0


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with a batch's input file."""

    code: str
    message: str
    line: int | None = None
    """The line's number, from 1."""
    param: str | None = None


class Batch(msgspec.Struct, frozen=True):
    """Many requests that run in the background."""

    id: str
    organisation_id: str
    caller: Caller
    dialect: Dialect
    endpoint: str
    headers: dict[str, str]
    """What each request carries beside its body (``anthropic-version``, say)."""
    state: State
    counts: Counts
    tokens: Tokens
    problems: tuple[Problem, ...]
    notes: dict[str, str] | None
    """The customer's own metadata."""
    model: str | None
    input_file_id: str | None
    output_file_id: str | None
    error_file_id: str | None
    keep_output_s: int | None
    created_at: datetime
    expires_at: datetime
    started_at: datetime | None
    cancelled_at: datetime | None
    """When its cancelling was asked for."""
    finishing_at: datetime | None
    ended_at: datetime | None
    archived_at: datetime | None

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.ended_at is not None

    @property
    def input_key(self) -> str:
        """Where its requests are kept, one a line."""
        return f"batches/{self.organisation_id}/{self.id}/input.jsonl"

    @property
    def results_key(self) -> str:
        """Where the results of an Anthropic batch are kept."""
        return f"batches/{self.organisation_id}/{self.id}/results.jsonl"


class Reply(msgspec.Struct, frozen=True):
    """What the API answered to one request."""

    status: int
    request_id: str
    body: bytes
    retry_after_s: float | None = None
    """Set where the API says that the same request may succeed later."""


class Api(Protocol):
    """The API, called from within: each request of a batch goes the way of any other."""

    def serves(self, path: str) -> bool:
        """Say whether something answers to POST on this path."""
        ...

    async def post(
        self, caller: Caller, path: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Answer a request on the caller's behalf."""
        ...


class NewBatch(msgspec.Struct, frozen=True):
    """What a batch is made from."""

    dialect: Dialect
    endpoint: str
    headers: dict[str, str] = {}
    total: int = 0
    input_file_id: str | None = None
    keep_output_s: int | None = None
    notes: dict[str, str] | None = None
