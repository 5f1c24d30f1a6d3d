"""``truncation: auto``: the oldest turns are left out where the context is full."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from consigne.domain.errors import Unsupported
from consigne.domain.messages import Message, Request, ToolResultBlock
from consigne.domain.models import Model

_TEMPLATE_BYTES = 64
"""A generous bound of the tokens that a chat template adds to each message."""
_ANSWER_TOKENS = 1024
_BYTES_PER_TOKEN = 3
"""Rather too few: what does not fit is refused by the model, what is left out is only forgotten."""


class Counter(Protocol):
    """Counts a request's tokens."""

    async def count_tokens(self, request: Request) -> int:
        """Return how many tokens the request's prompt has."""
        ...


async def counted(counter: Counter, request: Request) -> int:
    """Return how many tokens a prompt has, or about so many where its model can't tell."""
    try:
        return await counter.count_tokens(request)
    except Unsupported:
        return len(msgspec.json.encode(request)) // _BYTES_PER_TOKEN


async def fitted(counter: Counter, model: Model, request: Request) -> Request:
    """Return the request without its oldest turns, as far as it must be to leave an answer room.

    A turn is what a person wrote with all that followed. The last one always stays, and so do the
    instructions.
    """
    answer = min(request.max_tokens or _ANSWER_TOKENS, _ANSWER_TOKENS, model.context // 4)
    room = model.context - answer
    turns = _turns(request.messages)
    if len(turns) == 1 or _surely_fits(request, room):
        return request
    if await counted(counter, request) <= room:
        return request
    fits, too_long = len(turns) - 1, 0
    while fits - too_long > 1:
        middle = (fits + too_long) // 2
        if await counted(counter, _from(request, turns, middle)) <= room:
            fits = middle
        else:
            too_long = middle
    return _from(request, turns, fits)


def _turns(messages: Sequence[Message]) -> list[list[Message]]:
    turns: list[list[Message]] = []
    for message in messages:
        results = any(isinstance(block, ToolResultBlock) for block in message.content)
        if not turns or (message.role == "user" and not results):
            turns.append([])
        turns[-1].append(message)
    return turns


def _from(request: Request, turns: Sequence[Sequence[Message]], first: int) -> Request:
    kept = tuple(message for turn in turns[first:] for message in turn)
    return msgspec.structs.replace(request, messages=kept)


def _surely_fits(request: Request, room: int) -> bool:
    """Save the count where bytes alone tell: no token is shorter than a byte."""
    size = len(msgspec.json.encode(request)) + len(request.messages) * _TEMPLATE_BYTES
    return size + 256 <= room
