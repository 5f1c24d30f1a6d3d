"""Two JSON Schemas that must both hold, as one; and whether several exclude each other."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from consigne.engines.prompts.schema.words import ASSERTING

_Schema = dict[str, Any]

_TIGHTER: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("minimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "maxLength", "maxItems", "maxProperties"), min),
}


class Conflict(ValueError):
    """Both schemas use a keyword, in ways that have no common form."""

    def __init__(self, keyword: str) -> None:
        super().__init__(keyword)
        self.keyword = keyword


def merged(first: _Schema, second: _Schema) -> _Schema:
    """Return a schema that demands what both do.

    Raises:
        Conflict: There is none in plain keywords.
    """
    _check_closed(first, second)
    _check_closed(second, first)
    found = dict(first)
    for word, value in second.items():
        if word not in found:
            found[word] = value
        elif word in ASSERTING and found[word] != value:
            found[word] = _both(word, found[word], value)
    return found


def disjoint(schemas: Sequence[Any]) -> bool:
    """Say whether it is plain that no value satisfies two of the schemas."""
    return all(_exclude(one, other) for one, other in combinations(schemas, 2))


def _check_closed(closed: _Schema, other: _Schema) -> None:
    """A schema without further properties counts only its own: the other's must be among them."""
    own, others = closed.get("properties", {}), other.get("properties", {})
    extra = closed.get("additionalProperties", True)
    if (
        extra is not True
        and isinstance(others, dict)
        and isinstance(own, dict)
        and {*others} - {*own}
    ):
        raise Conflict("additionalProperties")


def _both(word: str, one: Any, other: Any) -> Any:
    match word, one, other:
        case ("properties", dict(), dict()):
            shared = {name: {"allOf": [one[name], other[name]]} for name in one if name in other}
            return {**one, **other, **shared}
        case ("required" | "allOf", list(), list()):
            return [*one, *(item for item in other if item not in one)]
        case ("enum", list(), list()):
            return [value for value in one if value in other]
        case ("type", _, _):
            return _types(one, other)
        case ("items", dict(), dict()):
            return {"allOf": [one, other]}
        case ("additionalProperties", _, True) | ("uniqueItems", True, _):
            return one
        case ("additionalProperties", True, _) | ("uniqueItems", _, True):
            return other
    if word in _TIGHTER and _is_number(one) and _is_number(other):
        return _TIGHTER[word](one, other)
    raise Conflict(word)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _types(one: Any, other: Any) -> list[str]:
    first = one if isinstance(one, list) else [one]
    second = other if isinstance(other, list) else [other]
    common = [kind for kind in first if kind in second]
    for a, b in ((first, second), (second, first)):
        if "integer" in a and "number" in b and "integer" not in common:
            common.append("integer")
    if not common:
        raise Conflict("type")
    return common


def _exclude(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    kinds, other_kinds = _kinds(one), _kinds(other)
    if kinds is not None and other_kinds is not None and not kinds & other_kinds:
        return True
    values, other_values = _values(one), _values(other)
    if values is not None and other_values is not None:
        return not any(value in other_values for value in values)
    shared = {*_names(one)} & {*_names(other)}
    return kinds == other_kinds == {"object"} and any(
        _exclude(one["properties"][name], other["properties"][name]) for name in shared
    )


def _names(schema: _Schema) -> list[str]:
    """The properties that are both described and required."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return []
    return [name for name in required if isinstance(name, str) and name in properties]


def _kinds(schema: _Schema) -> set[str] | None:
    named = schema.get("type")
    if named is None:
        return None
    names = named if isinstance(named, list) else [named]
    return {"number" if name == "integer" else str(name) for name in names}


def _values(schema: _Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None
