"""JSON Schemas from outside, before they reach the grammar compiler."""

from typing import Any

from consigne.domain.errors import InvalidRequest


def checked(schema: Any, where: str) -> dict[str, Any]:
    """Return the schema."""
    if not isinstance(schema, dict):
        raise InvalidRequest("A JSON Schema is an object", param=where)
    return schema


relaxed = checked
