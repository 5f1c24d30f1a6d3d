"""Anthropic requests to the domain; a pure function of the body."""

from collections.abc import Iterable, Sequence
from typing import NoReturn, assert_never

import msgspec

from consigne.api.anthropic import context, pictures, remote, searches
from consigne.api.anthropic.cache import marks_of
from consigne.api.anthropic.interleaved import parted
from consigne.api.anthropic.schemas import (
    Base64Source,
    Block,
    ContentSource,
    DocumentParam,
    FetchedParam,
    FetchResultParam,
    FileSource,
    ImageParam,
    ImageResultParam,
    McpResultParam,
    McpUseParam,
    MessageParam,
    MessagesBody,
    PlainTextSource,
    PromptBody,
    RedactedThinkingParam,
    SearchResultParam,
    SearchResultsParam,
    ServerToolUseParam,
    TextParam,
    ThinkingParam,
    ToolReferenceParam,
    ToolResultContent,
    ToolResultParam,
    ToolUseParam,
    UrlSource,
)
from consigne.api.anthropic.tools import tool_choice_of, tools_of
from consigne.api.anthropic.version import LATER
from consigne.api.errors import InvalidField, ThreadUnsupported
from consigne.api.files import from_base64
from consigne.api.limits import MAX_TOKENS
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
    ToolResultBlock,
    ToolUseBlock,
    document_text,
)
from consigne.domain.models import Model


def to_request(body: PromptBody, model: Model, version: str) -> Request:
    """Return the request that ``body`` asks of ``model``.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    _refuse_unserved(body)
    if version == LATER:
        _check_version(body)
    tools = tools_of(body.tools or ())
    request = Request(
        model=model.id,
        messages=_messages(body.messages),
        system=_system(body.system),
        tools=tools,
        tool_choice=tool_choice_of(body.tool_choice, tools, more=bool(body.mcp_servers)),
        output=_output(body),
        thinking=_thinking(body, model, version),
        thinking_tokens=body.thinking.budget_tokens if body.thinking else None,
        effort=body.output_config.effort if body.output_config else None,
        cache=marks_of(body),
    )
    return _with_limits(request, body) if isinstance(body, MessagesBody) else request


def _with_limits(request: Request, body: MessagesBody) -> Request:
    return msgspec.structs.replace(
        request,
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p, top_k=body.top_k or None),
        max_tokens=max(1, min(body.max_tokens, MAX_TOKENS)),
        stop=tuple(body.stop_sequences or ()),
        user=body.metadata.user_id if body.metadata else None,
        whole=not body.stream,
    )


def _refuse(param: str, message: str, kind: str = "value_error") -> NoReturn:
    raise InvalidField(message, param=param, kind=kind)


def _refuse_unserved(body: PromptBody) -> None:
    """Refuse by name what would change the answer and is not served here."""
    context.check(body.context_management)
    if body.output_config and body.output_config.task_budget:
        _refuse("output_config.task_budget", "Models here are not told of budgets; leave it out")
    if body.speed == "fast":
        _refuse("speed", "Models here run at one speed; leave it out")
    if not isinstance(body, MessagesBody):
        return
    if body.thread is not None:
        message = "Conversations are not held here: send all of it, without this field"
        raise ThreadUnsupported(message, param="thread")
    for name in ("container", "compaction", "fallback_credit_token", "billing_policy"):
        if getattr(body, name) is not None:
            _refuse(name, "This is not supported here")
    if body.fallbacks not in (None, "default", []):
        _refuse("fallbacks", "Other models are not tried from here; leave it out")
    if body.inference_geo not in (None, "global", "not_available"):
        _refuse("inference_geo", "The region can't be chosen here; models run where the service is")


def _check_version(body: PromptBody) -> None:
    for name in ("temperature", "top_p", "top_k"):
        if name in body.model_fields_set:
            _refuse(name, "Extra inputs are not permitted", "extra_forbidden")
    for i, message in enumerate(body.messages):
        for j, block in enumerate(message.content if isinstance(message.content, list) else ()):
            path = f"messages.{i}.content.{j}"
            match block:
                case DocumentParam() if message.role == "assistant":
                    _refuse(path, "Documents are not permitted in assistant messages")
                case TextParam(citations=[_, *_]) if message.role == "user":
                    _refuse(f"{path}.citations", "Citations are not permitted in user messages")
                case _:
                    pass


def _system(system: str | list[TextParam] | None) -> tuple[TextBlock, ...]:
    if isinstance(system, str):
        return (TextBlock(system),) if system else ()
    return tuple(TextBlock(block.text) for block in system or ())


def _messages(params: Sequence[MessageParam]) -> tuple[Message, ...]:
    """Convert the turns; neighbours of one role are one turn."""
    turns: list[Message] = []
    asked = max((i for i, param in enumerate(params) if param.role == "user"), default=-1)
    for i, param in enumerate(params):
        _check_turn(param, f"messages.{i}")
        if param.clear_at == "next_user_message" and i < asked:
            continue
        content = _content(param, f"messages.{i}.content")
        for turn in parted(Message(param.role, content)):
            if turns and turns[-1].role == turn.role:
                turns[-1] = Message(turn.role, turns[-1].content + turn.content)
            else:
                turns.append(turn)
    return tuple(turns)


def _check_turn(param: MessageParam, path: str) -> None:
    if param.output_config:
        _refuse(f"{path}.output_config", "Set it for the whole request: single turns have none")
    if param.clear_at is not None and param.role != "system":
        _refuse(f"{path}.clear_at", "Only system messages can be cleared")


def _content(param: MessageParam, path: str) -> tuple[ContentBlock, ...]:
    if not param.content and param.role != "assistant":
        _refuse(path, "Messages must have non-empty content")
    if isinstance(param.content, str):
        return (TextBlock(param.content),)
    blocks: list[ContentBlock] = []
    for j, block in enumerate(param.content):
        _check_role(block, param.role, f"{path}.{j}")
        blocks.extend(_block(block, f"{path}.{j}"))
    return tuple(blocks)


def _check_role(block: Block, role: str, path: str) -> None:
    match block:
        case (
            ToolUseParam()
            | ThinkingParam()
            | RedactedThinkingParam()
            | ServerToolUseParam()
            | ImageResultParam()
            | SearchResultsParam()
            | FetchResultParam()
            | McpUseParam()
            | McpResultParam()
        ) if role != "assistant":
            _refuse(path, f"'{block.type}' blocks can only be in assistant messages")
        case ToolResultParam() if role != "user":
            _refuse(path, "'tool_result' blocks can only be in user messages")
        case TextParam():
            pass
        case _ if role == "system":
            _refuse(path, "System messages hold text only")
        case _:
            pass


def _block(block: Block, path: str) -> Iterable[ContentBlock]:
    match block:
        case TextParam() | ImageParam() | DocumentParam() | SearchResultParam():
            yield from _readable(block, path)
        case ThinkingParam():
            yield ThinkingBlock(block.thinking, block.signature)
        case RedactedThinkingParam():
            yield ThinkingBlock("", redacted=block.data)
        case ToolUseParam():
            yield ToolUseBlock(block.id, block.name, block.input)
        case ToolResultParam():
            yield ToolResultBlock(block.tool_use_id, _result(block, path), block.is_error)
        case ServerToolUseParam():
            yield ToolUseBlock(block.id, block.name, block.input)
        case ImageResultParam():
            yield pictures.recalled(block)
        case SearchResultsParam():
            yield searches.recalled(block)
        case FetchResultParam():
            yield _page(block, path)
        case McpUseParam():
            yield remote.recalled_use(block)
        case McpResultParam():
            yield remote.recalled_result(block)
        case _:
            assert_never(block)


def _page(block: FetchResultParam, path: str) -> ToolResultBlock:
    """Return a page of an earlier answer as the model is told of it."""
    page = block.content
    if not isinstance(page, FetchedParam):
        said = TextBlock(f"The page was not read: {page.error_code}.")
        return ToolResultBlock(block.tool_use_id, (said,), is_error=True)
    content = (TextBlock(page.url), *_readable(page.content, f"{path}.content.content"))
    return ToolResultBlock(block.tool_use_id, content)


def _result(
    block: ToolResultParam, path: str
) -> tuple[TextBlock | ImageBlock | DocumentBlock, ...]:
    if isinstance(block.content, str):
        return (TextBlock(block.content),) if block.content else ()
    return tuple(
        inner
        for k, part in enumerate(block.content)
        for inner in _readable(part, f"{path}.content.{k}")
    )


def _readable(
    block: ToolResultContent, path: str
) -> Iterable[TextBlock | ImageBlock | DocumentBlock]:
    match block:
        case TextParam():
            yield TextBlock(block.text)
        case ImageParam():
            yield _image(block, f"{path}.source")
        case DocumentParam():
            yield from _document(block, f"{path}.source")
        case SearchResultParam(content=[_, *_]) if _cites(block):
            texts = tuple(part.text for part in block.content)
            yield DocumentBlock(title=block.title, cite=True, blocks=texts, source=block.source)
        case SearchResultParam():
            text = "\n".join(part.text for part in block.content)
            yield TextBlock(document_text(text, block.title, block.source))
        case ToolReferenceParam():
            yield TextBlock(f"The tool {block.tool_name} is available.")
        case _:
            assert_never(block)


def _cites(block: DocumentParam | SearchResultParam) -> bool:
    return block.citations is not None and block.citations.enabled


def _image(block: ImageParam, path: str) -> ImageBlock:
    if block.transformations:
        where = f"{path.removesuffix('.source')}.transformations"
        _refuse(where, "Pictures are shown to models as they are; leave it out")
    match block.source:
        case Base64Source(media_type=media_type, data=encoded):
            return ImageBlock(media_type=media_type, data=from_base64(encoded, f"{path}.data"))
        case UrlSource(url=url):
            return ImageBlock(url=url)
        case FileSource(file_id=file_id):
            return ImageBlock(file_id=file_id)
        case _:
            assert_never(block.source)


def _document(block: DocumentParam, path: str) -> Iterable[TextBlock | ImageBlock | DocumentBlock]:
    cite = _cites(block)
    if block.context and (cite or not isinstance(block.source, PlainTextSource | ContentSource)):
        yield TextBlock(block.context)
    match block.source:
        case Base64Source(media_type=media_type, data=encoded):
            content = from_base64(encoded, f"{path}.data")
            yield DocumentBlock(media_type, content, title=block.title, cite=cite)
        case UrlSource(url=url):
            yield DocumentBlock(url=url, title=block.title, cite=cite)
        case FileSource(file_id=file_id):
            yield DocumentBlock(title=block.title, file_id=file_id, cite=cite)
        case PlainTextSource(data=text) if cite:
            yield DocumentBlock("text/plain", text.encode(), title=block.title, cite=True)
        case PlainTextSource(data=text):
            yield TextBlock(document_text(text, block.title, block.context))
        case ContentSource(content=content):
            parts = [TextParam(type="text", text=content)] if isinstance(content, str) else content
            yield from _joined(block, parts, path)
        case _:
            assert_never(block.source)


def _joined(
    block: DocumentParam, parts: Sequence[TextParam | ImageParam], path: str
) -> Iterable[TextBlock | ImageBlock | DocumentBlock]:
    """Return a document given as blocks: as one text, unless pictures are among them."""
    texts = [part.text for part in parts if isinstance(part, TextParam)]
    if _cites(block) and parts:
        if len(texts) < len(parts):
            where = f"{path.removesuffix('.source')}.citations"
            _refuse(where, "A document with pictures among its blocks can't be cited here")
        yield DocumentBlock(title=block.title, cite=True, blocks=tuple(texts))
        return
    if len(texts) == len(parts):
        yield TextBlock(document_text("\n".join(texts), block.title, block.context))
        return
    if head := "\n".join(line for line in (block.title, block.context) if line):
        yield TextBlock(head)
    for k, part in enumerate(parts):
        if isinstance(part, TextParam):
            yield TextBlock(part.text)
        else:
            yield _image(part, f"{path}.content.{k}.source")


def _output(body: PromptBody) -> OutputFormat:
    wanted = (body.output_config and body.output_config.format) or body.output_format
    return OutputFormat("json_schema", wanted.schema_) if wanted else OutputFormat()


def _thinking(body: PromptBody, model: Model, version: str) -> bool | None:
    """Thinking is off unless asked for; the later version leaves it to the model."""
    able = model.capabilities.thinking
    match body.thinking.type if body.thinking else None:
        case None:
            return None if version == LATER else False
        case "disabled":
            return False
        case "enabled" if not able:
            _refuse("thinking.type", f"The model {model.id} can't think; leave 'thinking' out")
        case "enabled" if body.thinking and body.thinking.budget_tokens is None:
            _refuse("thinking.budget_tokens", "Field required", "missing")
        case "enabled":
            return True
        case _:
            return True if able else None
