"""Responses requests to the domain; a pure function of the body and the items before it."""

from collections.abc import Iterable, Sequence
from typing import assert_never

from consigne.api import picture_calls
from consigne.api.limits import MAX_TOKENS
from consigne.api.openai import custom, shared
from consigne.api.openai.responses import pictures, remote, tools
from consigne.api.openai.responses.schemas import (
    CompactBody,
    CompactionItem,
    ContextBody,
    CustomCallItem,
    FunctionCallItem,
    FunctionOutputItem,
    ImageCallItem,
    InputFile,
    InputImage,
    InputRefusal,
    InputText,
    InputTokensBody,
    Item,
    ItemReference,
    JsonObjectFormat,
    JsonSchemaFormat,
    McpCallItem,
    McpListItem,
    MessageItem,
    Part,
    PromptCacheOptions,
    Reasoning,
    ReasoningItem,
    ResponsesBody,
    SearchCallItem,
    TextFormat,
)
from consigne.api.openai.responses.sealed import is_sealed, unseal
from consigne.api.openai.responses.tools import joined
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
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model

_UNSERVED = {
    "context_management": "Compact the context by 'POST /v1/responses/compact'.",
    "moderation": "There is no moderation here.",
    "prompt": "Prompt templates are not kept here; send 'instructions' and 'input'.",
}

COMPACTED = "What this conversation was about until here:\n\n"
_COMPACT = (
    "Summarise this conversation for whoever goes on with it: what was asked, what was found and "
    "done, what was decided, and what is still to do. Keep names, numbers, paths and identifiers. "
    "Write the summary alone."
)


def to_request(body: ResponsesBody, model: Model, earlier: Sequence[Item] = ()) -> Request:
    """Return the request that ``body`` asks of ``model``, after the items of ``earlier``.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    _refuse_unserved(body)
    system, messages = _conversation(body, earlier)
    allowed, tool_choice = tools.chosen(body)
    return Request(
        model=model.id,
        messages=messages,
        system=system,
        tools=allowed,
        tool_choice=tool_choice,
        output=_output(body),
        sampling=Sampling(temperature=body.temperature, top_p=body.top_p),
        max_tokens=min(body.max_output_tokens, MAX_TOKENS) if body.max_output_tokens else None,
        logprobs=_logprobs(body),
        thinking=_thinking(body, model),
        effort=shared.effort(body.reasoning.effort if body.reasoning else None),
        user=body.safety_identifier or body.user,
        whole=not (body.stream or body.background),
    )


def to_counted(body: InputTokensBody, model: Model, earlier: Sequence[Item] = ()) -> Request:
    """Return the request whose prompt is to be counted.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    if body.personality:
        refuse("personality", "Models here have none to choose from.", "unsupported")
    system, messages = _conversation(body, earlier)
    allowed, tool_choice = tools.chosen(body)
    return Request(
        model=model.id,
        messages=messages,
        system=system,
        tools=allowed,
        tool_choice=tool_choice,
        output=_output(body),
        thinking=_thinking(body, model),
    )


def to_compaction(body: CompactBody, model: Model, earlier: Sequence[Item] = ()) -> Request:
    """Return the request for a summary of a conversation.

    Raises:
        InvalidField: The body asks for what can't be; the message names the field.
    """
    _refuse_cache_options(body.prompt_cache_options)
    if body.image and body.image.context_compression == "enabled":
        refuse("image.context_compression", "Pictures are not compressed here.", "unsupported")
    system, messages = _turns(body.instructions, body.input, earlier)
    wanted = Message("user", (TextBlock(_COMPACT),))
    return Request(
        model=model.id,
        messages=(*messages, wanted),
        system=system,
        thinking=False if model.capabilities.thinking else None,
    )


def check_items(given: Sequence[Item]) -> None:
    """Refuse items that could not be read again later.

    Raises:
        InvalidField: The message names the one.
    """
    for i, item in enumerate(given):
        _turn(item, f"items.{i}")


def _refuse_unserved(body: ResponsesBody) -> None:
    """Refuse by name what would change the answer and is not served here."""
    for name, reason in _UNSERVED.items():
        if getattr(body, name):
            refuse(name, reason, "unsupported")
    if body.stream_options is not None and not body.stream:
        refuse("stream_options", "it is only allowed when 'stream' is set")
    if body.access_programs and body.access_programs.cyber not in (None, "standard"):
        refuse("access_programs.cyber", "there are no such programs here", "unsupported")
    if body.background_options and body.background_options.continuation_id:
        refuse("background_options.continuation_id", "There is none to continue.", "unsupported")
    if body.image and body.image.context_compression == "enabled":
        refuse("image.context_compression", "Pictures are not compressed here.", "unsupported")
    _refuse_cache_options(body.prompt_cache_options)


def _refuse_cache_options(options: PromptCacheOptions | None) -> None:
    if options is None:
        return
    for name in ("prewarm", "comparison_response_id"):
        if getattr(options, name):
            reason = "The prompt cache here works by itself and tells only how much it spared."
            refuse(f"prompt_cache_options.{name}", reason, "unsupported")


def _thinking(body: ContextBody, model: Model) -> bool | None:
    asked = body.reasoning or Reasoning()
    if asked.mode not in (None, "standard"):
        refuse("reasoning.mode", "Models here reason in mode 'standard' only.", "unsupported")
    return shared.thinking(asked.effort, model, "reasoning.effort")


def _logprobs(body: ResponsesBody) -> int | None:
    asked = "message.output_text.logprobs" in (body.include or ())
    return (body.top_logprobs or 0) if asked or body.top_logprobs else None


def _output(body: ContextBody) -> OutputFormat:
    if body.text is None:
        return OutputFormat()
    match body.text.format:
        case None | TextFormat():
            return OutputFormat()
        case JsonObjectFormat():
            return OutputFormat("json_object")
        case JsonSchemaFormat():
            wanted = body.text.format
            return shared.schema_format(wanted.schema_, wanted.description)
        case _:
            assert_never(body.text.format)


def _conversation(
    body: ContextBody, earlier: Sequence[Item]
) -> tuple[tuple[TextBlock, ...], tuple[Message, ...]]:
    """Return the instructions and the turns."""
    given = body.input
    if body.reasoning and body.reasoning.context == "current_turn":
        earlier = _without_reasoning(earlier)
        given = _of_current_turn(given) if isinstance(given, list) else given
    system, messages = _turns(body.instructions, given, earlier)
    return (*system, *shared.verbosity(body.text.verbosity if body.text else None)), messages


def _without_reasoning(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if not isinstance(item, ReasoningItem)]


def _of_current_turn(items: Sequence[Item]) -> list[Item]:
    asked = [i for i, item in enumerate(items) if isinstance(item, MessageItem)]
    last = max((i for i in asked if getattr(items[i], "role", "") == "user"), default=0)
    return [*_without_reasoning(items[:last]), *items[last:]]


def _turns(
    instructions: str | None, given: str | Sequence[Item] | None, earlier: Sequence[Item]
) -> tuple[tuple[TextBlock, ...], tuple[Message, ...]]:
    """Return the instructions and the turns; an answer's items are one turn again."""
    if given is None and not earlier:
        refuse("input", "Field required", "missing")
    system = [TextBlock(instructions)] if instructions else []
    if isinstance(given, str):
        given = [MessageItem(role="user", content=given)]
    turns: list[Message] = []
    begun = [(item, "previous_response_id") for item in earlier]
    for item, path in [*begun, *((item, f"input.{i}") for i, item in enumerate(given or ()))]:
        if isinstance(item, ImageCallItem):
            turns = _with_picture(turns, item, path)
            continue
        if isinstance(item, SearchCallItem | McpListItem):
            continue  # what was found stands in the answer; servers are asked again
        if isinstance(item, McpCallItem):
            turns = _with_call(turns, *remote.called(item, path))
            continue
        turn = _turn(item, path)
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


def _with_picture(turns: Sequence[Message], item: ImageCallItem, path: str) -> list[Message]:
    """Return the turns with an earlier picture: its call is the answer's, its result comes next."""
    call_id = item.id or f"ig_{path}"
    called, result = picture_calls.recalled(
        pictures.picture_id(item), call_id, item.revised_prompt or ""
    )
    return _with_call(turns, called, result)


def _with_call(
    turns: Sequence[Message], called: ToolUseBlock, result: ToolResultBlock
) -> list[Message]:
    found = list(turns)
    for message in (Message("assistant", (called,)), Message("user", (result,))):
        if found and _continues(found[-1], message):
            found[-1] = Message(message.role, found[-1].content + message.content)
        else:
            found.append(message)
    return found


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
        case CustomCallItem():
            name = joined(item.name, item.namespace)
            given = custom.arguments(item.input)
            return Message("assistant", (ToolUseBlock(item.call_id, name, given),))
        case FunctionOutputItem():
            output = tuple(_parts(item.output, f"{path}.output"))
            return Message("user", (ToolResultBlock(item.call_id, output),))
        case ReasoningItem():
            return Message("assistant", tuple(_thoughts(item, path)))
        case CompactionItem():
            summary = unseal(item.encrypted_content, f"{path}.encrypted_content").text
            return Message("system", (TextBlock(COMPACTED + summary),))
        case ImageCallItem():
            called, _ = picture_calls.recalled(pictures.picture_id(item), item.id or "ig", "")
            return Message("assistant", (called,))
        case SearchCallItem() | McpListItem():
            return Message("assistant", ())
        case McpCallItem():
            return Message("assistant", (remote.called(item, path)[0],))
        case ItemReference():
            return refuse(path, "there is no item of this id")
        case _:
            assert_never(item)


def _thoughts(item: ReasoningItem, path: str) -> Iterable[ContentBlock]:
    """Return what the model thought, from whichever form of it the client sent back."""
    packed = item.encrypted_content or ""
    if is_sealed(packed) or (packed and not item.content):
        carried = unseal(packed, f"{path}.encrypted_content")
        yield ThinkingBlock(carried.text, carried.signature)
    elif item.content:
        yield from (ThinkingBlock(part.text) for part in item.content)
    else:
        yield from (ThinkingBlock(part.text) for part in item.summary or ())


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
                yield shared.image(url, f"{path}.{j}.image_url", part.detail)
            case InputImage(file_id=str() as file_id):
                yield ImageBlock(file_id=file_id, detail=shared.image_detail(part.detail))
            case InputImage():
                refuse(f"{path}.{j}", "one of 'image_url' and 'file_id' must be given")
            case InputFile():
                yield shared.document(part, part.file_url, f"{path}.{j}")
            case _:
                assert_never(part)
