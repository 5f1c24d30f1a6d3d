"""The tools of a Responses request: functions, custom tools, namespaces of both, and pictures."""

from collections.abc import Iterable
from typing import assert_never

import msgspec

from consigne.api import picture_calls, search_calls
from consigne.api.openai import custom, shared
from consigne.api.openai.responses import pictures, searches
from consigne.api.openai.responses.schemas import ContextBody
from consigne.api.openai.responses.tool_schemas import (
    AllowedTool,
    ImageToolItem,
    McpToolItem,
    NamespacedFunction,
    SearchToolItem,
    ToolChoiceItem,
    ToolItem,
)
from consigne.api.openai.shared import FunctionParam, refuse
from consigne.domain.messages import Tool, ToolChoice

_RUN = (
    "function",
    "namespace",
    "image_generation",
    "web_search",
    "web_search_2025_08_26",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "mcp",
)
_LEFT_OUT = frozenset(
    {
        "apply_patch",
        "code_interpreter",
        "computer",
        "computer_use",
        "computer_use_preview",
        "file_search",
        "local_shell",
        "programmatic_tool_calling",
        "shell",
        "tool_search",
    }
)
"""Tools that are not run here. The model is not told of them, and they are not echoed.

So are custom tools whose input has a grammar, which can't be held to."""


class Called(msgspec.Struct, frozen=True):
    """How clients know a function: those of a namespace have a joined name inside."""

    name: str
    namespace: str | None = None
    custom: bool = False


def joined(name: str, namespace: str | None) -> str:
    """Return the name that the model knows a function by."""
    return f"{namespace}__{name}" if namespace else name


def served(body: ContextBody) -> list[ToolItem]:
    """Return the tools that are used; those left out are missing."""
    return [tool for tool in body.tools or () if tool.type in _RUN or _is_custom(tool)]


def _is_custom(tool: ToolItem | NamespacedFunction) -> bool:
    return tool.type == "custom" and custom.is_run(tool.format)


def names(body: ContextBody) -> dict[str, Called]:
    """Return how clients know each tool, by the name that the model knows it by."""
    found = {}
    for item in served(body):
        if item.type == "custom" and item.name is not None:
            found[item.name] = Called(item.name, custom=True)
        for inner in (item.tools or ()) if item.type == "namespace" else ():
            if inner.name is not None:
                called = Called(inner.name, item.name, custom=inner.type == "custom")
                found[joined(inner.name, item.name)] = called
    return found


def chosen(body: ContextBody) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Return the tools that may be called, and how.

    Raises:
        InvalidField: A definition is wrong, or one must be called that is not run here.
    """
    tools = shared.unique(_definitions(body))
    parallel = body.parallel_tool_calls is not False
    match body.tool_choice:
        case None:
            return shared.choose(tools, "auto", parallel=parallel)
        case "required" if any(isinstance(item, McpToolItem) for item in body.tools or ()):
            return tools, ToolChoice("any", parallel=parallel)
        case str() as mode:
            return shared.choose(tools, mode, parallel=parallel)
        case ToolChoiceItem(type="function" | "custom", name=str() as name):
            return shared.choose_named(tools, name, parallel=parallel)
        case ToolChoiceItem(type="image_generation"):
            return shared.choose_named(tools, picture_calls.NAME, parallel=parallel)
        case ToolChoiceItem(type=kind) if kind.startswith(search_calls.NAME):
            return shared.choose_named(tools, search_calls.NAME, parallel=parallel)
        case ToolChoiceItem(type="allowed_tools") as allowed:
            wanted = [_chosen(tool) for tool in allowed.tools or ()]
            return shared.choose(tools, allowed.mode, names=wanted, parallel=parallel)
        case ToolChoiceItem(type=kind):
            return refuse("tool_choice", f"'{kind[:100]}' can't be chosen here")
        case _:
            assert_never(body.tool_choice)


def _definitions(body: ContextBody) -> Iterable[tuple[str, Tool]]:
    for i, item in enumerate(body.tools or ()):
        path = f"tools.{i}"
        if item.type in _LEFT_OUT or (item.type == "custom" and not _is_custom(item)):
            continue
        if item.type not in _RUN and item.type != "custom":
            refuse(f"{path}.type", f"there are no tools of type '{item.type[:100]}'")
        if isinstance(item, ImageToolItem):
            yield path, picture_calls.tool(pictures.wish(item, "", path, streams=False))
            continue
        if isinstance(item, McpToolItem):
            continue  # what tools its server has is asked of that
        if isinstance(item, SearchToolItem):
            yield path, search_calls.tool(searches.wish(item))
            continue
        if item.name is None:
            refuse(f"{path}.name", "Field required", "missing")
        if item.type == "function":
            yield f"{path}.name", shared.tool(_function(item, item.name), path)
        elif item.type == "custom":
            yield f"{path}.name", custom.tool(item.name, item.description)
        else:
            yield from _namespace(item, item.name, path)


def _chosen(tool: AllowedTool) -> str:
    searches_web = tool.type.startswith(search_calls.NAME)
    return search_calls.NAME if searches_web else tool.name or tool.type


def _function(item: ToolItem | NamespacedFunction, name: str) -> FunctionParam:
    return FunctionParam(
        name=name,
        description=item.description,
        parameters=item.parameters,
        strict=item.strict,
    )


def _namespace(item: ToolItem, namespace: str, path: str) -> Iterable[tuple[str, Tool]]:
    about = f"{namespace}: {item.description}" if item.description else ""
    for j, inner in enumerate(item.tools or ()):
        where = f"{path}.tools.{j}"
        if inner.type in _LEFT_OUT or (inner.type == "custom" and not _is_custom(inner)):
            continue
        if inner.type not in ("function", "custom"):
            refuse(f"{where}.type", f"there are no tools of type '{inner.type[:100]}'")
        if inner.name is None:
            refuse(f"{where}.name", "Field required", "missing")
        if inner.type == "custom":
            tool = custom.tool(inner.name, inner.description)
        else:
            tool = shared.tool(_function(inner, inner.name), where)
        told = "\n\n".join(part for part in (about, tool.description) if part)
        about = ""  # the first of its tools tells what a namespace is
        named = joined(inner.name, namespace)
        yield f"{where}.name", msgspec.structs.replace(tool, name=named, description=told)
