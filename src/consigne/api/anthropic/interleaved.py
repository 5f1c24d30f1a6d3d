"""Answers with what was run for them between their blocks, and such answers given back."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec

from consigne.api import sse
from consigne.api.anthropic import encode, fetches, pictures, remote, searches
from consigne.api.fetch_calls import FetchBegun, FetchEnded, FetchEvent
from consigne.api.picture_calls import PictureBegun, PictureEnded, PictureGrows
from consigne.api.remote_calls import RemoteBegun, RemoteEnded, RemoteListed
from consigne.api.run_here import Told
from consigne.api.search_calls import SearchBegun, SearchEnded, SearchEvent
from consigne.domain.batches import close
from consigne.domain.errors import from_code
from consigne.domain.events import (
    Answer,
    AnswerBuilder,
    BlockStop,
    Failed,
    MessageStart,
    MessageStop,
)
from consigne.domain.messages import Message, ToolResultBlock

Json = dict[str, Any]


def parted(message: Message) -> Iterable[Message]:
    """Yield an answer as turns: what was run here stood between two turns of the model."""
    if message.role != "assistant":
        yield message
        return
    turn: list[Any] = []
    role: Any = "assistant"
    for block in message.content:
        of = "user" if isinstance(block, ToolResultBlock) else "assistant"
        if of != role and turn:
            yield Message(role, tuple(turn))
            turn = []
        role = of
        turn.append(block)
    yield Message(role, tuple(turn))


async def whole(events: AsyncIterator[Told], shape: encode.Shape) -> Json:
    """Return an answer with what was run for it as a message.

    Raises:
        ConsigneError: The answer could not be finished.
    """
    builder, between = AnswerBuilder(), dict[int, list[Json]]()
    try:
        async for event in events:
            match event:
                case Failed():
                    raise from_code(event.code, event.message)
                case SearchBegun() | SearchEnded():
                    shape = _counted(shape, event)
                    between.setdefault(len(builder.content), []).extend(searches.blocks(event))
                case FetchBegun() | FetchEnded():
                    shape = _counted(shape, event)
                    between.setdefault(len(builder.content), []).extend(fetches.blocks(event))
                case RemoteListed() | RemoteBegun() | RemoteEnded():
                    between.setdefault(len(builder.content), []).extend(remote.blocks(event))
                case PictureBegun() | PictureGrows() | PictureEnded():
                    between.setdefault(len(builder.content), []).extend(pictures.blocks(event))
                case _:
                    builder.add(event)
    finally:
        await close(events)
    answer: Answer = builder.answer()
    told = encode.message(answer, shape)
    content = []
    for place in range(len(told["content"]) + 1):
        content += [*between.get(place, ()), *told["content"][place : place + 1]]
    return told | {"content": content}


class StreamEncoder(encode.StreamEncoder):
    """Encodes one answer's events with what was run for it: two blocks each, whole at once."""

    def __init__(self, request_id: str, shape: encode.Shape = encode.PLAIN) -> None:
        super().__init__(request_id, shape)
        self._before = 0
        """Blocks of those calls so far: all that follow are counted on from them."""
        self._blocks = 0

    def encode(self, event: Told) -> bytes:
        """Return the event's bytes."""
        match event:
            case SearchBegun() | SearchEnded():
                self._shape = _counted(self._shape, event)
                return b"".join(map(self._block, searches.blocks(event)))
            case FetchBegun() | FetchEnded():
                self._shape = _counted(self._shape, event)
                return b"".join(map(self._block, fetches.blocks(event)))
            case RemoteListed() | RemoteBegun() | RemoteEnded():
                return b"".join(map(self._block, remote.blocks(event)))
            case PictureBegun() | PictureGrows() | PictureEnded():
                return b"".join(map(self._block, pictures.blocks(event)))
            case MessageStart() | MessageStop() | Failed():
                return super().encode(event)
            case _:
                if isinstance(event, BlockStop):
                    self._blocks += 1
                moved = msgspec.structs.replace(event, index=event.index + self._before)
                return super().encode(moved)

    def encode_all(self, events: Sequence[Told]) -> bytes:
        """Return the bytes of events that came together."""
        return b"".join([self.encode(event) for event in events])

    def _block(self, block: Json) -> bytes:
        index = self._blocks + self._before
        self._before += 1
        begun, given = block, b""
        if block["type"] in ("server_tool_use", "mcp_tool_use"):
            begun = block | {"input": {}}
            text = msgspec.json.encode(block["input"]).decode()
            delta = {"type": "input_json_delta", "partial_json": text}
            body = {"type": "content_block_delta", "index": index, "delta": delta}
            given = sse.event("content_block_delta", body)
        start = {"type": "content_block_start", "index": index, "content_block": begun}
        stop = {"type": "content_block_stop", "index": index}
        return (
            sse.event("content_block_start", start) + given + sse.event("content_block_stop", stop)
        )


def _counted(shape: encode.Shape, event: SearchEvent | FetchEvent) -> encode.Shape:
    """Return the shape of an answer in which this is one more search or page, if it was one."""
    if isinstance(event, SearchBegun | FetchBegun) or event.trouble is not None:
        return shape
    if isinstance(event, FetchEnded):
        return msgspec.structs.replace(shape, pages=(shape.pages or 0) + 1)
    return msgspec.structs.replace(shape, searches=(shape.searches or 0) + 1)
