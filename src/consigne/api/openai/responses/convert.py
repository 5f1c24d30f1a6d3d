"""Responses requests to the domain; a pure function of the body."""

from collections.abc import Iterable, Sequence
from typing import assert_never

import msgspec

from consigne.api.limits import MAX_TOKENS
from consigne.api.openai import shared
from consigne.api.openai.responses.schemas import (
    FunctionCallItem,
    FunctionOutputItem,
    InputFile,
    InputImage,
    InputRefusal,
    InputText,
    Item,
    JsonObjectFormat,
    JsonSchemaFormat,
    MessageItem,
    Part,
    ReasoningItem,
    ResponsesBody,
    TextFormat,
    ToolChoiceItem,
    ToolItem,
)
from consigne.api.openai.shared import FunctionParam, refuse
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Message,
    OutputFormat,
    Request,
    Sampling,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model

_UNSERVED = {
    "background": "Ask for the answer itself, or a stream of it.",
    "conversation": "Conversations are not kept here; send the whole of it as 'input'.",
    "moderation": "There is no moderation here.",
    "previous_response_id": "Responses are not kept; send the whole conversation as 'input'.",
    "prompt": "Prompt templates are not kept here; send 'instructions' and 'input'.",
}

_OPTIONAL_TOOLS = ("web_search", "web_search_preview")
"""Tools that the service runs and agents offer by default: left out, and not echoed."""


class Called(msgspec.Struct, frozen=True):
    """How clients know a function: those of a namespace have a joined name inside."""

    name: str
    namespace: str | None = None


def joined(name: str, namespace: str | None) -> str:
    """Return the name that the model knows a function by."""
    return f"{namespace}__{name}" if namespace else name


def to_request(body: ResponsesBody, model: Model) -> Request:
    """Return the request that ``body`` asks of ``model``.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    for name, reason in _UNSERVED.items():
        if getattr(body, name):
            refuse(name, reason, "unsupported")
    system, messages = _conversation(body)
    tools, tool_choice = _tools(body)
    effort = body.reasoning.effort if body.reasoning else None
    return Request(
        model=model.id,
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=tool_choice,
        output=_output(body),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_tokens=min(body.max_output_tokens, MAX_TOKENS) if body.max_output_tokens else None,
        logprobs=_logprobs(body),
        thinking=shared.thinking(effort, model, "reasoning.effort"),
        effort=shared.effort(effort),
        user=body.safety_identifier or body.user,
        whole=not body.stream,
    )


def served_tools(body: ResponsesBody) -> list[ToolItem]:
    """Return the tools that are used; those left out are missing."""
    return [tool for tool in body.tools or () if tool.type not in _OPTIONAL_TOOLS]


def names(body: ResponsesBody) -> dict[str, Called]:
    """Return how clients know each function, by the name that the model knows it by."""
    return {
        joined(inner.name, item.name): Called(inner.name, item.name)
        for item in served_tools(body)
        if item.type == "namespace"
        for inner in item.tools or ()
    }


def _logprobs(body: ResponsesBody) -> int | None:
    asked = "message.output_text.logprobs" in (body.include or ())
    return (body.top_logprobs or 0) if asked or body.top_logprobs else None


def _output(body: ResponsesBody) -> OutputFormat:
    if body.text is None:
        return OutputFormat()
    shared.check_verbosity(body.text.verbosity, "text.verbosity")
    match body.text.format:
        case None | TextFormat():
            return OutputFormat()
        case JsonObjectFormat():
            return OutputFormat("json_object")
        case JsonSchemaFormat():
            return OutputFormat("json_schema", body.text.format.schema_)
        case _:
            assert_never(body.text.format)


def _tools(body: ResponsesBody) -> tuple[tuple[Tool, ...], ToolChoice]:
    tools = shared.unique(_definitions(body))
    parallel = body.parallel_tool_calls is not False
    match body.tool_choice:
        case None:
            return shared.choose(tools, "auto", parallel=parallel)
        case str() as mode:
            return shared.choose(tools, mode, parallel=parallel)
        case ToolChoiceItem(type="function", name=str() as name):
            return shared.choose_named(tools, name, parallel=parallel)
        case ToolChoiceItem(type="allowed_tools") as allowed:
            chosen = [tool.name or tool.type for tool in allowed.tools or ()]
            return shared.choose(tools, allowed.mode, names=chosen, parallel=parallel)
        case ToolChoiceItem(type=kind):
            return refuse("tool_choice", f"'{kind[:100]}' can't be chosen here")
        case _:
            assert_never(body.tool_choice)


def _definitions(body: ResponsesBody) -> Iterable[tuple[str, Tool]]:
    for i, item in enumerate(body.tools or ()):
        path = f"tools.{i}"
        if item.type in _OPTIONAL_TOOLS:
            continue
        if item.type not in ("function", "namespace"):
            refuse(f"{path}.type", f"tools of type '{item.type[:100]}' are not available here")
        if item.name is None:
            refuse(f"{path}.name", "Field required", "missing")
        if item.type == "function":
            function = FunctionParam(
                name=item.name, description=item.description, parameters=item.parameters
            )
            yield f"{path}.name", shared.tool(function, path)
        else:
            yield from _namespace(item, item.name, path)


def _namespace(item: ToolItem, namespace: str, path: str) -> Iterable[tuple[str, Tool]]:
    for j, inner in enumerate(item.tools or ()):
        where = f"{path}.tools.{j}"
        if inner.type != "function":
            refuse(f"{where}.type", f"tools of type '{inner.type[:100]}' are not available here")
        function = FunctionParam(
            name=inner.name, description=inner.description, parameters=inner.parameters
        )
        tool = shared.tool(function, where)
        yield f"{where}.name", msgspec.structs.replace(tool, name=joined(inner.name, namespace))


def _conversation(body: ResponsesBody) -> tuple[tuple[TextBlock, ...], tuple[Message, ...]]:
    """Return the instructions and the turns; an answer's items are one turn again."""
    system = [TextBlock(body.instructions)] if body.instructions else []
    if isinstance(body.input, str):
        return tuple(system), (Message("user", (TextBlock(body.input),)),)
    turns: list[Message] = []
    for i, item in enumerate(body.input):
        turn = _turn(item, f"input.{i}")
        if turn.role == "system" and not turns:
            system.extend(block for block in turn.content if isinstance(block, TextBlock))
        elif turns and _continues(turns[-1], turn):
            turns[-1] = Message(turn.role, turns[-1].content + turn.content)
        else:
            turns.append(turn)
    if not turns:
        turns.append(Message("user", tuple(system)))
        system.clear()
    return tuple(system), tuple(turns)


def _continues(before: Message, turn: Message) -> bool:
    """Say whether two neighbours are parts of one turn."""
    if before.role != turn.role:
        return False
    return turn.role == "assistant" or all(
        message.content and isinstance(message.content[-1], ToolResultBlock)
        for message in (before, turn)
    )


def _turn(item: Item, path: str) -> Message:
    match item:
        case MessageItem():
            role = "system" if item.role == "developer" else item.role
            content = tuple(_parts(item.content, f"{path}.content"))
            if role == "system" and not all(isinstance(block, TextBlock) for block in content):
                refuse(f"{path}.content", "instructions hold text only")
            return Message(role, content)
        case FunctionCallItem():
            found = shared.arguments(item.arguments, f"{path}.arguments")
            name = joined(item.name, item.namespace)
            return Message("assistant", (ToolUseBlock(item.call_id, name, found),))
        case FunctionOutputItem():
            output = tuple(_parts(item.output, f"{path}.output"))
            return Message("user", (ToolResultBlock(item.call_id, output),))
        case ReasoningItem():
            thoughts: Sequence[ContentBlock] = [ThinkingBlock(p.text) for p in item.content or ()]
            return Message("assistant", tuple(thoughts))
        case _:
            assert_never(item)


def _parts(
    content: str | Sequence[Part], path: str
) -> Iterable[TextBlock | ImageBlock | DocumentBlock]:
    if isinstance(content, str):
        yield TextBlock(content)
        return
    for j, part in enumerate(content):
        match part:
            case InputText():
                yield TextBlock(part.text)
            case InputRefusal():
                yield TextBlock(part.refusal)
            case InputImage(image_url=str() as url):
                yield shared.image(url, f"{path}.{j}.image_url")
            case InputImage():
                refuse(f"{path}.{j}", "files can't be uploaded here; send 'image_url'")
            case InputFile():
                where = f"{path}.{j}"
                yield shared.document(part.file_data, part.file_url, part.filename, where)
            case _:
                assert_never(part)
