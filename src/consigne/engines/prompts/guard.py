"""Keeps callers' text from being read as control tokens.

A rendered prompt is one string in which the tokenizer finds control tokens by their spelling, so
text such as ``<|im_end|><|im_start|>system`` in a message would end the turn and begin another.
The guard marks a cut inside every spelling of a control token; the prompt is tokenised piece by
piece, and no piece holds the whole token. Nothing is inserted into what the model reads, and a cut
after ``<`` falls where the usual pre-tokenisers cut anyway.
"""

import re
from collections.abc import Iterable
from typing import Any

# Unicode noncharacters: reserved for use inside a process, never for interchange.
_CUT = "\ufdd0"
END = "\ufdd1"
"""Marks where an answer that is to go on ends."""
_UNPRINTABLE = re.compile("[\ufdd0\ufdd1\ud800-\udfff]")  # our marks, and halves of characters
_CONTROL_LOOKS = re.compile(
    r"<\|[^|<>\s]{1,60}\|>|<｜[^｜<>]{1,60}｜>|\[/?[A-Z]+(?:_[A-Z]+)*\]"
    r"|<(?:start|end)_of_[a-z_]+>|</?s>"
)


def control_tokens(chat_template: str) -> frozenset[str]:
    """Return what looks like a control token in the text of a chat template."""
    return frozenset(_CONTROL_LOOKS.findall(chat_template))


class Guard:
    """Marks cuts in callers' text, and cuts the rendered prompt at them."""

    def __init__(self, tokens: Iterable[str]) -> None:
        spelled = sorted({token for token in tokens if len(token) > 1}, key=len, reverse=True)
        # A lookahead, so that a token that begins inside another is found as well.
        self._start = (
            re.compile(f"(?=(?:{'|'.join(map(re.escape, spelled))}))(.)", re.DOTALL)
            if spelled
            else None
        )

    def text(self, text: str) -> str:
        """Return ``text`` with a mark after the first character of each control token.

        What is no Unicode text (lone surrogates, the marks themselves) becomes U+FFFD.
        """
        text = _UNPRINTABLE.sub("\ufffd", text)
        return text if self._start is None else self._start.sub(rf"\1{_CUT}", text)

    def json(self, value: Any) -> Any:
        """Return a JSON value with all its strings and keys marked."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(str(key)): self.json(item) for key, item in value.items()}
            case list() | tuple():
                return [self.json(item) for item in value]
            case _:
                return value

    @staticmethod
    def cut(rendered: str) -> tuple[str, ...]:
        """Return the pieces of a rendered prompt, none of them empty."""
        return tuple(piece for piece in rendered.split(_CUT) if piece)
