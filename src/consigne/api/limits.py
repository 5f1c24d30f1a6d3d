"""Bounds on what a body may hold, beyond its schema: what no engine and no store can carry."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

_INT64 = 2**63
MAX_TOKENS = 2**31 - 1
"""Larger limits on the answer's length mean the same: whatever the context leaves."""
MAX_STOPS = 64
"""Most stop sequences in one request."""

SIZE = r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$"
"""How both dialects write a picture's size."""


class Wire(BaseModel):
    """Base of all request schemas: strict types, finite numbers, unknown nested fields ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False, defer_build=True)


class Body(Wire):
    """Base of whole bodies: an unknown field is refused, as the services themselves do."""

    model_config = ConfigDict(extra="forbid")


def _finite(value: Any) -> None:
    match value:
        case bool():
            pass
        case int() if not -_INT64 <= value < _INT64:
            raise ValueError("numbers beyond 64 bits can't be read here")
        case float() if not math.isfinite(value):
            raise ValueError("NaN and Infinity are not JSON")
        case dict():
            for inner in value.values():
                _finite(inner)
        case list():
            for inner in value:
                _finite(inner)


def _checked(value: dict[str, Any]) -> dict[str, Any]:
    _finite(value)
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_checked)]
"""Any JSON object whose numbers have a machine's size."""
