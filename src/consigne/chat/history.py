"""A conversation's branch as the request for its next answer, as far as the model can read it."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

import msgspec

from consigne.chat.guidance import Guidance
from consigne.chat.tools.limits import as_seen
from consigne.chat.tools.picture_parts import is_part
from consigne.chat.values import StoredMessage
from consigne.domain.messages import (
    ContentBlock,
    Message,
    Request,
    Role,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Model

ANSWER_TOKENS = 4096
"""Most tokens of one answer in the chat: a small model that goes in circles ends some time."""

TOOL_TOKENS = 8192
"""Most tokens of one step where tools are offered: a document is made in one call."""

_TEMPLATE_BYTES = 64
"""A generous bound of the tokens that a chat template adds to each message."""

_LONG_TOKEN_BYTES = 32
"""No text of any length has longer tokens than this on average."""


class Counter(Protocol):
    """Counts a request's tokens."""

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        ...


class History(msgspec.Struct, frozen=True):
    """The request for the next answer."""

    request: Request
    left_out: int
    """How many of the earliest messages are not in it."""


async def build(
    counter: Counter,
    model: Model,
    branch: Sequence[StoredMessage],
    guidance: Guidance | None = None,
) -> History:
    """Return the request that answers a branch (root first), or goes on with its last answer.

    What tools were asked and answered is shown to a model that is offered tools. Where the branch
    is too long for the model's context, its oldest turns (a question with its answer) are left out
    whole; the last question always stays.
    """
    guidance = guidance or Guidance()
    turns = _turns(branch)
    room = _room(model.context)
    hopeless = _surely_too_long(turns, room)
    whole = _history(model, turns, hopeless, guidance)
    if _surely_fits(whole.request, room):
        return whole
    if len(turns) - hopeless == 1 or await counter.count_tokens(whole.request) <= room:
        return whole
    fits, too_long = len(turns) - 1, hopeless
    while fits - too_long > 1:
        middle = (fits + too_long) // 2
        history = _history(model, turns, middle, guidance)
        if await counter.count_tokens(history.request) <= room:
            fits = middle
        else:
            too_long = middle
    return _history(model, turns, fits, guidance)


def _room(context: int) -> int:
    """Return how many tokens the prompt may have, so that there is room for an answer."""
    return context - min(1024, context // 4)


def _surely_fits(request: Request, room: int) -> bool:
    """Save the count where bytes alone tell: no token is shorter than a byte."""
    size = sum(_bytes(message.content) + _TEMPLATE_BYTES for message in request.messages)
    if request.system or request.tools:
        size += len(msgspec.json.encode((request.system, request.tools)))
    return size + 256 <= room


def _bytes(content: Sequence[ContentBlock]) -> int:
    return sum(
        len(block.text.encode())
        if isinstance(block, TextBlock)
        else 2 * _TEMPLATE_BYTES + len(msgspec.json.encode(block))
        for block in content
    )


def _surely_too_long(turns: Sequence[Sequence[StoredMessage]], room: int) -> int:
    """Return how many turns need no counting: the later ones alone fill the context."""
    left = room * _LONG_TOKEN_BYTES
    for at in range(len(turns) - 1, -1, -1):
        left -= sum(_bytes(message.content) for message in turns[at])
        if left < 0:
            return min(at + 1, len(turns) - 1)
    return 0


def _turns(branch: Sequence[StoredMessage]) -> list[list[StoredMessage]]:
    turns: list[list[StoredMessage]] = []
    for message in branch:
        if message.role == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _history(
    model: Model, turns: Sequence[Sequence[StoredMessage]], dropped: int, guidance: Guidance
) -> History:
    messages: list[Message] = []
    shown = turns[dropped:]
    if not guidance.tools:
        # The question went with its answer: unanswered it would be taken for a part of the next.
        shown = [turn for turn in shown[:-1] if not _is_wordless(turn)] + list(shown[-1:])
    for message in chain.from_iterable(map(_messages, chain.from_iterable(shown))):
        content = tuple(as_seen(block, model) for block in message.content)
        if not guidance.tools:
            content = tuple(b for b in content if not isinstance(b, ToolUseBlock | ToolResultBlock))
        if not any(not isinstance(b, TextBlock) or b.text for b in content):
            continue
        if messages and messages[-1].role == message.role:
            # An answer between them failed; many templates insist that the roles alternate.
            content = (*messages.pop().content, TextBlock("\n\n"), *content)
        messages.append(Message(message.role, content))
    most = TOOL_TOKENS if guidance.tools else ANSWER_TOKENS
    request = Request(
        model=model.id,
        messages=tuple(messages),
        system=guidance.system,
        tools=guidance.tools,
        sampling=guidance.sampling,
        max_tokens=min(guidance.max_tokens or most, most),
    )
    return History(request, sum(len(turn) for turn in turns[:dropped]))


def _is_wordless(turn: Sequence[StoredMessage]) -> bool:
    """Say whether tools alone answered a turn, such as with a picture."""
    answers = [message for message in turn if message.role == "assistant"]
    return any(
        isinstance(block, ToolUseBlock) for message in answers for block in message.content
    ) and not any(message.text for message in answers)


def _messages(stored: StoredMessage) -> Iterator[Message]:
    """Yield the turns of one message: results are told by the user, calls are each answered.

    What a model once thought is not shown to it again, as their templates ask.
    """
    said: list[ContentBlock] = []
    told: list[ContentBlock] = []
    for block in stored.content:
        if isinstance(block, ThinkingBlock) or is_part(block):
            continue
        if isinstance(block, ToolResultBlock):
            told.append(block)
            continue
        if told:
            yield from _answered(said, told)
            said, told = [], []
        said.append(block)
    if said or told:
        yield from _answered(said, told, role=stored.role)


def _answered(
    said: Sequence[ContentBlock], told: list[ContentBlock], role: Role = "assistant"
) -> Iterator[Message]:
    if said:
        yield Message(role, tuple(said))
    asked = [block.id for block in said if isinstance(block, ToolUseBlock)]
    results = {block.tool_use_id: block for block in told if isinstance(block, ToolResultBlock)}
    if asked:
        yield Message("user", tuple(results.get(name) or _unanswered(name) for name in asked))


def _unanswered(call: str) -> ToolResultBlock:
    return ToolResultBlock(call, (TextBlock("The call was broken off."),), is_error=True)
