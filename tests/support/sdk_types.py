"""Compares what the vendors' SDKs declare with what the OpenAPI document says, as JSON schemas.

A path names each place: ``messages[].content[]<image>.source`` is a field of the blocks of type
``image``. Only what one side has and the other lacks is told.
"""

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]
TAGS = ("type", "role", "object")
"""Fields whose constant value tells one kind of object from another."""
_ANY: Json = {}


class Side:
    """A schema together with the definitions that it refers to."""

    def __init__(self, root: Json) -> None:
        self._root = root

    def variants(self, schema: Json) -> Iterator[Json]:
        """Yield the alternatives of a schema, without references between them."""
        if reference := schema.get("$ref"):
            target: Any = self._root
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
            yield from self.variants(target)
            return
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                for each in schema[several]:
                    yield from self.variants(each)
                return
        kinds = schema.get("type")
        if isinstance(kinds, list):
            for kind in kinds:
                yield schema | {"type": kind}
            return
        yield schema


def lacks(
    wide: Side, wide_schema: Json, narrow: Side, narrow_schema: Json, path: str = ""
) -> set[str]:
    """Return the places of ``wide`` that ``narrow`` has nothing for."""
    return set(_lacks((wide, wide_schema), (narrow, narrow_schema), path, frozenset()))


def _lacks(
    theirs: tuple[Side, Json], ours: tuple[Side, Json], path: str, above: frozenset[str]
) -> Iterator[str]:
    have = list(ours[0].variants(ours[1]))
    if any(_is_any(each) for each in have):
        return
    for variant in theirs[0].variants(theirs[1]):
        if _is_any(variant):
            yield f"{path}: anything"
        elif "const" in variant or "enum" in variant:
            known = {value for each in have for value in _values(each)}
            free = any(each.get("type") == "string" and not _values(each) for each in have)
            missing = [] if free else [v for v in _values(variant) if v not in known]
            yield from (f"{path}={value}" for value in missing)
        elif variant.get("type") == "object" and "properties" in variant:
            yield from _object_lacks((theirs[0], variant), (ours[0], have), path, above)
        elif variant.get("type") == "array":
            yield from _array_lacks((theirs[0], variant), (ours[0], have), path, above)
        elif not _kinds(variant) & set().union(*map(_kinds, have)):
            yield f"{path}: {variant.get('type')}"


def _array_lacks(
    theirs: tuple[Side, Json], ours: tuple[Side, list[Json]], path: str, above: frozenset[str]
) -> Iterator[str]:
    arrays = [each for each in ours[1] if each.get("type") == "array"]
    if not arrays:
        yield f"{path}: array"
        return
    items = {"anyOf": [each.get("items", _ANY) for each in arrays]}
    inner = theirs[1].get("items", _ANY)
    yield from _lacks((theirs[0], inner), (ours[0], items), f"{path}[]", above)


def _object_lacks(
    theirs: tuple[Side, Json], ours: tuple[Side, list[Json]], path: str, above: frozenset[str]
) -> Iterator[str]:
    fields = theirs[1]["properties"]
    tags = _tag(theirs[0], fields)
    objects = [each for each in ours[1] if each.get("type") == "object"]
    for tag in tags or [("", "")]:
        name = f"{path}<{tag[1]}>" if tag[0] else path
        fitting = [each for each in objects if _admits(ours[0], each, tag)]
        if not fitting:
            yield name if tag[0] else f"{path}: object"
            continue
        title = f"{theirs[1].get('title', '')} {tag[1]}"
        if title in above or any(_is_open(each) for each in fitting):
            continue
        known: dict[str, list[Json]] = {}
        for each in fitting:
            for field, schema in each["properties"].items():
                known.setdefault(field, []).append(schema)
        for field, schema in fields.items():
            if field == tag[0]:
                continue
            place = f"{name}.{field}".lstrip(".")
            if field not in known:
                yield place
                continue
            among = {"anyOf": known[field]}
            yield from _lacks((theirs[0], schema), (ours[0], among), place, above | {title})


def optional(
    theirs: Side, their_schema: Json, ours: Side, our_schema: Json, path: str = ""
) -> Iterator[str]:
    """Yield the places that ``theirs`` always has and ``ours`` may leave out."""
    yield from _optional((theirs, their_schema), (ours, our_schema), path, frozenset())


def _optional(
    theirs: tuple[Side, Json], ours: tuple[Side, Json], path: str, above: frozenset[str]
) -> Iterator[str]:
    declared = list(theirs[0].variants(theirs[1]))
    for variant in ours[0].variants(ours[1]):
        if variant.get("type") == "array" and "items" in variant:
            items = [each["items"] for each in declared if "items" in each]
            inner = (ours[0], variant["items"])
            yield from _optional((theirs[0], {"anyOf": items}), inner, f"{path}[]", above)
        if "properties" not in variant:
            continue
        for tag in _tag(ours[0], variant["properties"]) or [("", "")]:
            name = f"{path}<{tag[1]}>" if tag[0] else path
            fitting = [each for each in declared if _admits(theirs[0], each, tag)]
            fitting = [each for each in fitting if "properties" in each]
            title = f"{variant.get('title', '')} {tag[1]}"
            if len(fitting) != 1 or title in above:
                continue
            always = set(fitting[0].get("required", ()))
            lacking = always - set(variant.get("required", ())) - {tag[0]}
            yield from (f"{name}.{field}".lstrip(".") for field in sorted(lacking))
            for field, schema in variant["properties"].items():
                if field in fitting[0]["properties"]:
                    place = f"{name}.{field}".lstrip(".")
                    declared_field = (theirs[0], fitting[0]["properties"][field])
                    yield from _optional(declared_field, (ours[0], schema), place, above | {title})


def _tag(side: Side, fields: Json) -> list[tuple[str, Any]]:
    for name in TAGS:
        if name in fields:
            variants = list(side.variants(fields[name]))
            values = [value for each in variants for value in _values(each)]
            if values and all(_values(each) or each.get("type") == "null" for each in variants):
                return [(name, value) for value in values]
    return []


def _admits(side: Side, schema: Json, tag: tuple[str, Any]) -> bool:
    if not tag[0] or "properties" not in schema:
        return True
    if tag[0] not in schema["properties"]:
        return False
    known = _tag(side, {tag[0]: schema["properties"][tag[0]]})
    return not known or tag in known


def _is_any(schema: Json) -> bool:
    return not set(schema) - {"title", "description", "default", "examples"}


def _is_open(schema: Json) -> bool:
    return "properties" not in schema or bool(schema.get("additionalProperties"))


def _values(schema: Json) -> Iterable[Any]:
    if "const" in schema:
        return [schema["const"]]
    found: Iterable[Any] = schema.get("enum", [])
    return found


def _kinds(schema: Json) -> set[str]:
    if values := list(_values(schema)):
        return {"string" if isinstance(values[0], str) else "other"}
    kind = schema.get("type", "other")
    return {"integer", "number"} if kind == "integer" else {kind}
