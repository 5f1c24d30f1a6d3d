"""What tools answer, within what a model can read."""

import msgspec

from consigne.chat.tools.base import Outcome
from consigne.domain.messages import (
    ContentBlock,
    ImageBlock,
    Message,
    Request,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model

LONGEST_RESULT = 60_000
"""Most characters of one result."""
SHORTEST_RESULT = 2_000
_CHARACTERS_PER_TOKEN = 3
_UNKNOWN = (
    "This was broken off while the tool was at work. It is not known whether it did what it was "
    "asked: look before you ask again."
)
_UNSEEN = "(A picture, which the reader sees and you do not.)"
_LEFT_OUT = "(This result was left out, for there is no room for it any more.)"


def of_unknown_outcome(call: str) -> ToolResultBlock:
    """Return the result of a call that was cut off while its tool was changing something."""
    return ToolResultBlock(call, (TextBlock(_UNKNOWN),), is_error=True)


def fitted(outcome: Outcome, model: Model | None) -> Outcome:
    """Return an outcome whose text is cut to a quarter of what a model can read, or less.

    Of several texts the longest are cut, so that short ones (which files there are) stay whole.
    """
    context = model.context if model is not None else LONGEST_RESULT
    room = min(LONGEST_RESULT, max(SHORTEST_RESULT, context * _CHARACTERS_PER_TOKEN // 4))
    content = list(outcome.content)
    texts = {
        at: _clean(each.text) for at, each in enumerate(content) if isinstance(each, TextBlock)
    }
    for done, at in enumerate(sorted(texts, key=lambda at: len(texts[at]))):
        text = texts[at]
        share = room // (len(texts) - done)
        room -= min(len(text), share)
        if len(text) > share:
            text = f"{text[:share]}\n(Cut here; {len(text) - share:,} characters more.)"
        content[at] = TextBlock(text)
    return Outcome(tuple(content), outcome.is_error)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def as_seen(block: ContentBlock, model: Model) -> ContentBlock:
    """Return a result as a model can take it: pictures it cannot see are told of."""
    if not isinstance(block, ToolResultBlock):
        return block
    content = tuple(
        each if not isinstance(each, ImageBlock) or _sees(model, each) else TextBlock(_UNSEEN)
        for each in block.content
    )
    return ToolResultBlock(block.tool_use_id, content, block.is_error)


def _sees(model: Model, picture: ImageBlock) -> bool:
    return model.capabilities.images_in and picture.data is not None


def step_aside(request: Request, model: Model) -> Request:
    """Return a request whose earliest results are left out as far as the context demands."""
    room = model.context * _CHARACTERS_PER_TOKEN * 3 // 4
    messages = list(request.messages)
    over = sum(map(_size, messages)) - room
    for at, message in enumerate(messages[:-1]):  # the latest results always stay
        if over <= 0:
            break
        content = tuple(_shortened(block) for block in message.content)
        shorter = Message(message.role, content)
        over -= _size(message) - _size(shorter)
        messages[at] = shorter
    return msgspec.structs.replace(request, messages=tuple(messages))


def _shortened(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, ToolResultBlock):
        return block
    shorter = ToolResultBlock(block.tool_use_id, (TextBlock(_LEFT_OUT),), block.is_error)
    return shorter if _block_size(shorter) < _block_size(block) else block


def _size(message: Message) -> int:
    return sum(map(_block_size, message.content))


def _block_size(block: ContentBlock) -> int:
    match block:
        case TextBlock():
            return len(block.text)
        case ToolResultBlock():
            return sum(map(_block_size, block.content))
        case ToolUseBlock():
            return len(msgspec.json.encode(block.input))
        case ImageBlock():
            return 1500 * _CHARACTERS_PER_TOKEN
        case _:
            return 0
