"""The server tool ``image_generation``: pictures within messages, in the dialect's own manner.

The dialect documents no such tool. It is shaped as those that it documents: a versioned type, a
block ``server_tool_use`` for the call, and a block ``image_generation_tool_result`` with a list of
``image`` blocks, or an error with its ``error_code``. The call ``srvtoolu_X`` made the picture
``img_X``.
"""

import base64
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import msgspec

from consigne.api import sse
from consigne.api.anthropic import encode
from consigne.api.anthropic.schemas import ImageResultParam, PromptBody, ToolParam
from consigne.api.errors import InvalidField
from consigne.api.picture_calls import (
    NAME,
    Models,
    PictureBegun,
    PictureEnded,
    PictureEvent,
    PictureGrows,
    Told,
    Wish,
    may_draw,
)
from consigne.api.picture_calls import recalled as recalled_call
from consigne.business.caller import Caller
from consigne.business.pictures import Output
from consigne.domain.batches import close
from consigne.domain.errors import InvalidRequest, NotPermitted, from_code
from consigne.domain.events import (
    Answer,
    AnswerBuilder,
    BlockStop,
    Failed,
    MessageStart,
    MessageStop,
)
from consigne.domain.ids import is_id
from consigne.domain.images import MEDIA_TYPES
from consigne.domain.messages import Message, ToolResultBlock

Json = dict[str, Any]

TYPE: Final = "image_generation_20261101"
_EFFORT: Final = {"low": 0.5, "high": 2.0}


def wish(param: ToolParam, model: str, path: str) -> Wish:
    """Return how a tool wants its pictures.

    Raises:
        InvalidField: It has another name than its type says.
    """
    if param.name != NAME:
        raise InvalidField(f"Input should be '{NAME}'", param=f"{path}.name")
    width, _, height = (param.size or "auto").partition("x")
    return Wish(
        model=model,
        width=int(width) if height else None,
        height=int(height) if height else None,
        effort=_EFFORT.get(param.quality or "auto", 1.0),
        output=Output(param.output_format or "png"),
    )


def wanted(body: PromptBody, caller: Caller, models: Models) -> Wish | None:
    """Return how a request wants its pictures, if it has the tool.

    Raises:
        ModelNotFound: There is no such image model.
        NotPermitted: The key is not for pictures.
    """
    for i, param in enumerate(body.tools or ()):
        if param.type == TYPE:
            if not may_draw(caller):
                message = f"This API key lacks the scope 'images', which '{TYPE}' needs."
                raise NotPermitted(message, param=f"tools.{i}")
            return wish(param, models.resolve(param.model or "", "image").id, f"tools.{i}")
    return None


def recalled(block: ImageResultParam) -> ToolResultBlock:
    """Return an earlier result as the model is told of it."""
    made = f"img_{block.tool_use_id.partition('_')[2]}"
    there = isinstance(block.content, list) and is_id(made, "img")
    return recalled_call(made if there else "", block.tool_use_id, "")[1]


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
    """Return an answer with its pictures as a message.

    Raises:
        ConsigneError: The answer could not be finished.
    """
    builder, between = AnswerBuilder(), dict[int, list[Json]]()
    try:
        async for event in events:
            match event:
                case Failed():
                    raise from_code(event.code, event.message)
                case PictureBegun() | PictureGrows() | PictureEnded():
                    between.setdefault(len(builder.content), []).extend(_blocks(event))
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
    """Encodes one answer's events with its pictures: two blocks each, whole at once."""

    def __init__(self, request_id: str, shape: encode.Shape = encode.PLAIN) -> None:
        super().__init__(request_id, shape)
        self._before = 0
        """Blocks of pictures so far: all that follow are counted on from them."""
        self._blocks = 0

    def encode(self, event: Told) -> bytes:
        """Return the event's bytes."""
        match event:
            case PictureBegun() | PictureGrows() | PictureEnded():
                return b"".join(map(self._block, _blocks(event)))
            case MessageStart() | MessageStop() | Failed():
                return super().encode(event)
            case _:
                if isinstance(event, BlockStop):
                    self._blocks += 1
                moved = msgspec.structs.replace(event, index=event.index + self._before)
                return super().encode(moved)

    def _block(self, block: Json) -> bytes:
        index = self._blocks + self._before
        self._before += 1
        begun, given = block, b""
        if block["type"] == "server_tool_use":
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


def _blocks(event: PictureEvent) -> list[Json]:
    """Return the blocks that tell of a step."""
    match event:
        case PictureBegun():
            given = {"prompt": event.prompt}
            if event.source_id:
                given["picture_id"] = event.source_id
            call = _call_id(event)
            return [{"type": "server_tool_use", "id": call, "name": NAME, "input": given}]
        case PictureGrows():
            return []
        case PictureEnded():
            return [
                {
                    "type": "image_generation_tool_result",
                    "tool_use_id": _call_id(event.begun),
                    "content": _content(event),
                }
            ]


def _call_id(begun: PictureBegun) -> str:
    return f"srvtoolu_{begun.picture_id.partition('_')[2]}"


def _content(ended: PictureEnded) -> Any:
    if ended.ready is None:
        bad = isinstance(ended.error, InvalidRequest)
        return {
            "type": "image_generation_tool_result_error",
            "error_code": "invalid_tool_input" if bad else "unavailable",
            "message": str(ended.error),
        }
    source = {
        "type": "base64",
        "media_type": MEDIA_TYPES[ended.ready.picture.format],
        "data": base64.b64encode(ended.ready.data).decode(),
    }
    return [{"type": "image", "source": source}]
