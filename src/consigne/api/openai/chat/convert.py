"""Chat completion requests to the domain; a pure function of the body."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, assert_never

from consigne.api.limits import MAX_TOKENS
from consigne.api.openai import custom, extras, shared
from consigne.api.openai.chat.schemas import (
    AllowedChoice,
    AssistantParam,
    AudioPart,
    ChatBody,
    ChosenFunction,
    CustomCallParam,
    CustomChoice,
    CustomParam,
    FilePart,
    FunctionResultParam,
    ImagePart,
    JsonObjectFormat,
    JsonSchemaFormat,
    MessageParam,
    NamedChoice,
    RefusalPart,
    SystemParam,
    TextFormat,
    TextPart,
    ToolParam,
    UserParam,
    UserPart,
)
from consigne.api.openai.shared import refuse
from consigne.domain.messages import (
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    Message,
    OutputFormat,
    Request,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model

B = TypeVar("B", bound=ContentBlock)

_UNSERVED = {
    "audio": "Models here do not speak.",
    "moderation": "There is no moderation here.",
}


def to_request(body: ChatBody, model: Model) -> Request:
    """Return the request that ``body`` asks of ``model``.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    _refuse_unserved(body)
    system, messages = _conversation(body.messages)
    tools, tool_choice = _tools(body)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    return Request(
        model=model.id,
        messages=messages,
        system=(*system, *shared.verbosity(body.verbosity)),
        tools=tools,
        tool_choice=tool_choice,
        output=_output(body),
        sampling=extras.sampling(body),
        max_tokens=_max_tokens(body),
        stop=stop,
        logprobs=_logprobs(body),
        thinking=_thinking(body, model),
        effort=shared.effort(body.reasoning_effort),
        user=body.safety_identifier or body.user,
        whole=not body.stream,
    )


def _refuse_unserved(body: ChatBody) -> None:
    """Refuse by name what would change the answer and is not served here."""
    for name, reason in _UNSERVED.items():
        if getattr(body, name) is not None:
            refuse(name, reason, "unsupported")
    if body.functions is not None and body.tools is not None:
        refuse("functions", "it is the older form of 'tools': send one of the two")
    if body.modalities not in (None, ["text"]):
        refuse("modalities", "models here write text only")
    if body.stream_options is not None and not body.stream:
        refuse("stream_options", "it is only allowed when 'stream' is set")


def _max_tokens(body: ChatBody) -> int | None:
    if None not in (body.max_completion_tokens, body.max_tokens) and (
        body.max_completion_tokens != body.max_tokens
    ):
        refuse("max_tokens", "it is the older form of 'max_completion_tokens': send one of the two")
    wanted = body.max_completion_tokens or body.max_tokens
    return min(wanted, MAX_TOKENS) if wanted else None


def _thinking(body: ChatBody, model: Model) -> bool | None:
    arguments = body.chat_template_kwargs
    if arguments is not None:
        asked = (
            arguments.thinking if arguments.enable_thinking is None else arguments.enable_thinking
        )
        if asked and not model.capabilities.thinking:
            message = f"The model {model.id} can't reason; leave it out."
            refuse("chat_template_kwargs.enable_thinking", message, "unsupported")
        if asked is not None:
            return asked
    return shared.thinking(body.reasoning_effort, model, "reasoning_effort")


def _logprobs(body: ChatBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        refuse("top_logprobs", "it is only allowed when 'logprobs' is set")
    return None


def _output(body: ChatBody) -> OutputFormat:
    if (wanted := extras.guided(body)) is not None:
        return wanted
    match body.response_format:
        case None | TextFormat():
            return OutputFormat()
        case JsonObjectFormat():
            return OutputFormat("json_object")
        case JsonSchemaFormat(json_schema=named):
            return shared.schema_format(named.schema_ or {"type": "object"}, named.description)
        case _:
            assert_never(body.response_format)


def _tools(body: ChatBody) -> tuple[tuple[Tool, ...], ToolChoice]:
    if body.functions is not None or body.function_call is not None:
        return _functions(body)
    if not body.tools and body.tool_choice is None:
        return (), ToolChoice(parallel=body.parallel_tool_calls is not False)
    tools = shared.unique(_definitions(body))
    parallel = body.parallel_tool_calls is not False
    match body.tool_choice:
        case None:
            return shared.choose(tools, "auto", parallel=parallel)
        case str() as mode:
            return shared.choose(tools, mode, parallel=parallel)
        case NamedChoice(function=chosen):
            return shared.choose_named(tools, chosen.name, parallel=parallel)
        case CustomChoice(custom=chosen):
            return shared.choose_named(tools, chosen.name, parallel=parallel)
        case AllowedChoice(allowed_tools=allowed):
            names = [_chosen(tool).name for tool in allowed.tools]
            return shared.choose(tools, allowed.mode, names=names, parallel=parallel)
        case _:
            assert_never(body.tool_choice)


def _functions(body: ChatBody) -> tuple[tuple[Tool, ...], ToolChoice]:
    """Return the tools and their choice from the form before tools: one call an answer."""
    paths = ((f"functions.{i}", function) for i, function in enumerate(body.functions or ()))
    tools = shared.unique((f"{path}.name", shared.tool(f, path)) for path, f in paths)
    match body.function_call:
        case ChosenFunction(name=name) if name not in {tool.name for tool in tools}:
            return refuse("function_call", f"there is no function '{name[:100]}' in 'functions'")
        case ChosenFunction(name=name):
            return tools, ToolChoice("tool", name, parallel=False)
        case mode:
            return shared.choose(tools, mode or "auto", parallel=False)


def _definitions(body: ChatBody) -> Iterable[tuple[str, Tool]]:
    for i, definition in enumerate(body.tools or ()):
        kind, path = definition.type[:100], f"tools.{i}.{definition.type}"
        if kind not in ("function", "custom"):
            refuse(f"tools.{i}.type", f"tools of type '{kind}' are not available here")
        if kind == "function" and definition.function is not None:
            yield f"{path}.name", shared.tool(definition.function, path)
        elif kind == "custom" and definition.custom is not None:
            yield f"{path}.name", _custom(definition.custom, path)
        else:
            refuse(path, "Field required", "missing")


def _custom(definition: CustomParam, path: str) -> Tool:
    if not custom.is_run(definition.format):
        message = "Models here are held to no grammar: leave 'format' out, or make it a function."
        refuse(f"{path}.format", message, "unsupported")
    return custom.tool(definition.name, definition.description)


def _chosen(tool: NamedChoice | CustomChoice) -> ChosenFunction:
    return tool.function if isinstance(tool, NamedChoice) else tool.custom


def _conversation(
    params: Sequence[MessageParam],
) -> tuple[tuple[TextBlock, ...], tuple[Message, ...]]:
    """Return the leading instructions and the turns."""
    system: list[TextBlock] = []
    turns: list[Message] = []
    for i, param in enumerate(params):
        path = f"messages.{i}"
        match param:
            case SystemParam() if not turns:
                system.extend(_named(param.name, _texts(param.content)))
            case SystemParam():
                turns.append(Message("system", tuple(_named(param.name, _texts(param.content)))))
            case UserParam(content=str() as text, name=None):  # nearly all are
                turns.append(Message("user", (TextBlock(text),)))
            case UserParam():
                turns.append(Message("user", tuple(_named(param.name, tuple(_user(param, path))))))
            case AssistantParam():
                turns.append(Message("assistant", tuple(_assistant(param, path))))
            case FunctionResultParam():
                _append_result(
                    turns, ToolResultBlock(_called(turns, path), _texts(param.content or ""))
                )
            case ToolParam():
                _append_result(turns, ToolResultBlock(param.tool_call_id, _texts(param.content)))
            case _:
                assert_never(param)
    if not turns:
        turns.append(Message("user", tuple(system)))
        system.clear()
    return tuple(system), tuple(turns)


def _called(turns: Sequence[Message], path: str) -> str:
    """Return the id of the call that the last turn makes in the form before tools."""
    last = turns[-1].content[-1] if turns and turns[-1].content else None
    if not isinstance(last, ToolUseBlock):
        refuse(path, "a function's result must follow the answer that calls it")
    return last.id


def _append_result(turns: list[Message], result: ToolResultBlock) -> None:
    """Put the results of one answer's calls into one turn."""
    if turns[-1:] and turns[-1].content and isinstance(turns[-1].content[-1], ToolResultBlock):
        turns[-1] = Message("user", (*turns[-1].content, result))
    else:
        turns.append(Message("user", (result,)))


def _texts(content: str | Sequence[TextPart]) -> tuple[TextBlock, ...]:
    if isinstance(content, str):
        return (TextBlock(content),)
    return tuple(TextBlock(part.text) for part in content)


def _named(name: str | None, content: Sequence[B]) -> Iterable[B | TextBlock]:
    """Yield what somebody says, after who it is where that is told."""
    match content:
        case [TextBlock(text=text), *rest] if name:
            yield TextBlock(f"{name}: {text}")
            yield from rest
        case _:
            if name:
                yield TextBlock(f"{name}:")
            yield from content


def _user(param: UserParam, path: str) -> Iterable[ContentBlock]:
    if isinstance(param.content, str):
        yield TextBlock(param.content)
        return
    for j, part in enumerate(param.content):
        yield _part(part, f"{path}.content.{j}")


def _part(part: UserPart, path: str) -> TextBlock | ImageBlock | DocumentBlock:
    match part:
        case TextPart():
            return TextBlock(part.text)
        case ImagePart():
            picture = part.image_url
            return shared.image(picture.url, f"{path}.image_url.url", picture.detail)
        case FilePart(file=file):
            return shared.document(file, None, f"{path}.file")
        case AudioPart():
            return refuse(path, "models here do not listen")
        case _:
            assert_never(part)


def _assistant(param: AssistantParam, path: str) -> Iterable[ContentBlock]:
    if param.audio:
        refuse(f"{path}.audio", "Models here do not listen.", "unsupported")
    if param.reasoning_content:
        yield ThinkingBlock(param.reasoning_content)
    if isinstance(param.content, str):
        yield TextBlock(param.content)
    for part in param.content if isinstance(param.content, list) else ():
        yield TextBlock(part.refusal if isinstance(part, RefusalPart) else part.text)
    if param.refusal:
        yield TextBlock(param.refusal)
    for j, call in enumerate(param.tool_calls or ()):
        if isinstance(call, CustomCallParam):
            yield ToolUseBlock(call.id, call.custom.name, custom.arguments(call.custom.input))
            continue
        where = f"{path}.tool_calls.{j}.function.arguments"
        called = call.function
        yield ToolUseBlock(call.id, called.name, shared.arguments(called.arguments, where))
    if param.function_call is not None:
        called, where = param.function_call, f"{path}.function_call.arguments"
        yield ToolUseBlock(
            f"call_{path.rpartition('.')[2]}",
            called.name,
            shared.arguments(called.arguments, where),
        )
