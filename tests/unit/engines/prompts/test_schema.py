"""A grammar made from a JSON Schema lets through only what satisfies the schema."""

import json
import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.domain.errors import InvalidRequest
from consigne.engines.prompts.schema import JSON_OBJECT, schema_grammar
from consigne.engines.prompts.schema.compiler import MOST_DEPTH, MOST_PARTS, MOST_TEXT
from consigne.engines.prompts.schema.ebnf import Rules
from consigne.engines.prompts.schema.numerals import integer_between, number_between
from consigne.engines.prompts.schema.patterns import UnsupportedPattern, pattern_expression
from support.ebnf import Matcher


def matcher(schema: Any) -> Matcher:
    return Matcher(schema_grammar(schema, "output.schema", strict=True))


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


TREE = {
    "$defs": {"node": obj(["value"], value={"type": "integer"}, next={"$ref": "#/$defs/node"})},
    "$ref": "#/$defs/node",
}
BOTH = {"allOf": [obj(["a"], a={"type": "integer"}), obj(["b"], b={"type": "null"})]}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({}, ["1", '"a"', '{"a": [1, {}]}', "[]", "null"], ["", "{", "a"]),
        (True, ["1"], ["?"]),
        ({"type": "boolean"}, ["true", "false"], ["null", "True"]),
        ({"type": "integer"}, ["0", "-7", "123"], ["01", "1.5", "-", "1e3", "1" * 16]),
        ({"type": "number"}, ["0", "-7.25", "1e3", "2.5E-10"], [".5", "1.", "1e", "+1"]),
        (
            {"type": "string"},
            ['""', '"é😀"', r'"a\"b\\\n\u00e9"'],
            ['"', '"a', r'"\x"', r'"\ud83d"', '"\n"', "a"],
        ),
        (
            {"type": "string", "minLength": 2, "maxLength": 3},
            ['"ab"', '"é😀\\n"'],
            ['"a"', '"abcd"'],
        ),
        ({"type": "string", "maxLength": 130}, ['""', f'"{"a" * 130}"'], [f'"{"a" * 131}"']),
        (
            {"type": "string", "minLength": 70, "maxLength": 200},
            [f'"{"a" * 70}"', f'"{"a" * 128}"', f'"{"a" * 200}"'],
            [f'"{"a" * 69}"', f'"{"a" * 201}"'],
        ),
        (
            {"type": "string", "format": "date"},
            ['"2024-02-28"', '"1999-12-31"', '"2000-04-30"'],
            ['"2024-02-30"', '"2024-13-01"', '"2024-04-31"', '"2024-1-1"'],
        ),
        (
            {"type": "string", "format": "date-time"},
            ['"2024-02-28T23:59:59Z"', '"2024-01-01T00:00:00.5+02:00"'],
            ['"2024-02-28"', '"2024-02-28T24:00:00Z"'],
        ),
        ({"type": "string", "format": "ipv4"}, ['"255.0.13.249"'], ['"256.0.0.1"', '"1.2.3"']),
        ({"type": "string", "format": "no-such"}, ['"anything"'], []),
        (
            {"enum": ["a", 1, None, {"k": ["é"]}]},
            ['"a"', "1", "null", '{"k": ["é"]}'],
            ["2", '"é"'],
        ),
        ({"type": "string", "enum": ["a", 1]}, ['"a"'], ["1"]),
        ({"const": 'say "hi"\\'}, [r'"say \"hi\"\\"'], ['"say"']),
        ({"type": ["string", "null"]}, ['"a"', "null"], ["1"]),
        ({"anyOf": [{"type": "integer"}, {"const": "x"}]}, ["3", '"x"'], ['"y"']),
        (
            obj(["a", "c"], a={"type": "integer"}, b={"type": "null"}, c={"type": "boolean"}),
            ['{"a": 1, "b": null, "c": true}', '{"a":1,"c":true}', '{\n  "a": 1,\n  "c": true\n}'],
            ['{"a": 1}', '{"c": true, "a": 1}', '{"a": 1, "c": true, "d": 1}', "{}", '{"a": 1, }'],
        ),
        (
            obj([], a={"type": "integer"}, b={"type": "null"}),
            ["{}", '{"a": 1}', '{"b": null}', '{"a": 1, "b": null}'],
            ['{, "b": null}', '{"a": null}'],
        ),
        ({"type": "object"}, ["{}", '{"any": {"thing": [1]}}'], ["[]", '{"a"}']),
        ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a": 1}']),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
            ['{"x": 1, "y": 2}'],
            ["{}", '{"x": "y"}'],
        ),
        ({"required": ["a"]}, ['{"a": [1]}'], ["{}", "1"]),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
            ["[1]", "[1, 2, 3]", "[\n1,\n2\n]"],
            ["[]", "[1, 2, 3, 4]", "[1 2]", "[1,]"],
        ),
        ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
        ({"type": "array", "items": False}, ["[]"], ["[1]"]),
        (
            {"prefixItems": [{"type": "integer"}, {"type": "null"}], "items": {"type": "boolean"}},
            ["[1, null]", "[1, null, true, false]"],
            ["[null, 1]", "[1, null, 2]"],
        ),
        ({"items": [{"type": "integer"}], "additionalItems": False}, ["[1]"], ["[1, 2]"]),
        (TREE, ['{"value": 1}', '{"value": 1, "next": {"value": 2}}'], ['{"next": {"value": 2}}']),
        (BOTH, ['{"a": 1, "b": null}'], ['{"a": 1}', '{"b": null}']),
        (
            {"type": "object", "anyOf": [obj(["a"], a={"type": "null"}), obj(["b"], b={})]},
            ['{"a": null}', '{"b": 2}'],
            ["{}", '{"a": 2}'],
        ),
        (
            {
                "oneOf": [
                    obj(["kind"], kind={"const": "dog"}, barks={"type": "boolean"}),
                    obj(["kind"], kind={"const": "cat"}),
                ]
            },
            ['{"kind": "dog", "barks": true}', '{"kind": "cat"}'],
            ['{"kind": "cat", "barks": true}', '{"kind": "cow"}'],
        ),
        (
            {"title": "T", "description": "D", "$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}},
            ["1"],
            ["2"],
        ),
        (
            {"$ref": "#/$defs/a", "maximum": 3, "$defs": {"a": {"type": "integer", "minimum": 2}}},
            ["2", "3"],
            ["1", "4"],
        ),
        ({"type": "number", "multipleOf": 1}, ["4"], ["4.5"]),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, ["1"], ["0"]),
        ({"type": "integer", "minimum": 1.5, "maximum": 2.5}, ["2"], ["1", "3"]),
        ({"type": "integer", "minimum": -5}, ["-5", "-1", "0", "99"], ["-6", "-", "-0"]),
    ],
)
def test_texts_are_told_apart(schema: Any, good: list[str], bad: list[str]) -> None:
    found = matcher(schema)
    assert [text for text in good if not found.accepts(text)] == []
    assert [text for text in bad if found.accepts(text)] == []


def test_any_json_object_has_a_grammar() -> None:
    found = Matcher(JSON_OBJECT)
    assert found.accepts('{"a": {"b": [1, 2.5, "c", null, true, {}]}}')
    assert found.accepts("{}")
    assert not any(map(found.accepts, ["[]", "1", '{"a": 1', "{'a': 1}", '{\n\n\n"a": 1}']))


def deep(levels: int) -> dict[str, Any]:
    return {"type": "array", "items": deep(levels - 1)} if levels else {"type": "null"}


REFUSED: list[tuple[Any, str, str]] = [
    ([], "", "object or a boolean"),
    ("text", "", "object or a boolean"),
    (False, "", "accepts no value"),
    ({"type": "blob"}, ".type", "no type"),
    ({"type": []}, ".type", "no type"),
    ({"type": [["a"]]}, ".type", "no type"),
    ({"enum": []}, ".enum", "not empty"),
    ({"enum": "abc"}, ".enum", "not empty"),
    ({"enum": [1], "type": "string"}, "", "none of its values"),
    ({"anyOf": {}}, ".anyOf", "not empty"),
    ({"anyOf": [False]}, ".anyOf", "no value"),
    ({"properties": []}, ".properties", "object"),
    ({"type": "object", "required": "a"}, ".required", "list of names"),
    (obj(a={"type": 3}), ".properties.a.type", "no type"),
    (obj(["a"], a=False), ".properties.a", "no value"),
    (
        {"type": "object", "required": ["a"], "additionalProperties": False},
        ".properties.a",
        "no value",
    ),
    ({"type": "array", "items": {"type": "x"}}, ".items.type", "no type"),
    ({"type": "array", "minItems": 2, "maxItems": 1}, "", "greater"),
    ({"type": "array", "minItems": -1}, ".minItems", "whole number"),
    ({"type": "string", "maxLength": "5"}, ".maxLength", "whole number"),
    ({"type": "string", "minLength": 10**9}, ".minLength", "over"),
    ({"type": "string", "pattern": 3}, ".pattern", "string"),
    ({"type": "integer", "minimum": "1"}, ".minimum", "number"),
    ({"type": "integer", "minimum": 3, "maximum": 2}, "", "between"),
    ({"type": "number", "minimum": 10**16}, "", "beyond"),
    ({"$ref": "#"}, "", "leads to itself"),
    ({"$ref": "#/$defs/a"}, "", "leads nowhere"),
    ({"$ref": "https://example.org/schema"}, "", "#/"),
    ({"$ref": 3}, "", "#/"),
    (
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        "",
        "itself",
    ),
    (
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}, "$ref": "#/$defs/a"},
        ".anyOf.0",
        "itself",
    ),
    ({"allOf": [{"$ref": "#"}]}, "", "more than|itself|deep"),
    (obj(["me"], me={"$ref": "#"}), "", "without end"),
    ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, "", "without end"),
    (deep(MOST_DEPTH), ".items" * MOST_DEPTH, "deep"),
    (obj(**{f"p{i}": {} for i in range(MOST_PARTS)}), "", "more than"),
    ({"enum": ["x" * MOST_TEXT]}, "", "characters"),
    ({"const": "\ud800"}, "", "surrogate"),
    (obj(**{"\udfff": {}}), "", "surrogate"),
]


@pytest.mark.parametrize(("schema", "place", "told"), REFUSED)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_no_usable_schema_is_refused_with_its_place(
    schema: Any, place: str, told: str, strict: bool
) -> None:
    with pytest.raises(InvalidRequest, match=told) as error:
        schema_grammar(schema, "output.schema", strict=strict)
    assert str(error.value.param).startswith(f"output.schema{place}")


UNENFORCED: list[tuple[dict[str, Any], str]] = [
    ({"not": {}}, ".not"),
    ({"if": {}, "then": {}}, ".if"),
    (obj(a={"patternProperties": {"x": {}}}), ".properties.a.patternProperties"),
    ({"type": "array", "uniqueItems": True}, ".uniqueItems"),
    ({"type": "array", "contains": {}}, ".contains"),
    ({"type": "number", "multipleOf": 0.5}, ".multipleOf"),
    ({"type": "string", "pattern": "(?=a)b"}, ".pattern"),
    ({"type": "string", "pattern": "a+", "maxLength": 3}, ".pattern"),
    ({"type": "string", "maxLength": 10**6}, ".maxLength"),
    ({"type": "object", "minProperties": 2}, ".minProperties"),
    (obj([], a={}) | {"minProperties": 1}, ""),
    ({"enum": ["abc"], "maxLength": 2}, ".maxLength"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, ".oneOf"),
    ({"allOf": [{"type": "string"}, {"type": "integer"}]}, ""),
    ({"allOf": [obj(a={}) | {"additionalProperties": False}, obj(b={})]}, ""),
]


@pytest.mark.parametrize(("schema", "place"), UNENFORCED)
def test_what_cannot_be_guaranteed_is_refused_only_where_it_is_promised(
    schema: dict[str, Any], place: str
) -> None:
    with pytest.raises(InvalidRequest, match="can't be guaranteed") as error:
        schema_grammar(schema, "output.schema", strict=True)
    assert error.value.param == f"output.schema{place}"
    Matcher(schema_grammar(schema, "tools.0.input_schema", strict=False))


NUMBERS = st.integers(-1300, 1300)


@given(NUMBERS | st.none(), NUMBERS | st.none())
def test_integer_bounds_hold_exactly(low: int | None, high: int | None) -> None:
    if low is not None and high is not None and low > high:
        with pytest.raises(ValueError, match="between"):
            integer_between(low, high)
        return
    found = Matcher(f"root ::= {integer_between(low, high)}")
    near = {value + d for value in (low, high) if value is not None for d in range(-12, 13)}
    for value in {*range(-30, 31), *range(-1400, 1400, 37), *near}:
        inside = (low is None or low <= value) and (high is None or value <= high)
        assert found.accepts(str(value)) == inside


DECIMALS = st.decimals(-50, 50, places=2) | st.integers(-50, 50)


@given(DECIMALS | st.none(), DECIMALS | st.none(), st.booleans(), st.booleans(), st.data())
def test_number_bounds_are_never_passed(
    low: Any, high: Any, open_low: bool, open_high: bool, data: st.DataObject
) -> None:
    bounds = [None if bound is None else Fraction(str(bound)) for bound in (low, high)]
    try:
        body = number_between(*bounds, open_low=open_low, open_high=open_high)
    except ValueError:
        assert None not in bounds
        assert bounds[0] > bounds[1] or (bounds[0] == bounds[1] and (open_low or open_high))
        return
    found = Matcher(f"root ::= {body}")
    for text in data.draw(
        st.lists(st.from_regex(r"-?(0|[1-9][0-9]?)(\.[0-9]{1,4})?", fullmatch=True), max_size=25)
    ):
        if found.accepts(text):
            value = Fraction(text)
            assert bounds[0] is None or value > bounds[0] or (value == bounds[0] and not open_low)
            assert bounds[1] is None or value < bounds[1] or (value == bounds[1] and not open_high)


def test_a_range_within_one_unit_can_be_written() -> None:
    low, high = Fraction("0.2"), Fraction("0.8")
    found = Matcher(f"root ::= {number_between(low, high, open_low=True, open_high=False)}")
    assert all(map(found.accepts, ["0.3", "0.25", "0.8", "0.21", "0.79"]))
    assert not any(map(found.accepts, ["0.2", "0.81", "0", "1", "0.9", "-0.5"]))


PATTERNS = [
    *("^[a-z]+$", r"^\d{3}-\d{4}$", "fox", "^(a|bc)*d?$", r"^[^\d\s]{2,5}$", r'^"x\\y"$', "^$"),
    *(r"^\w+@\w+\.com$", "^.{3}$", "^a{2,70}$", r"^\S+$", "^[A-C\\-x]{2}|z$", "^(?:a|b){2}?$"),
    *(r"^(?<name>a)b$", r"^[\]\^]$", r"^\t\n$", "^a|b$", r"^A\u0042$"),
]
SAMPLES = [
    *("", "abc", "555-1234", "a fox!", "abcbcd", "x!y", '"x\\y"', "me@here.com", "a\nb", "aa"),
    *(
        "a" * 70,
        "a" * 71,
        "A-",
        "Cx",
        "z",
        "ab",
        "ba",
        "]",
        "^",
        "\t\n",
        "AB",
        "é",
        "b",
        "a b",
        "A",
    ),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_let_through_only_what_they_match(pattern: str) -> None:
    rules = Rules()
    expression = pattern_expression(pattern, rules)
    found = Matcher(rules.text(expression))
    reference = re.compile(re.sub(r"\(\?<(\w)", r"(?P<\1", pattern))
    texts = {text: json.dumps(text, ensure_ascii=False)[1:-1] for text in SAMPLES}
    accepted = [text for text in SAMPLES if found.accepts(texts[text])]
    assert accepted == [text for text in SAMPLES if text in accepted and reference.search(text)]
    assert accepted or pattern == r"^(?<name>a)b$"


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        ")",
        "[",
        "a{",
        "a{3,2}",
        "*",
        "a**",
        r"\b",
        r"(a)\1",
        "(?=a)",
        "a^b",
        "a$b",
        "\\",
        "a{9999}",
        r"\p{L}",
        "(a{90}){90}",
        "(" * 30 + ")" * 30,
        "x" * 600,
        r"\uD800",
        r"\xg1",
        "[b-a]",
        "(?i)a",
    ],
)
def test_patterns_beyond_the_common_part_are_told(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        pattern_expression(pattern, Rules())


WORDS = st.sampled_from(
    [
        "type",
        "properties",
        "items",
        "enum",
        "const",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "required",
        "minLength",
        "maxItems",
        "minimum",
        "pattern",
        "additionalProperties",
        "prefixItems",
        "$defs",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**18)
    | st.floats(allow_nan=False)
    | st.sampled_from(
        ["object", "array", "string", "integer", "#", "#/$defs/a", "a", "^a+$", "\ud800"]
    )
    | st.text(max_size=3)
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(ANYTHING, st.booleans())
def test_no_schema_ends_in_anything_but_a_grammar_or_a_refusal(schema: Any, strict: bool) -> None:
    try:
        grammar = schema_grammar(schema, "output.schema", strict=strict)
    except InvalidRequest:
        return
    Matcher(grammar)
    grammar.encode()
