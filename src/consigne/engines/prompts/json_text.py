"""Follow a JSON object (RFC 8259) as its text comes, character by character."""

import re

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SPACE = " \t\n\r"
_CLOSER = {"{": "}", "[": "]"}
_WORDS = ("true", "false", "null")


class BrokenJson(ValueError):
    """The text is not JSON."""


class ObjectFollower:
    """Checks one object's syntax, and says which characters are whose value.

    ``key`` is the member of the outermost object whose value is being read, ``None`` between
    members; ``done`` is set by the outermost closing brace.
    """

    def __init__(self) -> None:
        self.key: str | None = None
        self.done = False
        self._closers: list[str] = []
        self._expect = "open"
        self._scalar: list[str] = []
        self._in_key = False
        self._escape = ""

    def push(self, char: str) -> bool:
        """Take the next character; say whether it belongs to the value of ``key``.

        Raises:
            BrokenJson: No JSON object goes on like this.
        """
        if self.done:
            raise BrokenJson("text after the object")
        if self._expect == "string":
            return self._string(char)
        if self._expect == "scalar":
            if char not in ",}]" and char not in _SPACE:
                self._grow(char)
                return True
            self._end_scalar()
        if char in _SPACE:
            return len(self._closers) > 1
        return self._token(char)

    def _token(self, char: str) -> bool:
        match self._expect, char:
            case "open", "{":
                self._open(char)
                return False
            case (("key" | "key or end"), '"'):
                self._in_key, self._scalar, self._expect = True, [], "string"
                return len(self._closers) > 1
            case "colon", ":":
                self._expect = "value"
                return len(self._closers) > 1
            case "next", ",":
                inside = len(self._closers) > 1
                self._expect = "key" if self._closers[-1] == "}" else "value"
                self.key = self.key if inside else None
                return inside
            case (("next" | "key or end" | "value or end"), "}" | "]"):
                return self._close(char)
            case (("value" | "value or end"), _):
                return self._value(char)
            case _:
                raise BrokenJson(f"{char!r} where {self._expect} is due")

    def _value(self, char: str) -> bool:
        if char in _CLOSER:
            self._open(char)
        elif char == '"':
            self._in_key, self._expect = False, "string"
        else:
            self._scalar, self._expect = [], "scalar"
            self._grow(char)
        return True

    def _open(self, char: str) -> None:
        self._closers.append(_CLOSER[char])
        self._expect = "key or end" if char == "{" else "value or end"

    def _close(self, char: str) -> bool:
        if self._closers[-1] != char:
            raise BrokenJson(f"{char!r} closes nothing")
        inside = len(self._closers) > 1
        self._closers.pop()
        self._expect = "next"
        self.done = not self._closers
        if self.done:
            self.key = None
        return inside

    def _string(self, char: str) -> bool:
        outer_key = self._in_key and len(self._closers) == 1
        if self._escape:
            self._in_escape(char)
        elif char == "\\":
            self._escape = "\\"
        elif char == '"':
            self._expect = "colon" if self._in_key else "next"
            if outer_key:
                self.key = "".join(self._scalar)
            return not outer_key
        elif char < " ":
            raise BrokenJson("a control character inside a string")
        if outer_key:
            self._scalar.append(char)
        return not outer_key

    def _in_escape(self, char: str) -> None:
        if self._escape == "\\":
            if char not in '"\\/bfnrtu':
                raise BrokenJson(f"no such escape: \\{char}")
            self._escape = "\\u" if char == "u" else ""
        elif char in "0123456789abcdefABCDEF":
            self._escape = "" if len(self._escape) == 5 else self._escape + char
        else:
            raise BrokenJson("a \\u escape with other than hexadecimal digits")

    def _grow(self, char: str) -> None:
        self._scalar.append(char)
        if char in "+-.0123456789eE":
            return
        text = "".join(self._scalar)
        if not any(word.startswith(text) for word in _WORDS):
            raise BrokenJson(f"{text!r} begins no value")

    def _end_scalar(self) -> None:
        text = "".join(self._scalar)
        if text not in _WORDS and _NUMBER.fullmatch(text) is None:
            raise BrokenJson(f"{text!r} is no value")
        self._expect = "next"
