"""The server tool ``image_generation``: pictures within messages, in the dialect's own manner.

The dialect documents no such tool. It is shaped as those that it documents: a versioned type, a
block ``server_tool_use`` for the call, and a block ``image_generation_tool_result`` with a list of
``image`` blocks, or an error with its ``error_code``. The call ``srvtoolu_X`` made the picture
``img_X``.
"""

import base64
from typing import Any, Final

from consigne.api.anthropic.schemas import ImageResultParam, PromptBody
from consigne.api.anthropic.tool_schemas import ToolParam
from consigne.api.errors import InvalidField
from consigne.api.picture_calls import (
    NAME,
    Models,
    PictureBegun,
    PictureEnded,
    PictureEvent,
    PictureGrows,
    Wish,
    may_draw,
)
from consigne.api.picture_calls import recalled as recalled_call
from consigne.business.caller import Caller
from consigne.business.pictures import Output
from consigne.domain.errors import InvalidRequest, NotPermitted
from consigne.domain.ids import is_id
from consigne.domain.images import MEDIA_TYPES
from consigne.domain.messages import ToolResultBlock

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
        if isinstance(param, ToolParam) and param.type == TYPE:
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


def blocks(event: PictureEvent) -> list[Json]:
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
