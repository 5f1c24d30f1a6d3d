"""Rate limits of keys: token buckets, refilled continuously.

The tokens of a request are known only afterwards: an estimate is reserved and then settled with
what was used. Where that was more, the bucket is in debt, and later requests wait for it.
"""

from typing import Literal

import msgspec

from consigne.business.grants import RateLimits
from consigne.domain import sources
from consigne.domain.errors import RateLimited
from consigne.domain.usage import Usage

Kind = Literal["requests", "tokens", "input_tokens", "output_tokens"]
KINDS: tuple[Kind, ...] = ("requests", "tokens", "input_tokens", "output_tokens")

MINUTE_S = 60.0
MAX_ACCOUNTS = 10_000


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How much of a limit is left."""

    kind: Kind
    limit: int
    remaining: int
    reset_s: float
    """Seconds until all of it is there again."""


class _Bucket:
    __slots__ = ("at", "input", "kind", "level", "limit", "output")

    def __init__(self, kind: Kind, limit: int, at: float) -> None:
        self.kind: Kind = kind
        self.limit = limit
        self.level = float(limit)
        self.at = at
        self.input = kind in ("tokens", "input_tokens")
        self.output = kind in ("tokens", "output_tokens")

    def of(self, input_tokens: int, output_tokens: int) -> int:
        """Return how many of a request's tokens it counts."""
        return (input_tokens if self.input else 0) + (output_tokens if self.output else 0)

    def refill(self, at: float) -> None:
        passed, self.at = at - self.at, at
        if passed > 0 and self.level < self.limit:  # a clock set back takes nothing away
            level = self.level + passed * self.limit / MINUTE_S
            self.level = level if level < self.limit else float(self.limit)

    def seconds_until(self, level: float) -> float:
        return (level - self.level) * MINUTE_S / self.limit if level > self.level else 0.0

    def check(self, amount: int) -> None:
        """Refuse to give more than there is.

        Raises:
            RateLimited: It says how long to wait.
        """
        if self.level < amount:
            wait = self.seconds_until(amount)
            raise RateLimited(
                f"This key's limit of {self.limit:,} {self.kind.replace('_', ' ')} a minute "
                f"is used up. Try again in {wait:.1f} seconds.",
                retry_after=max(wait, 0.001),
            )


class Reservation:
    """Tokens set aside for one generation."""

    __slots__ = ("_taken",)

    def __init__(self, taken: list[tuple[_Bucket, int]]) -> None:
        self._taken = taken

    def settle(self, usage: Usage) -> None:
        """Count what was used instead of what was reserved; only the first call counts."""
        taken, self._taken = self._taken, []
        now = sources.seconds()
        for bucket, estimate in taken:
            bucket.refill(now)
            level = bucket.level + estimate - bucket.of(usage.input_tokens, usage.output_tokens)
            bucket.level = level if level < bucket.limit else float(bucket.limit)


class Account:
    """What one key has used of its limits."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        now = sources.seconds()
        self._buckets = [
            _Bucket(kind, limit, now) for kind in KINDS if (limit := getattr(limits, kind))
        ]
        self._requests = next((each for each in self._buckets if each.kind == "requests"), None)
        self._tokens = [each for each in self._buckets if each is not self._requests]

    @property
    def counts_tokens(self) -> bool:
        """Whether any limit is on tokens."""
        return bool(self._tokens)

    @property
    def untouched(self) -> bool:
        """Whether every limit is there whole."""
        return all(standing.remaining == standing.limit for standing in self.standings())

    def take_request(self) -> None:
        """Count one request.

        Raises:
            RateLimited: There were too many.
        """
        bucket = self._requests
        if bucket is not None:
            bucket.refill(sources.seconds())
            bucket.check(1)
            bucket.level -= 1

    def reserve(self, input_tokens: int, output_tokens: int) -> Reservation:
        """Set aside an estimate of a generation's tokens, from all limits or from none.

        What is beyond a whole minute's limit is not asked for: it becomes debt when it is used.

        Raises:
            RateLimited: There are not enough left now.
        """
        now, taken = sources.seconds(), list[tuple[_Bucket, int]]()
        for bucket in self._tokens:
            amount = min(bucket.of(input_tokens, output_tokens), bucket.limit)
            bucket.refill(now)
            bucket.check(amount)
            taken.append((bucket, amount))
        for bucket, amount in taken:
            bucket.level -= amount
        return Reservation(taken)

    def standings(self) -> list[Standing]:
        """Return what is left of each limit that there is."""
        now, found = sources.seconds(), []
        for bucket in self._buckets:
            bucket.refill(now)
            left = max(0, int(bucket.level))
            reset_s = bucket.seconds_until(bucket.limit)
            found.append(Standing(bucket.kind, bucket.limit, left, reset_s))
        return found


class Limiter:
    """The accounts of all keys, in this process."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def account(self, key_id: str, limits: RateLimits) -> Account:
        """Return the account of a key; it begins anew when its limits have changed."""
        account = self._accounts.get(key_id)
        if account is None or account.limits != limits:
            if len(self._accounts) >= MAX_ACCOUNTS:
                self._forget_idle()
            account = self._accounts[key_id] = Account(limits)
        return account

    def _forget_idle(self) -> None:
        self._accounts = {k: a for k, a in self._accounts.items() if not a.untouched}
