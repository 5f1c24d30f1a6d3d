"""Strings and numbers of a JSON Schema, as expressions."""

import math
from fractions import Fraction
from typing import Any

from consigne.engines.prompts.schema.ebnf import MOST_COPIES, QUOTE, Rules, TooManyCopies
from consigne.engines.prompts.schema.numerals import integer_between, number_between
from consigne.engines.prompts.schema.patterns import UnsupportedPattern, pattern_expression
from consigne.engines.prompts.schema.words import Report

_FAR = 10**15  # where unbounded numbers end, too
_NUMBER_SHARE = 5  # characters of a number's rule that cost as much to compile as one copy

_DAY = '("0" [1-9] | [12] [0-9] | "30")'
_DATE = (
    '[12] [0-9]{3} "-" (("01" | "03" | "05" | "07" | "08" | "10" | "12") "-" '
    f'({_DAY} | "31") | ("04" | "06" | "09" | "11") "-" {_DAY} '
    '| "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8]))'
)
_TIME = (
    '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? '
    '("Z" | [-+] ("0" [0-9] | "1" [0-3]) ":" [0-5] [0-9])'
)
_OCTET = '("25" [0-5] | "2" [0-4] [0-9] | "1" [0-9]{2} | [1-9] [0-9] | [0-9])'
_FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": (
        '[0-9a-f]{8} "-" [0-9a-f]{4} "-" [1-8] [0-9a-f]{3} "-" [89ab] [0-9a-f]{3} "-" [0-9a-f]{12}'
    ),
    "email": '[a-z0-9]+ ([-._+] [a-z0-9]+)* "@" [a-z0-9]+ ("-" [a-z0-9]+)* ("." [a-z]{2,12}){1,3}',
    "ipv4": f'{_OCTET} ("." {_OCTET}){{3}}',
}
"""Formats that are enforced; the others are annotations, as the standard has it."""


def string_expression(schema: dict[str, Any], rules: Rules, report: Report, at: str) -> str:
    """Return the expression for the strings of a schema."""
    least, most = count_range(schema, "minLength", "maxLength", report, at)
    bounded = least > 0 or most is not None
    if "pattern" in schema:
        if not isinstance(schema["pattern"], str):
            report.refuse(f"{at}/pattern", "a pattern is a string")
        if bounded:
            report.unenforced(f"{at}/pattern", "a pattern together with a length")
        try:
            return rf'"\"" {pattern_expression(schema["pattern"], rules)} "\""'
        except TooManyCopies:
            report.unenforced(f"{at}/pattern", f"over {MOST_COPIES} repetitions in all")
        except UnsupportedPattern as error:
            report.unenforced(f"{at}/pattern", f"this pattern ({error})")
    form = _FORMATS.get(str(schema.get("format")))
    if form and not bounded:
        return rf'"\"" {form} "\""'
    if not bounded:
        return "string"
    try:
        return rf'"\"" {rules.chain("char", least, most, QUOTE)}'
    except TooManyCopies:
        report.unenforced(at, f"lengths and counts that add up to more than {MOST_COPIES}")
        return "string"


def number_expression(
    schema: dict[str, Any], rules: Rules, report: Report, at: str, *, whole: bool
) -> str:
    """Return the expression for the numbers of a schema, integers only where ``whole``."""
    body = _number(schema, report, at, whole=whole)
    try:
        if not rules.has(body):
            rules.spend(len(body) // _NUMBER_SHARE)
    except TooManyCopies:
        report.unenforced(at, "so many different bounds of numbers")
        return "integer" if whole else "number"
    return body


def _number(schema: dict[str, Any], report: Report, at: str, *, whole: bool) -> str:
    step = schema.get("multipleOf", 1 if whole else None)
    if step == 1:
        whole = True
    elif step is not None:
        report.unenforced(f"{at}/multipleOf", "multipleOf")
    low, open_low = _bound(schema, "minimum", "exclusiveMinimum", report, at)
    high, open_high = _bound(schema, "maximum", "exclusiveMaximum", report, at)
    low = None if low is not None and low < -_FAR else low
    high = None if high is not None and high > _FAR else high
    if any(bound is not None and abs(bound) > _FAR for bound in (low, high)):
        report.refuse(at, "its bounds lie beyond 10^15")
    if low is None and high is None:
        return "integer" if whole else "number"
    try:
        if not whole:
            return number_between(low, high, open_low=open_low, open_high=open_high)
        first = None if low is None else math.ceil(low) + (open_low and low.denominator == 1)
        last = None if high is None else math.floor(high) - (open_high and high.denominator == 1)
        return integer_between(first, last)
    except ValueError as error:
        report.refuse(at, str(error))


def count_range(
    schema: dict[str, Any], least: str, most: str, report: Report, at: str
) -> tuple[int, int | None]:
    """Return the range that two keywords set, such as ``minItems`` and ``maxItems``."""
    for word in (least, most):
        value = schema.get(word, 0)
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not whole or isinstance(value, bool) or value < 0:
            report.refuse(f"{at}/{word}", f"{word} is a whole number from 0")
    low, high = int(schema.get(least, 0)), schema.get(most)
    if low > MOST_COPIES:
        report.refuse(f"{at}/{least}", f"{least} is over {MOST_COPIES}")
    if high is not None and high > MOST_COPIES:
        report.unenforced(f"{at}/{most}", f"{most} over {MOST_COPIES}")
        high = None
    if high is not None and low > high:
        report.refuse(at, f"{least} is greater than {most}")
    return low, None if high is None else int(high)


def _bound(
    schema: dict[str, Any], closed: str, opened: str, report: Report, at: str
) -> tuple[Fraction | None, bool]:
    """Return a bound, and whether it is itself excluded (draft 4 says so by a boolean)."""
    bounds = []
    for word in (closed, opened):
        value = schema.get(word)
        if value is None or (word == opened and isinstance(value, bool)):
            continue
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
        ):
            report.refuse(f"{at}/{word}", f"{word} is a number")
        bounds.append((Fraction(repr(value)), word == opened or schema.get(opened) is True))
    if not bounds:
        return None, False
    # The tighter of two; of equal ones, the one that excludes itself.
    sign = 1 if closed == "minimum" else -1
    return max(bounds, key=lambda bound: (sign * bound[0], bound[1]))
