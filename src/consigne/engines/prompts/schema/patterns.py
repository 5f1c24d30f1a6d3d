"""Regular expressions (the common part of ECMA-262's) as expressions over a JSON string's text."""

from consigne.engines.prompts.schema.ebnf import Rules, char_class, literal

_MOST_COPIES = 2000
_MOST_LENGTH = 500

_Ranges = list[tuple[int, int]]
_ASCII: _Ranges = [(0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x7E)]
_ALL: _Ranges = [(0x00, 0xD7FF), (0xE000, 0x10FFFF)]
_LINE_ENDS: _Ranges = [(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
_CATEGORIES: dict[str, _Ranges] = {
    "d": [(0x30, 0x39)],
    "w": [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)],
    "s": [(0x09, 0x0A), (0x0D, 0x0D), (0x20, 0x20)],
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_PLAIN: _Ranges = [(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0xD7FF), (0xE000, 0x10FFFF)]
_ESCAPED = {
    0x22: '\\"',
    0x5C: "\\\\",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0C: "\\f",
    0x0D: "\\r",
}


class UnsupportedPattern(ValueError):
    """The pattern is malformed, or uses what a grammar can't express."""


def pattern_expression(pattern: str, rules: Rules) -> str:
    """Return the expression for string contents in which the pattern is found.

    Raises:
        UnsupportedPattern: Look-around, back-references, anchors inside, word boundaries,
            Unicode properties, or malformed.
        TooManyCopies: It repeats too much for the room that is left in the grammar.
    """
    if len(pattern) > _MOST_LENGTH:
        raise UnsupportedPattern(f"it is longer than {_MOST_LENGTH} characters")
    reader = _Reader(pattern, rules)
    expression = reader.whole()
    rules.spend(reader.copies)
    return expression


class _Reader:
    """A recursive-descent reader; each method returns the expression of what it read."""

    def __init__(self, pattern: str, rules: Rules) -> None:
        self._pattern = pattern
        self._rules = rules
        self._at = 0
        self._depth = 0
        self.copies = 0  # of single characters, repetitions counted out

    def whole(self) -> str:
        branches = [self._anchored()]
        while self._take("|"):
            branches.append(self._anchored())
        if self._at < len(self._pattern):
            raise UnsupportedPattern("an anchor inside, or a bracket that closes nothing")
        return f"({' | '.join(branches)})"

    def _anchored(self) -> str:
        before = "" if self._take("^") else "char* "
        inner = self._sequence()
        after = "" if self._take("$") else " char*"
        return f"{before}{inner}{after}"

    def _sequence(self) -> str:
        parts = []
        while self._at < len(self._pattern) and self._peek() not in "|)":
            if self._peek() == "$" and self._depth == 0:
                break
            parts.append(self._repeated())
        return " ".join(parts) or '""'

    def _repeated(self) -> str:
        before = self.copies
        atom = self._atom()
        least, most = self._count()
        if (least, most) == (1, 1):
            return atom
        self.copies = before + (self.copies - before) * max(most or 1, least, 1)
        if self.copies > _MOST_COPIES:
            raise UnsupportedPattern(f"it repeats its parts more than {_MOST_COPIES} times")
        return self._rules.repeat(self._rules.add(atom), least, most)

    def _count(self) -> tuple[int, int | None]:
        least: int
        most: int | None
        if self._take("*"):
            least, most = 0, None
        elif self._take("+"):
            least, most = 1, None
        elif self._take("?"):
            least, most = 0, 1
        elif self._peek() == "{":
            least, most = self._braces()
        else:
            return 1, 1
        self._take("?")
        if self._peek() and self._peek() in "*+?{":
            raise UnsupportedPattern("a repetition of a repetition")
        return least, most

    def _braces(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()):
            raise UnsupportedPattern("a brace that counts nothing; write it \\{")
        self._at = end + 1
        least = int(low)
        most = least if not comma else int(high) if high else None
        if least > _MOST_COPIES or (most is not None and not least <= most <= _MOST_COPIES):
            raise UnsupportedPattern(f"a count outside 0 to {_MOST_COPIES}, or reversed")
        return least, most

    def _atom(self) -> str:
        char = self._next()
        self.copies += 1
        match char:
            case "(":
                return self._group()
            case "[":
                return _one_of(self._class())
            case ".":
                return _one_of(_without(_ALL, _LINE_ENDS))
            case "\\":
                return _one_of(self._escape())
            case "^" | "$":
                raise UnsupportedPattern("an anchor that is not at its beginning or end")
            case "*" | "+" | "?" | "{" | ")":
                raise UnsupportedPattern(f"a {char} that belongs to nothing")
            case _:
                return _one_of([(ord(char), ord(char))])

    def _group(self) -> str:
        if self._take("?"):
            if self._take("<") and self._peek() not in ("=", "!", ""):
                end = self._pattern.find(">", self._at)
                self._at = end + 1 or len(self._pattern)
            elif not self._take(":"):
                raise UnsupportedPattern("a group with a look-around or a flag")
        self._depth += 1
        if self._depth > 20:
            raise UnsupportedPattern("groups nested more than 20 deep")
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        self._depth -= 1
        if not self._take(")"):
            raise UnsupportedPattern("a group is not closed")
        return f"({' | '.join(branches)})"

    def _class(self) -> _Ranges:
        negated, wide = self._take("^"), False
        found: _Ranges = []
        while not self._take("]"):
            char = self._next()
            item = self._escape(in_class=True) if char == "\\" else [(ord(char), ord(char))]
            single = len(item) == 1 and item[0][0] == item[0][1]
            wide = wide or not single
            if single and self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]":
                self._at += 1
                char = self._next()
                last = self._escape(in_class=True) if char == "\\" else [(ord(char), ord(char))]
                if len(last) != 1 or last[0][0] != last[0][1] or last[0][0] < item[0][0]:
                    raise UnsupportedPattern("a range that is reversed or ends in a class")
                item = [(item[0][0], last[0][0])]
            found += item
        # Readers differ in how far \w and its like reach beyond ASCII: keep to what all agree on.
        return _without(_ASCII if wide else _ALL, found) if negated else found

    def _escape(self, *, in_class: bool = False) -> _Ranges:
        char = self._next()
        if char.lower() in _CATEGORIES:
            ranges = _CATEGORIES[char.lower()]
            return _without(_ASCII, ranges) if char.isupper() else ranges
        if char in "xu":
            size = 2 if char == "x" else 4
            digits = self._pattern[self._at : self._at + size]
            self._at += size
            try:
                code = int(digits, 16) if len(digits) == size else -1
            except ValueError:
                code = -1
            if code < 0 or 0xD800 <= code <= 0xDFFF:
                raise UnsupportedPattern("an escape with other than its hexadecimal digits")
        elif char == "b" and in_class:
            code = 8
        elif char in _ESCAPES:
            code = ord(_ESCAPES[char])
        elif char.isalnum():
            raise UnsupportedPattern(f"the escape \\{char}")
        else:
            code = ord(char)
        return [(code, code)]

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            raise UnsupportedPattern("it breaks off")
        self._at += 1
        return char

    def _take(self, char: str) -> bool:
        if self._peek() != char:
            return False
        self._at += 1
        return True


def _without(ranges: _Ranges, taken: _Ranges) -> _Ranges:
    for low, high in taken:
        ranges = [
            (first, last)
            for a, b in ranges
            for first, last in ((a, min(b, low - 1)), (max(a, high + 1), b))
            if first <= last
        ]
    return sorted(set(ranges))


def _one_of(ranges: _Ranges) -> str:
    """One character of the ranges, as JSON writes it inside a string."""
    plain = [
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in _PLAIN
        if max(low, first) <= min(high, last)
    ]
    escaped = [
        literal(text)
        for code, text in _ESCAPED.items()
        if any(low <= code <= high for low, high in ranges)
    ]
    forms = ([char_class(plain)] if plain else []) + escaped
    if not forms:
        raise UnsupportedPattern("a class without any character that a JSON text can show")
    return f"({' | '.join(forms)})" if len(forms) > 1 else forms[0]
