"""Rules of XGrammar's EBNF: JSON's own, and how to write the rest.

White space is the model's to choose, since each writes best what it has seen most, but there is
room for one line break and some indentation only: a small model that may write any number of blank
lines sometimes writes nothing else. Numbers have at most 15 digits a part, so that they read back
as they were written.

What repeats is a chain of rules that ends in what closes it: the engine then decides in advance
which tokens fit, where a repetition (``char*``) makes it try them one by one, and every token of an
answer costs twice as much.
"""

from collections.abc import Iterable

MOST_COPIES = 8000
"""Most repeated parts in one grammar: 13,000 took 1.9 s to compile, 50,000 crashed."""

QUOTE = r'"\""'
"""The expression for a quotation mark."""

_BLOCK = 64  # longer bare repetitions are written in blocks: the engine's own get slow by then

_JSON_RULES = {
    # No escaped halves of characters: not every reader takes them.
    "char": (
        r'[^"\\\x00-\x1f\x7f] | '
        r'"\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2}))'
    ),
    "hex": "[0-9a-fA-F]",
    "ws": r'("\n" [ \t]{0,16} | " ")?',
    "string": r'"\"" text',
    "text": r'"\"" | char text',
    "integer": '"-"? ("0" | [1-9] [0-9]{0,14})',
    "number": 'integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "array": '"[" ws (value ("," ws value)* ws)? "]"',
    "object": '"{" ws (pair ("," ws pair)* ws)? "}"',
    "pair": 'string ":" ws value',
    "value": "object | array | string | number | boolean | null",
}


def literal(text: str) -> str:
    """Return the expression for exactly this text."""
    return f'"{"".join(map(_escaped, text))}"'


def char_class(ranges: Iterable[tuple[int, int]]) -> str:
    """Return the expression for one character of these inclusive ranges of code points."""
    return f"[{''.join(f'{_hex(low)}-{_hex(high)}' for low, high in ranges)}]"


class TooManyCopies(ValueError):
    """A grammar would be too large to compile."""


class Rules:
    """A grammar under construction."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._chains: dict[tuple[str, int, int | None, str], str] = {}
        self._copies = 0

    def name(self) -> str:
        """Reserve a rule's name."""
        name = f"r{len(self._rules)}"
        self._rules[name] = '""'
        return name

    def define(self, name: str, body: str) -> str:
        """Give a reserved name its body; return the name."""
        self._rules[name] = body
        return name

    def add(self, body: str) -> str:
        """Add a rule, unless there is one of this body; return its name."""
        if body not in self._names:
            self._names[body] = self.define(self.name(), body)
        return self._names[body]

    def has(self, body: str) -> bool:
        """Say whether there is a rule of this body."""
        return body in self._names

    def spend(self, copies: int) -> None:
        """Count repeated parts.

        Raises:
            TooManyCopies: There are more than ``MOST_COPIES`` now.
        """
        if self._copies + copies > MOST_COPIES:
            raise TooManyCopies
        self._copies += copies

    def chain(self, item: str, least: int, most: int | None, end: str) -> str:
        """Return the expression for ``least`` to ``most`` (``None``: any number of) items and end.

        Raises:
            TooManyCopies: There are too many in this grammar.
        """
        key = (item, least, most, end)
        if key not in self._chains:
            self.spend(least if most is None else most)
            self._chains[key] = self._chain(item, least, most, end)
        return self._chains[key]

    def _chain(self, item: str, least: int, most: int | None, end: str) -> str:
        tail = end
        if most is None:
            tail = self.name()
            self.define(tail, f"{end} | {item} {tail}")
            if not least:
                return tail
        for count in reversed(range(least if most is None else most)):
            tail = self.add(f"{end} | {item} {tail}" if count >= least else f"{item} {tail}")
        return tail

    def repeat(self, item: str, least: int, most: int | None) -> str:
        """Return the expression for ``least`` to ``most`` (``None``: any number of) items.

        It serves where nothing is known to follow; ``chain`` is better.
        """
        if most is None:
            return f"{self.repeat(item, least, least)} {item}*" if least else f"{item}*"
        blocks, rest = divmod(most, _BLOCK)
        if not blocks:
            return f"{item}{{{least},{rest}}}"
        tail = f"{item}{{{max(least - blocks * _BLOCK, 0)},{rest}}}"
        for at in reversed(range(blocks)):
            whole = f"{item}{{{_BLOCK}}} {tail}"
            owed = least - at * _BLOCK
            part = f" | {item}{{{max(owed, 0)},{_BLOCK - 1}}}" if owed < _BLOCK else ""
            tail = self.add(whole + part)
        return tail

    def text(self, root: str) -> str:
        """Return the whole grammar, with ``root`` as the expression it begins from."""
        rules = {"root": root, **self._rules, **_JSON_RULES}
        return "\n".join(f"{name} ::= {body}" for name, body in rules.items())


def _escaped(char: str) -> str:
    if " " <= char <= "~" and char not in '"\\':
        return char
    return _hex(ord(char))


def _hex(code: int) -> str:
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


JSON_OBJECT = Rules().text("object")
"""The grammar of any JSON object."""
