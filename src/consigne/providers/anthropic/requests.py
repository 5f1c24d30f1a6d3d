"""Domain requests as bodies of ``POST /v1/messages``; pure functions."""

import base64
from collections.abc import Iterable
from typing import Any, assert_never

from consigne.domain.messages import (
    CacheMarks,
    ContentBlock,
    DocumentBlock,
    Effort,
    ImageBlock,
    Request,
    TextBlock,
    ThinkingBlock,
    Tool,
    ToolChoice,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.providers.base import Deployment, refuse

MAX_OUTPUT = 8192
"""The limit on an answer where neither the request nor the operator sets one; the API wants one."""
_HOTTEST = 1.0
_HARMLESS: dict[str, tuple[object, ...]] = {
    "seed": (None,),
    "min_p": (None, 0.0),
    "frequency_penalty": (None, 0.0),
    "presence_penalty": (None, 0.0),
    "repetition_penalty": (None, 1.0),
    "logit_bias": ((),),
}
"""Parameters that the API does not have, and values that change nothing."""


def body(request: Request, deployment: Deployment) -> dict[str, Any]:
    """Return the body that asks for what ``request`` asks.

    Raises:
        Unsupported: The API has no word for something that would change the answer.
    """
    wire = prompt(request, deployment)
    if request.logprobs is not None:
        raise refuse(deployment, "logprobs", "gives no log-probabilities")
    wire["max_tokens"] = _max_tokens(request, deployment)
    wire |= _sampling(request, deployment)
    if not request.whole:
        wire["stream"] = True
    if request.stop:
        wire["stop_sequences"] = list(request.stop)
    if request.user is not None:
        wire["metadata"] = {"user_id": request.user}
    return wire


def prompt(request: Request, deployment: Deployment) -> dict[str, Any]:
    """Return what makes the prompt: the body that asks for its count of tokens.

    Raises:
        Unsupported: The API has no word for something that would change the answer.
    """
    if request.raw_prompt is not None:
        raise refuse(deployment, "prompt", "is asked for conversations only")
    wire: dict[str, Any] = {
        "model": deployment.upstream,
        "messages": list(_messages(request, deployment)),
    }
    if request.system:
        wire["system"] = [{"type": "text", "text": block.text} for block in request.system]
    if request.tools:
        wire["tools"] = [_tool(tool) for tool in request.tools]
    if request.cache is not None:
        _mark(wire, request.cache)
    elif deployment.prompt_cache:
        wire["cache_control"] = {"type": "ephemeral"}
    if request.tools and (choice := _tool_choice(request.tool_choice)):
        wire["tool_choice"] = choice
    if deployment.model.capabilities.thinking and (thinking := _thinking(request)):
        wire["thinking"] = thinking
    if config := _output_config(request, deployment):
        wire["output_config"] = config
    return wire


def _mark(wire: dict[str, Any], marks: CacheMarks) -> None:
    """Mark up to where the prompt is to be kept: the API takes four marks, of one lifetime here."""
    mark = {"cache_control": {"type": "ephemeral"}}
    if marks.ttl != "5m":
        mark["cache_control"]["ttl"] = marks.ttl
    tools = [each for each in wire.get("tools", ()) if each["name"] in marks.tools]
    system = [each for each in wire.get("system", ()) if each["text"] in marks.system]
    for each in (*tools[-1:], *system[-2:]):
        each.update(mark)
    if marks.conversation:
        wire.update(mark)


def _max_tokens(request: Request, deployment: Deployment) -> int:
    most = deployment.max_output or deployment.model.context
    if request.max_tokens is None:
        return deployment.max_output or min(MAX_OUTPUT, most)
    return min(request.max_tokens, most)


def _sampling(request: Request, deployment: Deployment) -> dict[str, Any]:
    given = request.sampling
    for name, harmless in _HARMLESS.items():
        if getattr(given, name) not in harmless:
            raise refuse(deployment, name, "has no such parameter")
    if given.temperature is not None and given.temperature > _HOTTEST:
        raise refuse(deployment, "temperature", "takes temperatures from 0 to 1")
    wanted = {"temperature": given.temperature, "top_p": given.top_p, "top_k": given.top_k}
    return {name: value for name, value in wanted.items() if value is not None}


def _thinking(request: Request) -> dict[str, Any] | None:
    match request.thinking:
        case None:
            return None
        case False:
            return {"type": "disabled"}
        case True if request.thinking_tokens is not None:
            return {"type": "enabled", "budget_tokens": request.thinking_tokens}
        case _:
            return {"type": "adaptive"}


def _output_config(request: Request, deployment: Deployment) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if request.effort is not None and deployment.model.capabilities.thinking:
        wire["effort"] = _effort(request.effort)
    match request.output.kind:
        case "text":
            pass
        case "json_object":
            raise refuse(deployment, "response_format", "wants a schema for JSON answers")
        case "json_schema":
            wire["format"] = {"type": "json_schema", "schema": request.output.schema}
        case _:
            assert_never(request.output.kind)
    return wire


def _effort(effort: Effort) -> str:
    return "low" if effort == "minimal" else effort


def _tool(tool: Tool) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": tool.name, "input_schema": tool.input_schema}
    if tool.description:
        wire["description"] = tool.description
    if tool.strict:
        wire["strict"] = True
    return wire


def _tool_choice(choice: ToolChoice) -> dict[str, Any] | None:
    if choice.kind == "auto" and choice.parallel:
        return None
    wire: dict[str, Any] = {"type": choice.kind}
    if choice.kind == "tool":
        wire["name"] = choice.name
    if not choice.parallel and choice.kind != "none":
        wire["disable_parallel_tool_use"] = True
    return wire


def _messages(request: Request, deployment: Deployment) -> Iterable[dict[str, Any]]:
    for message in request.messages:
        # Thinking that its author has not signed is none of this API's models; they'd refuse it.
        content = [
            _block(block, deployment)
            for block in message.content
            if not isinstance(block, ThinkingBlock) or block.signature or block.redacted
        ]
        if content or not message.content:
            yield {"role": message.role, "content": content}


def _block(block: ContentBlock, deployment: Deployment) -> dict[str, Any]:
    match block:
        case TextBlock():
            return {"type": "text", "text": block.text}
        case ImageBlock():
            return {"type": "image", "source": _source(block, deployment, "image")}
        case DocumentBlock():
            wire = {"type": "document", "source": _document(block, deployment)}
            return wire | {"title": block.title} if block.title is not None else wire
        case ThinkingBlock(redacted=data) if data:
            return {"type": "redacted_thinking", "data": data}
        case ThinkingBlock():
            return {
                "type": "thinking",
                "thinking": block.thinking,
                "signature": block.signature,
            }
        case ToolUseBlock():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input}
        case ToolResultBlock():
            result: dict[str, Any] = {
                "type": "tool_result",
                "tool_use_id": block.tool_use_id,
                "content": [_block(inner, deployment) for inner in block.content],
            }
            return result | {"is_error": True} if block.is_error else result
        case _:
            assert_never(block)


def _source(block: ImageBlock | DocumentBlock, deployment: Deployment, kind: str) -> dict[str, str]:
    if block.url is not None:
        return {"type": "url", "url": block.url}
    if block.media_type is None:
        raise refuse(deployment, kind, "wants the media type of what is sent")
    data = base64.b64encode(block.data or b"").decode()
    return {"type": "base64", "media_type": block.media_type, "data": data}


def _document(block: DocumentBlock, deployment: Deployment) -> dict[str, str]:
    if block.media_type != "text/plain" or block.data is None:
        return _source(block, deployment, "document")
    try:
        text = block.data.decode()
    except UnicodeDecodeError:
        raise refuse(deployment, "document", "takes plain text in UTF-8") from None
    return {"type": "text", "media_type": "text/plain", "data": text}
