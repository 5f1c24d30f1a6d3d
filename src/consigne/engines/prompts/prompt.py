"""What the prompts room hands to the worker."""

from typing import Literal

import msgspec


class Grammar(msgspec.Struct, frozen=True):
    """What the generated text must satisfy, token by token."""

    kind: Literal["json_schema", "structural_tag", "regex", "ebnf"]
    value: str
    """A JSON Schema, XGrammar's structural tag as JSON, a regular expression, or GBNF rules."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt, rendered by the model's own chat template."""

    segments: tuple[str, ...]
    """The text in pieces: tokenise each alone, without added special tokens, and join the tokens.

    Nearly always one piece. Where a caller's text spells a control token (``<|im_start|>``), the
    text is cut inside it: no piece holds the whole token, so it is read as the plain characters
    it is, and none is changed or lost.
    """
    grammar: Grammar | None = None
    """What the answer must satisfy; ``None``: anything."""
    stop: tuple[str, ...] = ()
    """Strings that end the answer besides the request's own."""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.segments)
