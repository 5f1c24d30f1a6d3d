"""Chat completion requests to the domain; a pure function of the body."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from consigne.api.limits import MAX_TOKENS
from consigne.api.openai import shared
from consigne.api.openai.chat.schemas import (
    AllowedChoice,
    AssistantParam,
    AudioPart,
    ChatBody,
    FilePart,
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
    "audio": "Models here do not speak.",
    "functions": "Use 'tools'.",
    "function_call": "Use 'tool_choice'.",
    "web_search_options": "Models here do not search the web.",
    "moderation": "There is no moderation here.",
    "logit_bias": "Single tokens can't be biased here.",
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
        system=system,
        tools=tools,
        tool_choice=tool_choice,
        output=_output(body),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            seed=body.seed,
            frequency_penalty=body.frequency_penalty,
            presence_penalty=body.presence_penalty,
        ),
        max_tokens=_max_tokens(body),
        stop=stop,
        logprobs=_logprobs(body),
        thinking=shared.thinking(body.reasoning_effort, model, "reasoning_effort"),
        effort=shared.effort(body.reasoning_effort),
        user=body.safety_identifier or body.user,
        whole=not body.stream,
    )


def _refuse_unserved(body: ChatBody) -> None:
    """Refuse by name what would change the answer and is not served here."""
    for name, reason in _UNSERVED.items():
        if getattr(body, name):
            refuse(name, reason, "unsupported")
    if body.modalities not in (None, ["text"]):
        refuse("modalities", "models here write text only")
    if body.stream_options is not None and not body.stream:
        refuse("stream_options", "it is only allowed when 'stream' is set")
    shared.check_verbosity(body.verbosity, "verbosity")


def _max_tokens(body: ChatBody) -> int | None:
    wanted = body.max_completion_tokens or body.max_tokens
    return min(wanted, MAX_TOKENS) if wanted else None


def _logprobs(body: ChatBody) -> int | None:
    if body.logprobs:
        return body.top_logprobs or 0
    if body.top_logprobs:
        refuse("top_logprobs", "it is only allowed when 'logprobs' is set")
    return None


def _output(body: ChatBody) -> OutputFormat:
    match body.response_format:
        case None | TextFormat():
            return OutputFormat()
        case JsonObjectFormat():
            return OutputFormat("json_object")
        case JsonSchemaFormat(json_schema=named):
            return OutputFormat("json_schema", named.schema_ or {"type": "object"})
        case _:
            assert_never(body.response_format)


def _tools(body: ChatBody) -> tuple[tuple[Tool, ...], ToolChoice]:
    tools = shared.unique(_definitions(body))
    parallel = body.parallel_tool_calls is not False
    match body.tool_choice:
        case None:
            return shared.choose(tools, "auto", parallel=parallel)
        case str() as mode:
            return shared.choose(tools, mode, parallel=parallel)
        case NamedChoice(function=chosen):
            return shared.choose_named(tools, chosen.name, parallel=parallel)
        case AllowedChoice(allowed_tools=allowed):
            names = [tool.function.name for tool in allowed.tools]
            return shared.choose(tools, allowed.mode, names=names, parallel=parallel)
        case _:
            assert_never(body.tool_choice)


def _definitions(body: ChatBody) -> Iterable[tuple[str, Tool]]:
    for i, definition in enumerate(body.tools or ()):
        if definition.type != "function":
            kind = definition.type[:100]
            refuse(f"tools.{i}.type", f"tools of type '{kind}' are not available here")
        if definition.function is None:
            refuse(f"tools.{i}.function", "Field required", "missing")
        yield f"tools.{i}.function.name", shared.tool(definition.function, f"tools.{i}.function")


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
                system.extend(_texts(param.content))
            case SystemParam():
                turns.append(Message("system", _texts(param.content)))
            case UserParam():
                turns.append(Message("user", tuple(_user(param, path))))
            case AssistantParam():
                turns.append(Message("assistant", tuple(_assistant(param, path))))
            case ToolParam():
                _append_result(turns, ToolResultBlock(param.tool_call_id, _texts(param.content)))
            case _:
                assert_never(param)
    if not turns:
        turns.append(Message("user", tuple(system)))
        system.clear()
    return tuple(system), tuple(turns)


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
            return shared.image(part.image_url.url, f"{path}.image_url.url")
        case FilePart(file=file):
            return shared.document(file.file_data, None, file.filename, f"{path}.file")
        case AudioPart():
            return refuse(path, "models here do not listen")
        case _:
            assert_never(part)


def _assistant(param: AssistantParam, path: str) -> Iterable[ContentBlock]:
    for name in ("audio", "function_call"):
        if getattr(param, name):
            refuse(f"{path}.{name}", "This can't be read here.", "unsupported")
    if param.reasoning_content:
        yield ThinkingBlock(param.reasoning_content)
    if isinstance(param.content, str):
        yield TextBlock(param.content)
    for part in param.content if isinstance(param.content, list) else ():
        yield TextBlock(part.refusal if isinstance(part, RefusalPart) else part.text)
    if param.refusal:
        yield TextBlock(param.refusal)
    for j, call in enumerate(param.tool_calls or ()):
        where = f"{path}.tool_calls.{j}.function.arguments"
        called = call.function
        yield ToolUseBlock(call.id, called.name, shared.arguments(called.arguments, where))
