"""``context_management``: what is cleared from a long conversation before the model reads it.

Each edit is applied in turn, as the reference describes: old tool results give way to a
placeholder once the prompt or the number of tool uses is over a trigger, old thinking is left out.
Tokens are counted by the model that reads the prompt, before and after each edit.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from consigne.api.anthropic.schemas import (
    ClearThinking,
    ClearToolUses,
    Compact,
    ContextManagement,
    Quantity,
)
from consigne.api.errors import InvalidField
from consigne.domain.messages import (
    ContentBlock,
    Message,
    Request,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)

CountTokens = Callable[[Request], Awaitable[int]]

TRIGGER_TOKENS: Final = 100_000
"""Prompts of fewer tokens keep their tool results, where the edit does not say otherwise."""
KEEP_TOOL_USES: Final = 3
KEEP_THINKING_TURNS: Final = 1
CLEARED: Final = (TextBlock("[This tool result was cleared to save room.]"),)


class Edited(msgspec.Struct, frozen=True):
    """A request after its edits."""

    request: Request
    applied: tuple[dict[str, Any], ...]
    """What each edit that changed something did, as the answer reports it."""


def check(wanted: ContextManagement | None) -> None:
    """Refuse what is not served here.

    Raises:
        InvalidField: An edit would need a summary of the conversation.
    """
    for i, each in enumerate(wanted.edits if wanted else ()):
        if isinstance(each, Compact):
            message = "Conversations are not summarised here; clear tool uses instead"
            raise InvalidField(message, param=f"context_management.edits.{i}")


async def edit(request: Request, wanted: ContextManagement, count: CountTokens) -> Edited:
    """Apply the edits.

    Args:
        request: The conversation as it was sent.
        wanted: The edits, in order.
        count: Counts the tokens of a request's prompt.
    """
    applied: list[dict[str, Any]] = []
    for each in wanted.edits:
        match each:
            case ClearToolUses():
                request, done = await _clear_tool_uses(request, each, count)
            case ClearThinking():
                request, done = await _clear_thinking(request, each, count)
            case Compact():
                done = None
        if done is not None:
            applied.append(done)
    return Edited(request, tuple(applied))


async def _clear_tool_uses(
    request: Request, wanted: ClearToolUses, count: CountTokens
) -> tuple[Request, dict[str, Any] | None]:
    uses = _answered(request.messages)
    keep = KEEP_TOOL_USES if wanted.keep is None else wanted.keep.value
    spared = set(wanted.exclude_tools or ())
    old = [use for use in uses[: max(len(uses) - keep, 0)] if use.name not in spared]
    if not old:
        return request, None
    before = await count(request)
    if not _triggered(wanted.trigger, before, len(uses)):
        return request, None
    results = {use.id for use in old}
    edited = _with_blocks(request, lambda block: _cleared(block, results, wanted))
    saved = before - await count(edited)
    if edited == request or (wanted.clear_at_least and saved < wanted.clear_at_least.value):
        return request, None
    return edited, {
        "type": wanted.type,
        "cleared_tool_uses": len(old),
        "cleared_input_tokens": max(saved, 0),
    }


def _answered(messages: Sequence[Message]) -> list[ToolUseBlock]:
    """Return the tool uses that have a result, oldest first."""
    blocks = [block for message in messages for block in message.content]
    results = {block.tool_use_id for block in blocks if isinstance(block, ToolResultBlock)}
    return [b for b in blocks if isinstance(b, ToolUseBlock) and b.id in results]


def _triggered(trigger: Quantity | None, tokens: int, uses: int) -> bool:
    if trigger is None:
        return tokens > TRIGGER_TOKENS
    return (uses if trigger.type == "tool_uses" else tokens) > trigger.value


def _cleared(block: ContentBlock, old: Collection[str], wanted: ClearToolUses) -> ContentBlock:
    match block:
        case ToolResultBlock() if block.tool_use_id in old:
            return msgspec.structs.replace(block, content=CLEARED)
        case ToolUseBlock() if block.id in old and _clears_input(wanted, block.name):
            return msgspec.structs.replace(block, input={})
        case _:
            return block


def _clears_input(wanted: ClearToolUses, name: str) -> bool:
    which = wanted.clear_tool_inputs
    return name in which if isinstance(which, list) else bool(which)


async def _clear_thinking(
    request: Request, wanted: ClearThinking, count: CountTokens
) -> tuple[Request, dict[str, Any] | None]:
    match wanted.keep:
        case None:
            keep: int = KEEP_THINKING_TURNS
        case Quantity(value=keep):
            pass
        case _:
            return request, None
    thinking = [
        at
        for at, message in enumerate(request.messages)
        if any(isinstance(block, ThinkingBlock) for block in message.content)
    ]
    old = set(thinking[: max(len(thinking) - keep, 0)])
    if not old:
        return request, None
    messages = tuple(
        _without_thinking(message) if at in old else message
        for at, message in enumerate(request.messages)
    )
    edited = msgspec.structs.replace(request, messages=messages)
    saved = await count(request) - await count(edited)
    return edited, {
        "type": wanted.type,
        "cleared_thinking_turns": len(old),
        "cleared_input_tokens": max(saved, 0),
    }


def _without_thinking(message: Message) -> Message:
    content = tuple(block for block in message.content if not isinstance(block, ThinkingBlock))
    return Message(message.role, content)


def _with_blocks(request: Request, change: Callable[[ContentBlock], ContentBlock]) -> Request:
    messages = tuple(
        Message(message.role, tuple(change(block) for block in message.content))
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)
