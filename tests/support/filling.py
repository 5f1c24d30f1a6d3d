"""Values for a JSON schema, taken from a prompt's words where they fit."""

import re
from typing import Any


def fill(schema: dict[str, Any], prompt: str, root: dict[str, Any] | None = None) -> Any:
    """Return a value that fits the schema: numbers and quoted words come from the prompt."""
    root = root if root is not None else schema
    if reference := schema.get("$ref"):
        target: Any = root
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        return fill(target, prompt, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        named = [each for each in schema["enum"] if str(each).lower() in prompt.lower()]
        return (named or schema["enum"])[0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return fill(schema[several][0], prompt, root)
    kind = schema.get("type", "object")
    return _of_kind(kind[0] if isinstance(kind, list) else kind, schema, prompt, root)


def _of_kind(kind: str, schema: dict[str, Any], prompt: str, root: dict[str, Any]) -> Any:
    numbers = re.findall(r"-?\d+(?:\.\d+)?", prompt)
    match kind:
        case "integer":
            return int(float(numbers[0])) if numbers else schema.get("minimum", 1)
        case "number":
            return float(numbers[0]) if numbers else 1.5
        case "boolean":
            return True
        case "null":
            return None
        case "array":
            return [fill(schema.get("items", {"type": "string"}), prompt, root)]
        case "string":
            quoted = re.findall(r"['\"]([^'\"]+)['\"]", prompt)
            capitals = re.findall(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*", prompt)
            return (quoted or capitals or ["something"])[0]
    properties = schema.get("properties", {})
    return {name: fill(each, prompt, root) for name, each in properties.items()}
