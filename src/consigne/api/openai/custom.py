"""Custom tools: their input is a text. The model knows each as a function of one field."""

import json
import re
from typing import Final

import msgspec

from consigne.domain.messages import Json, Tool

KIND: Final = "custom_tool_call"
_FIELD: Final = "input"
_SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {_FIELD: {"type": "string"}},
    "required": [_FIELD],
    "additionalProperties": False,
}
_BEGIN: Final = re.compile(rf'\s*\{{\s*"{_FIELD}"\s*:\s*"')
_WHOLE: Final = re.compile(r'(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')
_HALF: Final = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}$")
"""The first half of a character beyond 16 bits: the other half is still to come."""


def is_run(form: Json | None) -> bool:
    """Say whether a tool of this input format can be offered: any text, without a grammar."""
    return form is None or form.get("type") == "text"


def tool(name: str, description: str | None) -> Tool:
    """Return the tool as the model knows it."""
    return Tool(name, _SCHEMA, description or "")


def arguments(given: str) -> Json:
    """Return the arguments of an earlier call."""
    return {_FIELD: given}


def whole(encoded: str) -> str:
    """Return the input of a call from its arguments; all of them where they are not as asked."""
    try:
        found = msgspec.json.decode(encoded, type=Json)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        reader = InputReader()
        return reader.feed(encoded) or encoded
    given = found.get(_FIELD)
    return given if isinstance(given, str) else encoded


class InputReader:
    """Reads the input from a call's arguments as these come in pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self._begun = False

    def feed(self, piece: str) -> str:
        """Take more of the arguments; return what more of the input is certain."""
        self._rest += piece
        if not self._begun:
            begin = _BEGIN.match(self._rest)
            if begin is None:
                return ""
            self._begun, self._rest = True, self._rest[begin.end() :]
        found = _WHOLE.match(self._rest)
        text = _HALF.sub("", found[0]) if found else ""
        self._rest = self._rest[len(text) :]
        given: str = json.loads(f'"{text}"', strict=False)
        return given.encode("utf-8", "replace").decode()
