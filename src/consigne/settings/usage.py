"""Settings of what is counted: prices, the record of usage, metrics."""

import os
import re
from collections.abc import Mapping

import msgspec

from consigne.domain.errors import OperatorError
from consigne.domain.usage import Price


class PriceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model's work costs, in the currency of ``usage.currency``."""

    input: float = 0.0
    """A million tokens of prompts."""
    cached_input: float | None = None
    """A million of those that were read from the prefix cache; unset is as ``input``."""
    cache_creation: float | None = None
    """A million of those that a provider wrote to its cache; unset is as ``input``."""
    output: float = 0.0
    """A million tokens of answers."""
    image: float = 0.0
    """One picture."""

    @property
    def exact(self) -> Price:
        """The same in whole numbers."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_creation is None else self.cache_creation
        per_million = (self.input, cached, written, self.output, self.image * 1e6)
        return Price(*(round(price * 1e6) for price in per_million))


class UsageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record of what each request used; see [the operator's guide](operator.md)."""

    enabled: bool = True
    """Whether it is written."""
    keep_days: int = 400
    """Days that it is kept; 0 keeps it for ever."""
    currency: str = "USD"
    """The currency of all prices, for people."""
    batch_share: float = 0.5
    """What a batch's requests cost, as a share of the price."""


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``GET /metrics``, in Prometheus' form; see [the operator's guide](operator.md)."""

    enabled: bool = True
    """Whether it answers."""
    token: str = ""
    """What readers must send (``Authorization: Bearer …``); empty: only this machine may read,
    and only where no ``server.public_url`` says that a proxy stands before it."""
    token_env: str = ""
    """The environment variable that holds the token; better than the file."""

    @property
    def secret(self) -> str:
        """The token, wherever it is kept."""
        return os.environ.get(self.token_env, "") if self.token_env else self.token


def check_usage(
    usage: UsageSettings, metrics: MetricsSettings, prices: Mapping[str, PriceSettings]
) -> None:
    """Check that they make sense.

    Raises:
        OperatorError: Something is wrong, and what.
    """
    where = "The settings are wrong:"
    if usage.keep_days < 0 or not 0 <= usage.batch_share <= 1:
        raise OperatorError(f"{where} usage.keep_days is 0 or more, usage.batch_share 0 to 1.")
    if not re.fullmatch(r"[A-Z]{3}", usage.currency):
        raise OperatorError(f"{where} usage.currency is three capital letters, such as EUR.")
    if metrics.token and metrics.token_env:
        raise OperatorError(f"{where} metrics: set token or token_env, not both.")
    if metrics.token_env and not metrics.secret:
        raise OperatorError(f"{where} metrics.token_env: {metrics.token_env} is not set.")
    for name, price in prices.items():
        if any(not 0 <= (getattr(price, field) or 0) < 1e6 for field in price.__struct_fields__):
            raise OperatorError(f"{where} {name}: prices are from 0 to below a million.")
