"""Rules of XGrammar's EBNF: JSON's own, and how to write the rest.

White space is the model's to choose, since each writes best what it has seen most, but there is
room for one line break and some indentation only: a small model that may write any number of blank
lines sometimes writes nothing else. Numbers have at most 15 digits a part, so that they read back
as they were written.
"""

from collections.abc import Iterable

_BLOCK = 64  # longer repetitions are written in blocks: the engine's own get slow by then

_JSON_RULES = {
    # No escaped halves of characters: not every reader takes them.
    "char": (
        r'[^"\\\x00-\x1f\x7f] | '
        r'"\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2}))'
    ),
    "hex": "[0-9a-fA-F]",
    "ws": r'("\n" [ \t]{0,16} | " ")?',
    "string": r'"\"" char* "\""',
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


class Rules:
    """A grammar under construction."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}

    def __len__(self) -> int:
        """Return how many rules there are."""
        return len(self._rules)

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
        """Add a rule; return its name."""
        return self.define(self.name(), body)

    def repeat(self, item: str, least: int, most: int | None) -> str:
        """Return the expression for ``least`` to ``most`` (``None``: any number of) items."""
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
