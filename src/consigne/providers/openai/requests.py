"""Domain requests as bodies of ``POST /chat/completions``; pure functions."""

import base64
from collections.abc import Iterable
from typing import Any, assert_never

import msgspec

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
from consigne.providers.base import Deployment, refuse

_EFFORT_BY_BUDGET = ((4096, "low"), (16_384, "medium"))
"""Thinking is bounded in tokens in one dialect and by effort in the other; so they correspond."""


def body(request: Request, deployment: Deployment, dialect: "Dialect") -> dict[str, Any]:
    """Return the body that asks for what ``request`` asks.

    Raises:
        Unsupported: The API has no word for something that would change the answer.
    """
    if request.raw_prompt is not None:
        raise refuse(deployment, "prompt", "is asked for conversations only")
    wire: dict[str, Any] = {
        "model": deployment.upstream,
        "messages": list(_messages(request, deployment, dialect)),
        **_sampling(request, deployment, dialect),
    }
    if not request.whole:
        wire |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.max_tokens is not None:
        room = deployment.max_output or deployment.model.context
        wire[dialect.max_tokens_field] = min(request.max_tokens, room)
    if request.stop:
        wire["stop"] = list(request.stop)
    if request.tools:
        wire |= _tools(request.tools, request.tool_choice)
    if request.output.kind != "text":
        wire["response_format"] = _output(request.output)
    if request.logprobs is not None:
        wire |= {"logprobs": True, "top_logprobs": request.logprobs}
    if deployment.model.capabilities.thinking:
        wire |= _effort(request)
    if request.user is not None:
        wire["user"] = request.user
    return wire


class Dialect(msgspec.Struct, frozen=True):
    """How one server's words differ from OpenAI's own."""

    max_tokens_field: str = "max_completion_tokens"
    extensions: frozenset[str] = frozenset()


def _sampling(request: Request, deployment: Deployment, dialect: Dialect) -> dict[str, Any]:
    given = request.sampling
    wire: dict[str, Any] = {}
    for name in ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"):
        if (value := getattr(given, name)) is not None:
            wire[name] = value
    if given.logit_bias:
        # The API's own type is a whole number; other servers take fractions.
        biases = {token: int(b) if b.is_integer() else b for token, b in given.logit_bias}
        wire["logit_bias"] = biases
    for name, harmless in (("top_k", 0), ("min_p", 0.0), ("repetition_penalty", 1.0)):
        value = getattr(given, name)
        if value is None or value == harmless:
            continue
        if name not in dialect.extensions:
            raise refuse(deployment, name, "has no such parameter")
        wire[name] = value
    return wire


def _effort(request: Request) -> dict[str, str]:
    if request.thinking is False:
        return {"reasoning_effort": "none"}
    if request.effort is not None:
        return {"reasoning_effort": request.effort}
    if request.thinking_tokens is None:
        return {"reasoning_effort": "medium"} if request.thinking else {}
    bounds = (effort for most, effort in _EFFORT_BY_BUDGET if request.thinking_tokens <= most)
    return {"reasoning_effort": next(bounds, "high")}


def _output(output: OutputFormat) -> dict[str, Any]:
    if output.kind == "json_object":
        return {"type": "json_object"}
    schema = {"name": "answer", "schema": output.schema, "strict": True}
    return {"type": "json_schema", "json_schema": schema}


def _tools(tools: tuple[Tool, ...], choice: ToolChoice) -> dict[str, Any]:
    wire: dict[str, Any] = {"tools": [{"type": "function", "function": _tool(t)} for t in tools]}
    match choice.kind:
        case "auto":
            pass
        case "any":
            wire["tool_choice"] = "required"
        case "none":
            wire["tool_choice"] = "none"
        case "tool":
            wire["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        case _:
            assert_never(choice.kind)
    if not choice.parallel:
        wire["parallel_tool_calls"] = False
    return wire


def _tool(tool: Tool) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description:
        wire["description"] = tool.description
    if tool.strict:
        wire["strict"] = True
    return wire


def _messages(
    request: Request, deployment: Deployment, dialect: Dialect
) -> Iterable[dict[str, Any]]:
    if request.system:
        yield {"role": "system", "content": _content(map(_text, request.system))}
    for message in request.messages:
        match message.role:
            case "system":
                yield {"role": "system", "content": _content(_parts(message.content, deployment))}
            case "user":
                yield from _user(message, deployment)
            case "assistant":
                yield from _assistant(message, dialect)
            case _:
                assert_never(message.role)


def _text(block: TextBlock) -> dict[str, Any]:
    return {"type": "text", "text": block.text}


def _content(parts: Iterable[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return a single text as such, which every server reads, and else the parts."""
    found = list(parts)
    if not found:
        return ""
    if len(found) == 1 and found[0]["type"] == "text":
        text: str = found[0]["text"]
        return text
    return found


def _user(message: Message, deployment: Deployment) -> Iterable[dict[str, Any]]:
    """Results of tools are messages of their own, before what the user says."""
    match message.content:
        case (TextBlock(text=text),):  # nearly all are
            yield {"role": "user", "content": text}
            return
        case _:
            pass
    spoken: list[ContentBlock] = []
    for block in message.content:
        if isinstance(block, ToolResultBlock):
            yield _result(block, deployment)
        else:
            spoken.append(block)
    if spoken or not message.content:
        yield {"role": "user", "content": _content(_parts(spoken, deployment))}


def _result(block: ToolResultBlock, deployment: Deployment) -> dict[str, Any]:
    texts: list[TextBlock] = []
    for inner in block.content:
        if not isinstance(inner, TextBlock):
            kind = "images" if isinstance(inner, ImageBlock) else "documents"
            raise refuse(deployment, "tool_result.content", f"takes no {kind} from tools")
        texts.append(inner)
    if block.is_error:
        # The API has no mark for it; this is how the engines here tell a model, too.
        head = TextBlock("Error: " + (texts[0].text if texts else ""))
        texts = [head, *texts[1:]]
    content = _content(map(_text, texts))
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": content}


def _parts(blocks: Iterable[ContentBlock], deployment: Deployment) -> Iterable[dict[str, Any]]:
    for block in blocks:
        match block:
            case TextBlock():
                yield _text(block)
            case ImageBlock():
                shown = {"url": _image(block, deployment)}
                shown |= {"detail": block.detail} if block.detail else {}
                yield {"type": "image_url", "image_url": shown}
            case DocumentBlock():
                yield {"type": "file", "file": _file(block, deployment)}
            case _:
                raise refuse(deployment, "messages", f"takes no {type(block).__name__} there")


def _image(block: ImageBlock, deployment: Deployment) -> str:
    if block.url is not None:
        return block.url
    if block.media_type is None:
        raise refuse(deployment, "image", "wants each picture's media type")
    return _data_url(block.media_type, block.data or b"")


def _file(block: DocumentBlock, deployment: Deployment) -> dict[str, str]:
    if block.data is None or block.media_type is None:
        raise refuse(deployment, "document", "takes a document's content only, no address of it")
    return {
        "filename": block.title or "document",
        "file_data": _data_url(block.media_type, block.data),
    }


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _assistant(message: Message, dialect: Dialect) -> Iterable[dict[str, Any]]:
    """Yield an earlier answer, if it has anything that the server reads."""
    texts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for block in message.content:
        match block:
            case TextBlock():
                texts.append(_text(block))
            case ToolUseBlock():
                arguments = msgspec.json.encode(block.input).decode()
                function = {"name": block.name, "arguments": arguments}
                calls.append({"id": block.id, "type": "function", "function": function})
            case ThinkingBlock():
                thoughts += [block.thinking] if block.thinking else []
            case ImageBlock() | DocumentBlock() | ToolResultBlock():
                raise TypeError(f"an answer holds no {type(block).__name__}")
            case _:
                assert_never(block)
    # Servers that don't read thinking leave that of earlier turns out, as models expect.
    reads = "reasoning_content" in dialect.extensions
    if not texts and not calls and not (thoughts and reads):
        return
    wire: dict[str, Any] = {"role": "assistant"}
    if texts or not calls:
        wire["content"] = _content(texts)
    if calls:
        wire["tool_calls"] = calls
    if thoughts and reads:
        wire["reasoning_content"] = "".join(thoughts)
    yield wire
