"""Arithmetic as it is written, without Python's own evaluation: exact where it can be.

Numbers are fractions until a function of real numbers makes them decimals of 30 digits.
"""

import ast
import math
import operator
from collections.abc import Callable
from decimal import Context, Decimal, DecimalException, localcontext
from fractions import Fraction
from typing import Any

from consigne.chat.tools.outside_jobs import JobFailed

LONGEST = 1000
"""Most characters of an expression."""
MOST_DIGITS = 4000
"""Most digits of any number on the way."""
_DIGITS = 30
_SHOWN = 15

Number = Fraction | Decimal

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_CONSTANTS = {
    "pi": Decimal("3.14159265358979323846264338327950288"),
    "e": Decimal("2.71828182845904523536028747135266250"),
}


def calculate(body: dict[str, str]) -> dict[str, str]:
    """Return the value of an expression: ``exact`` where it has a short fraction, and ``value``.

    Raises:
        JobFailed: It is no arithmetic, too long, or has no value.
    """
    written = body["expression"]
    if len(written) > LONGEST:
        raise JobFailed(f"An expression has at most {LONGEST} characters.")
    text = written.strip().replace("^", "**").replace("×", "*").replace("÷", "/").replace("−", "-")
    try:
        tree = ast.parse(text, mode="eval")
        with localcontext(Context(prec=_DIGITS)):
            return _shown(_value(tree.body))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise JobFailed(f"This is no arithmetic expression: {written}") from None
    except (ZeroDivisionError, OverflowError, DecimalException):
        raise JobFailed("It has no value: a division by zero, or a number out of range.") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _bounded(Fraction(str(value)))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            pair = _alike(_value(left), _value(right))
            return _bounded(_number(_OPERATORS[type(op)](*pair)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            least, most, function = _FUNCTIONS[name]
            if not least <= len(args) <= most:
                raise JobFailed(f"{name} takes {least} to {most} numbers.")
            return _bounded(_number(function(*map(_value, args))))
        case _:
            raise JobFailed(
                "Only numbers, + - * / // % **, parentheses, pi, e and these functions are known: "
                + ", ".join(sorted(_FUNCTIONS))
            )


def _number(value: Any) -> Number:
    return value if isinstance(value, Fraction | Decimal) else Fraction(str(value))


def _alike(left: Number, right: Number) -> tuple[Number, Number]:
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _decimal(left), _decimal(right)
    return left, right


def _decimal(value: Number) -> Decimal:
    if isinstance(value, Decimal):
        return value
    return Decimal(value.numerator) / Decimal(value.denominator)


def _bounded(value: Number) -> Number:
    if isinstance(value, Fraction):
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if bits > MOST_DIGITS * 3.33:
            raise JobFailed(f"A number on the way has more than {MOST_DIGITS} digits.")
    elif not value.is_finite():
        raise OverflowError
    return value


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent) > MOST_DIGITS * 3.33:
            raise JobFailed(f"A number on the way has more than {MOST_DIGITS} digits.")
        return Fraction(base**exponent)
    return _decimal(base) ** _decimal(exponent)


def _real(function: Callable[[float], float]) -> Callable[[Number], Fraction]:
    """Functions that decimals lack are those of machine numbers, of 15 digits."""

    def applied(value: Number) -> Fraction:
        return Fraction(str(Decimal(repr(function(float(value)))).normalize(Context(prec=_SHOWN))))

    return applied


def _rounded(value: Number, digits: Number = Fraction(0)) -> Fraction:
    """Round as people do: a half goes away from zero."""
    scale = Fraction(10) ** int(max(-100, min(100, digits)))
    scaled = Fraction(value) * scale
    whole = math.floor(abs(scaled) + Fraction(1, 2))
    return Fraction(whole if scaled >= 0 else -whole) / scale


def _factorial(value: Number) -> Fraction:
    if value != int(value) or not 0 <= value <= 1000:
        raise JobFailed("factorial takes a whole number from 0 to 1000.")
    return Fraction(math.factorial(int(value)))


def _root(value: Number) -> Number:
    if isinstance(value, Fraction) and value >= 0:
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if Fraction(above, below) ** 2 == value:
            return Fraction(above, below)
    return _decimal(value).sqrt()


def _log(value: Number, base: Number | None = None) -> Decimal:
    found = _decimal(value).ln()
    return found if base is None else found / _decimal(base).ln()


_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, abs),
    "sqrt": (1, 1, _root),
    "round": (1, 2, _rounded),
    "floor": (1, 1, math.floor),
    "ceil": (1, 1, math.ceil),
    "factorial": (1, 1, _factorial),
    "exp": (1, 1, lambda x: _decimal(x).exp()),
    "ln": (1, 1, lambda x: _decimal(x).ln()),
    "log": (1, 2, _log),
    "log10": (1, 1, lambda x: _decimal(x).log10()),
    "min": (1, 100, min),
    "max": (1, 100, max),
    "sum": (1, 100, lambda *all_: sum(map(Fraction, all_), Fraction(0))),
    **{name: (1, 1, _real(getattr(math, name))) for name in ("sin", "cos", "tan")},
    **{name: (1, 1, _real(getattr(math, name))) for name in ("asin", "acos", "atan")},
    **{name: (1, 1, _real(getattr(math, name))) for name in ("degrees", "radians")},
}


def _shown(value: Number) -> dict[str, str]:
    if isinstance(value, Fraction) and value.denominator == 1:
        return {"value": str(value.numerator)}
    shown = format(_decimal(value).normalize(Context(prec=_SHOWN)), "f")
    if len(shown) > 2 * _SHOWN:
        shown = str(_decimal(value).normalize(Context(prec=_SHOWN)))
    if isinstance(value, Fraction) and Fraction(shown) != value and value.denominator < 10**6:
        return {"value": shown, "exact": f"{value.numerator}/{value.denominator}"}
    return {"value": shown}
