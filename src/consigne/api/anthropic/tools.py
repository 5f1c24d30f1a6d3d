"""Tools of the Anthropic dialect: the client's own, and those that the dialect defines for it.

The types ``bash_…``, ``text_editor_…`` and ``memory_…`` name tools that the client runs but whose
inputs the dialect fixes, so that a request does not describe them. They are described here, as any
model can read them. ``image_generation_…``, ``web_search_…`` and ``web_fetch_…`` are run here
(``pictures.py``, ``searches.py``, ``fetches.py``); others that run on Anthropic's own servers are
refused by name.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from consigne.api import fetch_calls, picture_calls, search_calls
from consigne.api.anthropic import fetches, pictures, searches
from consigne.api.anthropic.tool_schemas import ToolChoiceParam, ToolParam, ToolsetParam
from consigne.api.errors import InvalidField
from consigne.domain.messages import Json, Tool, ToolChoice

_TEXT: Final = {"type": "string"}
_LINE: Final = {"type": "integer", "minimum": 0}
_LINES: Final = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_EDITING: Final[dict[str, Any]] = {
    "path": _TEXT,
    "file_text": _TEXT,
    "old_str": _TEXT,
    "new_str": _TEXT,
    "insert_line": _LINE,
    "insert_text": _TEXT,
    "view_range": _LINES,
}


def _commands(names: Sequence[str], **fields: Any) -> Json:
    properties = {"command": {"type": "string", "enum": list(names)}, **fields}
    return {"type": "object", "properties": properties, "required": ["command"]}


_BASH: Final[Json] = {
    "type": "object",
    "properties": {"command": _TEXT, "restart": {"type": "boolean"}},
}
_EDITOR: Final = _commands(("view", "create", "str_replace", "insert"), **_EDITING)
_MEMORY: Final = _commands(
    ("view", "create", "str_replace", "insert", "delete", "rename"),
    **_EDITING,
    old_path=_TEXT,
    new_path=_TEXT,
)
_DEFINED: Final[dict[str, tuple[str, Json]]] = {
    "bash_20250124": ("Run a command in a persistent bash session, or restart it.", _BASH),
    "text_editor_20250124": (
        "View, create and edit text files.",
        _commands(("view", "create", "str_replace", "insert", "undo_edit"), **_EDITING),
    ),
    "text_editor_20250429": ("View, create and edit text files.", _EDITOR),
    "text_editor_20250728": ("View, create and edit text files.", _EDITOR),
    "memory_20250818": (
        "Keep notes in files under /memories, which outlast the conversation.",
        _MEMORY,
    ),
}


def tools_of(params: Sequence[ToolParam | ToolsetParam]) -> tuple[Tool, ...]:
    """Return the tools, without those of servers: what these are, they tell themselves.

    Raises:
        InvalidField: One can't be offered; the message names it.
    """
    tools: dict[str, Tool] = {}
    for i, param in enumerate(params):
        if isinstance(param, ToolsetParam):
            continue
        if param.name in tools:
            raise InvalidField("Tool names must be unique", param=f"tools.{i}.name")
        tools[param.name] = _tool(param, f"tools.{i}")
    return tuple(tools.values())


def _tool(param: ToolParam, path: str) -> Tool:
    if param.allowed_callers is not None and "direct" not in param.allowed_callers:
        message = "Only 'direct' calls are possible: no code is executed here"
        raise InvalidField(message, param=f"{path}.allowed_callers")
    description, schema = param.description, param.input_schema
    if param.type == pictures.TYPE:
        return picture_calls.tool(pictures.wish(param, "", path))
    if param.type in searches.TYPES:
        return search_calls.tool(searches.wish(param, path))
    if param.type in fetches.TYPES:
        return fetch_calls.tool(fetches.wish(param, path))
    if param.type not in (None, "custom"):
        if param.type not in _DEFINED:
            message = f"The tool type '{param.type[:100]}' is not available here"
            raise InvalidField(message, param=path)
        description, schema = _DEFINED[param.type]
        if param.max_characters is not None:
            description += f" At most {param.max_characters} characters are shown at once."
    if schema is None:
        raise InvalidField("Field required", param=f"{path}.input_schema", kind="missing")
    if schema.get("type", "object") != "object":
        raise InvalidField("Input should be 'object'", param=f"{path}.input_schema.type")
    if param.input_examples:
        examples = (msgspec.json.encode(example).decode() for example in param.input_examples)
        description = "\n".join((description, "Examples of its input:", *examples)).lstrip()
    return Tool(param.name, {"type": "object"} | schema, description, param.strict is True)


def tool_choice_of(
    param: ToolChoiceParam | None, tools: tuple[Tool, ...], *, more: bool = False
) -> ToolChoice:
    """Return how the tools may be used; ``more`` says that servers may have others.

    Raises:
        InvalidField: There is no tool to choose.
    """
    if param is None:
        return ToolChoice()
    parallel = not param.disable_parallel_tool_use
    if param.type in ("any", "tool") and not (tools or (more and param.type == "any")):
        raise InvalidField("There are no tools to choose from", param="tool_choice")
    if param.type != "tool":
        return ToolChoice(param.type, parallel=parallel)
    if param.name not in {tool.name for tool in tools}:
        message = "There is no tool of this name in 'tools'"
        raise InvalidField(message, param="tool_choice.name")
    return ToolChoice("tool", param.name, parallel)
