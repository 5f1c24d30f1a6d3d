"""A conversation's branch as the request for its next answer, as far as the model can read it."""

from collections.abc import Sequence
from itertools import chain
from typing import Protocol

import msgspec

from consigne.chat.guidance import Guidance
from consigne.chat.values import StoredMessage
from consigne.domain.messages import ContentBlock, Message, Request, TextBlock, ThinkingBlock
from consigne.domain.models import Model

ANSWER_TOKENS = 4096
"""Most tokens of one answer in the chat: a small model that goes in circles ends some time."""

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

    Where the branch is too long for the model's context, its oldest turns (a question with its
    answer) are left out whole; the last question always stays.
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
    size = sum(len(message.text.encode()) + _TEMPLATE_BYTES for message in request.messages)
    size += sum(len(block.text.encode()) + _TEMPLATE_BYTES for block in request.system)
    return size + 256 <= room


def _surely_too_long(turns: Sequence[Sequence[StoredMessage]], room: int) -> int:
    """Return how many turns need no counting: the later ones alone fill the context."""
    left = room * _LONG_TOKEN_BYTES
    for at in range(len(turns) - 1, -1, -1):
        left -= sum(len(message.text.encode()) for message in turns[at])
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
    for stored in chain.from_iterable(turns[dropped:]):
        # What a model once thought is not shown to it again, as their templates ask.
        content: tuple[ContentBlock, ...] = tuple(
            block for block in stored.content if not isinstance(block, ThinkingBlock)
        )
        if not any(not isinstance(b, TextBlock) or b.text for b in content):
            continue
        if messages and messages[-1].role == stored.role:
            # An answer between them failed; many templates insist that the roles alternate.
            content = (*messages.pop().content, TextBlock("\n\n"), *content)
        messages.append(Message(stored.role, content))
    request = Request(
        model=model.id,
        messages=tuple(messages),
        system=guidance.system,
        sampling=guidance.sampling,
        max_tokens=min(guidance.max_tokens or ANSWER_TOKENS, ANSWER_TOKENS),
    )
    return History(request, sum(len(turn) for turn in turns[:dropped]))
