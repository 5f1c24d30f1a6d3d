"""A small matcher for the EBNF of grammars: says whether a text is of a grammar."""

import re
import sys
from functools import cache
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:\\.|[^\"\\])*\")|(?P<set>\[(?:\\.|[^\]\\])*\])|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<count>\{\d+(?:,\d*)?\})|(?P<sign>[()|*+?]))",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b"}

Node = tuple[Any, ...]


class Matcher:
    """One grammar, read; fails on rules that are not defined."""

    def __init__(self, grammar: str) -> None:
        self._rules: dict[str, Node] = {}
        for line in grammar.splitlines():
            name, _, body = line.partition(" ::= ")
            assert name not in self._rules, name
            self._rules[name] = _Reader(body).whole()
        for node in self._rules.values():
            self._check(node)

    def accepts(self, text: str) -> bool:
        """Say whether the whole text is of the grammar."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(20_000)  # long strings are long chains of rules
        try:
            return len(text) in _Match(self._rules, text).ends(("name", "root"), 0)
        finally:
            sys.setrecursionlimit(limit)

    def _check(self, node: Node) -> None:
        if node[0] == "name":
            assert node[1] in self._rules, f"no rule {node[1]}"
        for part in node[1:]:
            if isinstance(part, tuple) and part and isinstance(part[0], str) and node[0] != "set":
                self._check(part)


class _Match:
    """Where in one text each part of a grammar can end."""

    def __init__(self, rules: dict[str, Node], text: str) -> None:
        self._rules = rules
        self._text = text
        self.ends = cache(self._ends)

    def _ends(self, node: Node, at: int) -> frozenset[int]:
        match node:
            case ("text", str(wanted)):
                return frozenset([at + len(wanted)] if self._text.startswith(wanted, at) else [])
            case ("set", ranges, negated):
                char = self._text[at : at + 1]
                inside = any(low <= char <= high for low, high in ranges)
                return frozenset([at + 1] if char and inside != negated else [])
            case ("name", name):
                return self.ends(self._rules[name], at)
            case ("or", *branches):
                return frozenset(end for branch in branches for end in self.ends(branch, at))
            case ("and", *parts):
                found = frozenset([at])
                for part in parts:
                    found = frozenset(end for start in found for end in self.ends(part, start))
                return found
        _, item, least, most = node
        return self._repeated(item, least, most, at)

    def _repeated(self, item: Node, least: int, most: int | None, at: int) -> frozenset[int]:
        reached, found, count = frozenset([at]), frozenset[int](), 0
        while reached and (most is None or count <= most):
            if count >= least:
                reached -= found
                found |= reached
            reached = frozenset(end for start in reached for end in self.ends(item, start))
            count += 1
        return found


class _Reader:
    def __init__(self, body: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while body[at:].strip():
            found = _TOKEN.match(body, at)
            assert found is not None, body[at:]
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0

    def whole(self) -> Node:
        node = self._or()
        assert self._at == len(self._tokens), self._tokens[self._at :]
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _or(self) -> Node:
        branches = [self._and()]
        while self._peek()[1] == "|":
            self._at += 1
            branches.append(self._and())
        return branches[0] if len(branches) == 1 else ("or", *branches)

    def _and(self) -> Node:
        parts = []
        while self._peek() not in (("", ""), ("sign", "|"), ("sign", ")")):
            parts.append(self._repeat())
        assert parts
        return parts[0] if len(parts) == 1 else ("and", *parts)

    def _repeat(self) -> Node:
        node = self._atom()
        kind, text = self._peek()
        counts = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if kind == "count":
            low, comma, high = text[1:-1].partition(",")
            counts[text] = (int(low), int(high) if high else None if comma else int(low))
        if text not in counts or kind not in ("sign", "count"):
            return node
        self._at += 1
        return ("repeat", node, *counts[text])

    def _atom(self) -> Node:
        kind, text = self._peek()
        self._at += 1
        match kind:
            case "text":
                return ("text", "".join(_chars(text[1:-1])))
            case "set":
                return _set(text[1:-1])
            case "name":
                return ("name", text)
        assert text == "(", text
        node = self._or()
        assert self._peek()[1] == ")"
        self._at += 1
        return node


def _chars(body: str) -> list[str]:
    chars, at = [], 0
    while at < len(body):
        if found := _ESCAPE.match(body, at):
            code = found[1] or found[2] or found[3]
            chars.append(chr(int(code, 16)) if code else _LETTERS.get(found[4], found[4]))
            at = found.end()
        else:
            chars.append(body[at])
            at += 1
    return chars


def _set(body: str) -> Node:
    negated = body.startswith("^")
    units = [found[0] for found in re.finditer(rf"{_ESCAPE.pattern}|.", body[negated:], re.DOTALL)]
    ranges, at = [], 0
    while at < len(units):
        low = _chars(units[at])[0]
        if units[at + 1 : at + 2] == ["-"] and at + 2 < len(units):
            ranges.append((low, _chars(units[at + 2])[0]))
            at += 3
        else:
            ranges.append((low, low))
            at += 1
    return ("set", tuple(ranges), negated)
