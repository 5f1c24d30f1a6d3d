"""JSON Schema's keywords (the common part of drafts 4 to 2020-12), and how breaches are told."""

import json
from typing import Any, NoReturn

from consigne.domain.errors import InvalidRequest

TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")

OF_TYPE = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""The assertions that belong to each type."""

NOT_ENFORCED = (
    *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
    *("contains", "minContains", "maxContains", "patternProperties", "propertyNames"),
    *("$dynamicRef", "$recursiveRef"),
)
"""Assertions that no grammar here expresses."""

_COMBINING = ("$ref", "allOf", "anyOf", "oneOf", "const", "enum", "type", "format")
ASSERTING = frozenset(
    (*_COMBINING, *NOT_ENFORCED, *(word for words in OF_TYPE.values() for word in words))
)
"""Keywords that demand something; all others are annotations."""


def asserts(schema: dict[str, Any]) -> bool:
    """Say whether a schema demands anything."""
    return not ASSERTING.isdisjoint(schema)


class Report:
    """Tells what is wrong with one schema.

    Args:
        where: The request's field that holds it.
        strict: Whether a demand that can't be enforced is an error, too.
    """

    def __init__(self, where: str, *, strict: bool) -> None:
        self._where = where
        self.strict = strict

    def refuse(self, at: str, why: str) -> NoReturn:
        """Raise the error for a place (a JSON pointer) in the schema."""
        raise InvalidRequest(
            f"The JSON Schema can't be used: {why} (at {at or 'its top'})",
            param=f"{self._where}{at.replace('/', '.')}",
        )

    def unenforced(self, at: str, what: str) -> None:
        """Raise the error for a demand that can't be enforced, if such are errors."""
        if self.strict:
            self.refuse(at, f"{what} can't be guaranteed; leave it out")

    def items(self, schema: dict[str, Any], word: str, at: str) -> list[Any]:
        """Return a keyword's list, which must not be empty."""
        found = schema[word]
        if not isinstance(found, list) or not found:
            self.refuse(f"{at}/{word}", f"{word} is a list that is not empty")
        return found

    def types(self, schema: dict[str, Any], at: str) -> list[str]:
        """Return the types a schema names, all of them where it names none."""
        named = schema.get("type", list(TYPES))
        types = named if isinstance(named, list) else [named]
        if not types or any(not isinstance(one, str) or one not in TYPES for one in types):
            self.refuse(f"{at}/type", f"{json.dumps(named)[:80]} is no type")
        return types
