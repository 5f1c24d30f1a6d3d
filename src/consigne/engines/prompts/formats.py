"""The forms in which models write tool calls."""

from typing import Literal

import msgspec


class CallFormat(msgspec.Struct, frozen=True):
    """How one family of models writes its calls.

    A call is one JSON object with the members ``name`` and ``arguments_key``.
    """

    kind: Literal["hermes", "llama", "mistral"]
    arguments_key: str
    triggers: tuple[str, ...]
    """Strings that announce calls wherever they appear."""
    bare: bool = False
    """Whether an answer that begins with ``{`` is a call."""
    separators: str = ""
    """Characters that may stand before and between the objects of one announcement."""
    closing: str = ""
    """What ends the announcement."""

    def opening(self, name: str) -> str:
        """Return the text of a call's object up to its arguments."""
        return f'{{"name": {_quoted(name)}, "{self.arguments_key}": '


HERMES = CallFormat("hermes", "arguments", ("<tool_call>",), closing="</tool_call>")
LLAMA = CallFormat("llama", "parameters", ("<|python_tag|>",), bare=True, separators=";")
MISTRAL = CallFormat("mistral", "arguments", ("[TOOL_CALLS]",), separators="[,", closing="]")


def recognise(template: str) -> CallFormat | None:
    """Return the form a chat template teaches, or ``None`` where it teaches none known here.

    Templates that use the same tags around other than JSON (``<function=…>``, ``<arg_key>``,
    ``[ARGS]``) are not taken for the JSON forms.
    """
    if "<tool_call>" in template and not any(t in template for t in ("<function=", "<arg_key>")):
        return HERMES
    if "[TOOL_CALLS]" in template and "[ARGS]" not in template:
        return MISTRAL
    if "<|start_header_id|>" in template and '"parameters"' in template:
        return LLAMA
    return None


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
