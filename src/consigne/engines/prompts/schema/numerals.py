"""Expressions for numbers between bounds."""

import math
from collections.abc import Iterator
from fractions import Fraction

_MOST = 10**15 - 1  # as far as unbounded integers go; exact in a double
_DECIMALS = 6


def integer_between(low: int | None, high: int | None) -> str:
    """Return the expression for the integers from ``low`` to ``high``, both inclusive.

    An open side ends where integers get 16 digits, or ten times as far as the other side's bound.

    Raises:
        ValueError: There is none.
    """
    low, high = _closed(low, high)
    return _either([*_integers(low, high)])


def number_between(
    low: Fraction | None, high: Fraction | None, *, open_low: bool, open_high: bool
) -> str:
    """Return the expression for numbers between bounds, each inclusive or open.

    They are written without exponent, and those between the bounds' last decimals with up to six
    decimals more.

    Raises:
        ValueError: None can be written, or the bounds have more than six decimals.
    """
    places = max(_places(low), _places(high))
    scale = 10**places
    first = None if low is None else math.ceil(low * scale)
    last = None if high is None else math.floor(high * scale)
    first, last = _closed(first, last, _MOST * scale)
    inner_first, inner_last = first, last
    if low is not None and open_low and low * scale == first:
        first += 1
    if high is not None and open_high and high * scale == last:
        last -= 1
    point = "" if places else '"."'
    # More decimals end in other than zero, and so never reach a bound that is open.
    found = [*_integers(first, last, places)] if first <= last else []
    found += [
        f"{form} {point} [0-9]{{0,{_DECIMALS - 1}}} [1-9]"
        for form in _between_steps(inner_first, inner_last, places)
    ]
    return _either(found)


def _between_steps(first: int, last: int, places: int) -> Iterator[str]:
    """Forms to which any decimals may be added without leaving ``first`` to ``last``."""
    if last > 0:
        yield from _naturals(max(first, 0), last - 1, places)
    if first < 0:
        for form in _naturals(max(-last, 0), -first - 1, places):
            yield f'"-" {form}'


def _closed(low: int | None, high: int | None, most: int = _MOST) -> tuple[int, int]:
    if low is None:
        low = -max(most, 10 * abs(high or 0))
    if high is None:
        high = max(most, 10 * abs(low))
    if low > high:
        raise ValueError("no number lies between the bounds")
    return low, high


def _places(bound: Fraction | None) -> int:
    places = 0
    while bound is not None and (bound * 10**places).denominator != 1:
        places += 1
        if places > _DECIMALS:
            raise ValueError(f"a bound has more than {_DECIMALS} decimals")
    return places


def _either(forms: list[str]) -> str:
    if not forms:
        raise ValueError("no number lies between the bounds")
    return f"({' | '.join(forms)})"


def _integers(low: int, high: int, places: int = 0) -> Iterator[str]:
    if high >= 0:
        yield from _naturals(max(low, 0), high, places)
    if low < 0:
        for form in _naturals(max(-high, 1), -low, places):
            yield f'"-" {form}'


def _naturals(low: int, high: int, places: int) -> Iterator[str]:
    """Forms of the naturals from ``low`` to ``high``, the last ``places`` digits decimals."""
    for length in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (length - 1) if length > 1 else 0)
        last = min(high, 10**length - 1)
        if first > last:
            continue
        for digits in _digits(str(first), str(last)):
            padded = [("0", "0")] * (places + 1 - length) + digits
            yield " ".join(_written(padded, places))


def _written(digits: list[tuple[str, str]], places: int) -> Iterator[str]:
    for at, (low, high) in enumerate(digits):
        if places and at == len(digits) - places:
            yield '"."'
        yield f'"{low}"' if low == high else f"[{low}-{high}]"


def _digits(first: str, last: str) -> Iterator[list[tuple[str, str]]]:
    """Digit ranges that together cover the numbers from ``first`` to ``last``, of equal length."""
    if not first:
        yield []
        return
    head, tail = first[0], last[0]
    nines, zeros = "9" * (len(first) - 1), "0" * (len(first) - 1)
    if head == tail:
        yield from ([(head, head), *rest] for rest in _digits(first[1:], last[1:]))
        return
    if first[1:] != zeros:
        yield from ([(head, head), *rest] for rest in _digits(first[1:], nines))
        head = chr(ord(head) + 1)
    stop = tail if last[1:] == nines else chr(ord(tail) - 1)
    if head <= stop:
        yield [(head, stop), *[("0", "9")] * len(nines)]
    if stop != tail:
        yield from ([(tail, tail), *rest] for rest in _digits(zeros, last[1:]))
