"""From a JSON Schema to a grammar whose every text satisfies it.

Schemas come from outside, and what the engine's own converter ignores or gets wrong would break a
promise, or the engine itself; so they are read here, within limits, and written as plain rules.
The grammar may allow less than the schema (members keep the schema's order, and no others come
where it lists some), never more.
"""

import json
from typing import Any

from consigne.engines.prompts.schema.ebnf import MOST_COPIES, Rules, TooManyCopies, literal
from consigne.engines.prompts.schema.merging import Conflict, disjoint, merged
from consigne.engines.prompts.schema.scalars import (
    count_range,
    number_expression,
    string_expression,
)
from consigne.engines.prompts.schema.words import NOT_ENFORCED, OF_TYPE, Report, asserts

MOST_PARTS = 1000
"""Most subschemas of one schema, each counted as often as it is used."""
MOST_DEPTH = 50
MOST_TEXT = 50_000
"""Most characters in all names and ``enum`` values."""

_Schema = dict[str, Any]


def schema_grammar(schema: Any, where: str, *, strict: bool) -> str:
    """Return the grammar, in EBNF, of JSON texts that satisfy a schema.

    Args:
        schema: A JSON Schema.
        where: The request's field that holds it, for messages.
        strict: Whether to refuse what can't be enforced; else it is left out of the grammar.

    Raises:
        InvalidRequest: It is no schema, is too large, can't be satisfied, or can't be enforced;
            ``param`` names the place.
    """
    return _Compiler(schema, Report(where, strict=strict)).grammar()


class _Compiler:
    """Writes a rule for each subschema."""

    def __init__(self, schema: Any, report: Report) -> None:
        self._schema = schema
        self._report = report
        self._rules = Rules()
        self._refs: dict[str, str] = {}
        self._following: set[str] = set()  # references followed since the last bracket
        self._ways: dict[str, list[set[str]]] = {}  # a rule -> the rules each of its ways needs
        self._parts = 0
        self._depth = 0
        self._text = 0

    def grammar(self) -> str:
        root = self._visit(self._schema, "")
        self._check_finite()
        return self._rules.text(root)

    def _check_finite(self) -> None:
        endless, before = {*self._ways}, 0
        while len(endless) != before:
            before = len(endless)
            endless -= {
                rule for rule in endless if any(not way & endless for way in self._ways[rule])
            }
        if endless:
            self._report.refuse("", "it requires itself without end, so no value satisfies it")

    def _count_part(self, at: str) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            self._report.refuse(at, f"it has more than {MOST_PARTS} parts")

    def _visit(self, schema: Any, at: str) -> str:
        """Return the name of the rule for a subschema."""
        self._count_part(at)
        if self._depth >= MOST_DEPTH:
            self._report.refuse(at, f"it is nested more than {MOST_DEPTH} deep")
        if schema is False:
            self._report.refuse(at, "false accepts no value")
        if schema is not True and not isinstance(schema, dict):
            self._report.refuse(at, "a schema is an object or a boolean")
        self._depth += 1
        rule = "value" if schema is True else self._keyword(schema, at)
        self._depth -= 1
        return rule

    def _inside(self, schema: Any, at: str) -> str:
        """Return the rule for what brackets enclose: a reference may lead back from there."""
        kept, self._following = self._following, set()
        rule = self._visit(schema, at)
        self._following = kept
        return rule

    def _keyword(self, schema: _Schema, at: str) -> str:
        for word in NOT_ENFORCED:
            if word in schema:
                self._report.unenforced(f"{at}/{word}", word)
        if "$ref" in schema:
            return self._ref(schema, at)
        if "allOf" in schema:
            base = {word: value for word, value in schema.items() if word != "allOf"}
            for index, part in enumerate(self._report.items(schema, "allOf", at)):
                base = self._merge(base, self._resolved(part, f"{at}/allOf/{index}"), at)
            return self._visit(base, at)
        if "anyOf" in schema:
            return self._any_of(schema, "anyOf", at)
        if "oneOf" in schema:
            return self._any_of(schema, "oneOf", at)
        if "const" in schema:
            return self._choice([schema["const"]], schema, at)
        if "enum" in schema:
            return self._choice(self._report.items(schema, "enum", at), schema, at)
        return self._typed(schema, at)

    def _ref(self, schema: _Schema, at: str) -> str:
        ref = schema["$ref"]
        target = self._target(ref, at)
        if asserts({word: value for word, value in schema.items() if word != "$ref"}):
            return self._visit(self._resolved(schema, at), at)
        if ref in self._following:
            self._report.refuse(at, f"the reference {ref} leads to itself")
        if ref not in self._refs:
            rule = self._refs[ref] = self._rules.name()
            self._following.add(ref)
            body = self._visit(target, at)
            self._following.discard(ref)
            self._rules.define(rule, body)
            self._ways[rule] = [{body}]
        return self._refs[ref]

    def _target(self, ref: Any, at: str) -> Any:
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            self._report.refuse(at, f"the reference {str(ref)[:80]} is not of the form #/…")
        node = self._schema
        for step in ref.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                self._report.refuse(at, f"the reference {ref[:80]} leads nowhere")
        return node

    def _resolved(self, schema: Any, at: str) -> _Schema:
        """Return a subschema with what it refers to merged in."""
        seen = set()
        while isinstance(schema, dict) and "$ref" in schema:
            ref = schema["$ref"]
            target = self._target(ref, at)
            if ref in seen:
                self._report.refuse(at, f"the reference {ref} leads to itself")
            seen.add(ref)
            rest = {word: value for word, value in schema.items() if word != "$ref"}
            schema = self._merge(rest, target, at) if asserts(rest) else target
        if schema is True:
            return {}
        if not isinstance(schema, dict):
            self._report.refuse(at, "a schema is an object or a boolean")
        return schema

    def _merge(self, first: _Schema, second: Any, at: str) -> _Schema:
        self._count_part(at)
        second = {} if second is True else second
        if not isinstance(second, dict):
            self._report.refuse(at, "a schema is an object or a boolean")
        try:
            return merged(first, second)
        except Conflict as conflict:
            self._report.unenforced(at, f"both demands on {conflict.keyword} at once")
            return {**second, **first}

    def _any_of(self, schema: _Schema, word: str, at: str) -> str:
        base = {key: value for key, value in schema.items() if key != word}
        branches = [
            (branch, f"{at}/{word}/{index}")
            for index, branch in enumerate(self._report.items(schema, word, at))
            if branch is not False
        ]
        if not branches:
            self._report.refuse(f"{at}/{word}", "false accepts no value")
        if word == "oneOf" and self._report.strict:
            resolved = [self._resolved(branch, place) for branch, place in branches]
            if not disjoint(resolved):
                self._report.unenforced(
                    f"{at}/oneOf", "oneOf of cases that may overlap (anyOf is fine)"
                )
        if asserts(base):
            branches = [
                (self._merge(base, self._resolved(branch, place), place), place)
                for branch, place in branches
            ]
        return self._either([self._visit(branch, place) for branch, place in branches])

    def _either(self, rules: list[str]) -> str:
        if len(rules) == 1:
            return rules[0]
        return self._rule(" | ".join(rules), *({rule} for rule in rules))

    def _rule(self, body: str, *ways: set[str]) -> str:
        rule = self._rules.add(body)
        self._ways[rule] = list(ways) or [set()]
        return rule

    def _choice(self, values: list[Any], schema: _Schema, at: str) -> str:
        beside = ("enum",) if "const" in schema else ()
        for word in (*beside, *(word for words in OF_TYPE.values() for word in words)):
            if word in schema:
                self._report.unenforced(f"{at}/{word}", f"{word} beside enum or const")
        types = self._report.types(schema, at)
        allowed = [value for value in values if any(_is_a(value, kind) for kind in types)]
        if not allowed:
            self._report.refuse(at, "none of its values has the type it demands")
        texts = list(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in allowed))
        return self._rule(" | ".join(self._literal(text, at) for text in texts))

    def _literal(self, text: str, at: str) -> str:
        if any("\ud800" <= char <= "\udfff" for char in text):
            self._report.refuse(at, "it holds half a character (a lone surrogate)")
        self._text += len(text)
        if self._text > MOST_TEXT:
            self._report.refuse(at, f"its names and values have over {MOST_TEXT} characters")
        return literal(text)

    def _typed(self, schema: _Schema, at: str) -> str:
        if "type" in schema:
            types = self._report.types(schema, at)
        else:  # the words used tell which type is meant; others would satisfy them, too
            types = [kind for kind, words in OF_TYPE.items() if any(w in schema for w in words)]
            if not types:
                return "value"
        return self._either([self._one(kind, schema, at) for kind in dict.fromkeys(types)])

    def _one(self, kind: str, schema: _Schema, at: str) -> str:
        match kind:
            case "object":
                return self._object(schema, at)
            case "array":
                return self._array(schema, at)
            case "string":
                body = string_expression(schema, self._rules, self._report, at)
            case "number" | "integer":
                whole = kind == "integer"
                body = number_expression(schema, self._rules, self._report, at, whole=whole)
            case _:
                return kind
        return body if body in ("string", "number", "integer") else self._rule(body)

    def _object(self, schema: _Schema, at: str) -> str:
        least, most = count_range(schema, "minProperties", "maxProperties", self._report, at)
        members, required = self._members(schema, at)
        if not members:
            return self._free_object(schema, least, most, at)
        if least > len(required) or (most is not None and most < len(members)):
            self._report.unenforced(at, "a number of properties")
        rest, first, needed = '""', '""', set()
        for name, part in reversed(members.items()):
            value = self._inside(part, f"{at}/properties/{name}")
            member = f'{self._literal(json.dumps(name, ensure_ascii=False), at)} ":" ws {value}'
            if name in required:
                needed.add(value)
                first = self._rules.add(f"{member} {rest}")
                rest = self._rules.add(f'"," ws {member} {rest}')
            else:
                first = self._rules.add(f"{member} {rest} | {first}")
                rest = self._rules.add(f'"," ws {member} {rest} | {rest}')
        return self._rule(f'"{{" ws {first} ws "}}"', needed)

    def _members(self, schema: _Schema, at: str) -> tuple[_Schema, set[str]]:
        """Return the properties that are written, and the names of those that must be."""
        properties, names = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, dict):
            self._report.refuse(f"{at}/properties", "properties is an object")
        if isinstance(names, bool):  # draft 3 marked each property
            names = []
        if not isinstance(names, list) or any(not isinstance(name, str) for name in names):
            self._report.refuse(f"{at}/required", "required is a list of names")
        extra = schema.get("additionalProperties", True)
        required = set(names)
        unlisted = {name: extra for name in names if name not in properties}
        members = {
            name: part
            for name, part in {**properties, **unlisted}.items()
            if part is not False or name in required
        }
        return members, required

    def _free_object(self, schema: _Schema, least: int, most: int | None, at: str) -> str:
        extra = schema.get("additionalProperties", True)
        if extra is False or most == 0:
            if least:
                self._report.refuse(at, "it demands properties but allows none")
            return self._rule('"{}"')
        if least > 1:
            self._report.unenforced(f"{at}/minProperties", "minProperties over 1")
        value = self._inside(extra, f"{at}/additionalProperties")
        pair = f'string ":" ws {value}'
        return self._series("{", pair, "}", (least, most), {value}, at)

    def _array(self, schema: _Schema, at: str) -> str:
        least, most = count_range(schema, "minItems", "maxItems", self._report, at)
        if schema.get("uniqueItems") is True and (most is None or most > 1):
            self._report.unenforced(f"{at}/uniqueItems", "uniqueItems")
        word, rest_word = "prefixItems", "items"
        if isinstance(schema.get("items"), list):  # up to draft 2019-09
            word, rest_word = "items", "additionalItems"
        leading, rest = schema.get(word, []), schema.get(rest_word, True)
        if not isinstance(leading, list):
            self._report.refuse(f"{at}/{word}", f"{word} is a list")
        leading = leading[:most]
        if rest is False and least > len(leading):
            self._report.refuse(at, "it demands more items than it allows")
        if rest is False or len(leading) == most:
            least, most = 0, 0
        else:
            least, most = max(least - len(leading), 0), most and most - len(leading)
        rules = [self._inside(part, f"{at}/{word}/{i}") for i, part in enumerate(leading)]
        if most == 0 and not rules:
            return self._rule('"[]"')
        if not rules:
            item = self._inside(rest, f"{at}/{rest_word}")
            return self._series("[", item, "]", (least, most), {item}, at)
        body, needed = ' "," ws '.join(rules), set(rules)
        if most != 0:
            item = self._inside(rest, f"{at}/{rest_word}")
            body += " " + self._chain(f'"," ws {item}', least, most, 'ws "]"', at)
            needed |= {item} if least else set()
            return self._rule(f'"[" ws {body}', needed)
        return self._rule(f'"[" ws {body} ws "]"', needed)

    def _series(  # the brackets, what is between, and how it is told
        self,
        begin: str,
        item: str,
        end: str,
        count: tuple[int, int | None],
        needs: set[str],
        at: str,
    ) -> str:
        """Items between brackets, separated by commas."""
        least, most = count
        close = f'ws "{end}"'
        fewer = None if most is None else most - 1
        rest = self._chain(f'"," ws {item}', max(least - 1, 0), fewer, close, at)
        body = f"{item} {rest}" if least else f'({item} {rest} | "{end}")'
        return self._rule(f'"{begin}" ws {body}', needs if least else set())

    def _chain(self, item: str, least: int, most: int | None, end: str, at: str) -> str:
        try:
            return self._rules.chain(self._rules.add(item), least, most, end)
        except TooManyCopies:
            what = f"lengths and counts that add up to more than {MOST_COPIES}"
            self._report.unenforced(at, what)
            return self._rules.chain(self._rules.add(item), 0, None, end)


def _is_a(value: Any, kind: str) -> bool:
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer" | "number":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and (kind == "number" or float(value).is_integer())
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)
