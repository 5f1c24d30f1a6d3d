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
    __slots__ = ("at", "level", "limit")

    def __init__(self, limit: int, at: float) -> None:
        self.limit = limit
        self.level = float(limit)
        self.at = at

    def refill(self, at: float) -> None:
        passed, self.at = at - self.at, at
        if passed > 0 and self.level < self.limit:  # a clock set back takes nothing away
            level = self.level + passed * self.limit / MINUTE_S
            self.level = level if level < self.limit else float(self.limit)

    def seconds_until(self, level: float) -> float:
        return (level - self.level) * MINUTE_S / self.limit if level > self.level else 0.0

    def check(self, kind: Kind, amount: int) -> None:
        """Refuse to give more than there is.

        Raises:
            RateLimited: It says how long to wait.
        """
        if self.level < amount:
            wait = self.seconds_until(amount)
            raise RateLimited(
                f"This key's limit of {self.limit:,} {kind.replace('_', ' ')} a minute "
                f"is used up. Try again in {wait:.1f} seconds.",
                retry_after=max(wait, 0.001),
            )


class Reservation:
    """Tokens set aside for one generation."""

    def __init__(self, account: "Account", taken: dict[Kind, int]) -> None:
        self._account = account
        self._taken = taken

    def settle(self, usage: Usage) -> None:
        """Count what was used instead of what was reserved; only the first call counts."""
        taken, self._taken = self._taken, {}
        if taken:
            self._account.correct(taken, usage)


class Account:
    """What one key has used of its limits."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        now = sources.seconds()
        self._buckets = {
            kind: _Bucket(limit, now) for kind in KINDS if (limit := getattr(limits, kind))
        }

    @property
    def counts_tokens(self) -> bool:
        """Whether any limit is on tokens."""
        return any(kind != "requests" for kind in self._buckets)

    @property
    def untouched(self) -> bool:
        """Whether every limit is there whole."""
        return all(standing.remaining == standing.limit for standing in self.standings())

    def take_request(self) -> None:
        """Count one request.

        Raises:
            RateLimited: There were too many.
        """
        bucket = self._buckets.get("requests")
        if bucket is not None:
            bucket.refill(sources.seconds())
            bucket.check("requests", 1)
            bucket.level -= 1

    def reserve(self, input_tokens: int, output_tokens: int) -> Reservation:
        """Set aside an estimate of a generation's tokens.

        What is beyond a whole minute's limit is not asked for: it becomes debt when it is used.

        Raises:
            RateLimited: There are not enough left now.
        """
        used = Usage(input_tokens, 0, output_tokens)
        return Reservation(self, self._take(_tokens(used)))

    def correct(self, taken: dict[Kind, int], usage: Usage) -> None:
        """Replace a reservation by what was used."""
        now, used = sources.seconds(), _tokens(usage)
        for kind, estimate in taken.items():
            if bucket := self._buckets.get(kind):
                bucket.refill(now)
                bucket.level = min(bucket.limit, bucket.level + estimate - used[kind])

    def standings(self) -> list[Standing]:
        """Return what is left of each limit that there is."""
        now, found = sources.seconds(), []
        for kind, bucket in self._buckets.items():
            bucket.refill(now)
            left = max(0, int(bucket.level))
            found.append(Standing(kind, bucket.limit, left, bucket.seconds_until(bucket.limit)))
        return found

    def _take(self, amounts: "dict[Kind, int]") -> "dict[Kind, int]":
        """Take all of the amounts or none; return what was taken."""
        now = sources.seconds()
        wanted: dict[Kind, int] = {}
        for kind, bucket in self._buckets.items():
            if kind not in amounts:
                continue
            amount = wanted[kind] = min(amounts[kind], bucket.limit)
            bucket.refill(now)
            bucket.check(kind, amount)
        for kind, amount in wanted.items():
            self._buckets[kind].level -= amount
        return wanted


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


def _tokens(usage: Usage) -> dict[Kind, int]:
    return {
        "tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }
