"""Pictures within responses: the tool's options, and the items that hold what it made.

An item's id is the picture's: ``ig_X`` is the picture ``img_X``. What is kept of a response holds
no picture; whoever asks for it again gets the file from the object store.
"""

import base64
from typing import Any, Final, TypeVar

from consigne.api.openai.responses.schemas import ContextBody, ImageCallItem
from consigne.api.openai.responses.tool_schemas import ImageToolItem
from consigne.api.openai.shared import refuse
from consigne.api.picture_calls import (
    Models,
    PictureBegun,
    PictureEnded,
    PictureGrows,
    Wish,
    may_draw,
)
from consigne.business.caller import Caller
from consigne.business.pictures import Output, PictureReady, Pictures
from consigne.domain.errors import ModelNotFound, NotFound, NotPermitted
from consigne.domain.ids import is_id

Json = dict[str, Any]
Asked = TypeVar("Asked", bound=ContextBody)

KIND: Final = "image_generation_call"
_EFFORT: Final = {"low": 0.5, "high": 2.0, "xhigh": 3.0, "max": 4.0}
"""What a quality means: a share of the steps that the model takes by itself."""


def offered(body: Asked, caller: Caller, models: Models) -> tuple[Asked, Wish | None]:
    """Return the body and how it wants its pictures.

    Where none can be made for the caller the tool is left out, as those are that are not run here.

    Raises:
        ModelNotFound: The tool names a model that does not exist here.
        InvalidField: It wants what can't be.
    """
    for i, item in enumerate(body.tools or ()):
        if isinstance(item, ImageToolItem):
            path = f"tools.{i}"
            try:
                model = models.resolve(item.model or "", "image") if may_draw(caller) else None
            except (ModelNotFound, NotPermitted) as error:
                if item.model:
                    raise type(error)(error.message, param=f"{path}.model") from None
                model = None
            if model is not None:
                streams = bool(getattr(body, "stream", False))
                return body, wish(item, model.id, path, streams=streams)
            rest = [tool for tool in body.tools or () if tool is not item]
            return body.model_copy(update={"tools": rest}), None
    return body, None


def wish(item: ImageToolItem, model: str, path: str, *, streams: bool) -> Wish:
    """Return how a tool wants its pictures.

    Raises:
        InvalidField: It wants what can't be.
    """
    if item.background == "transparent":
        refuse(f"{path}.background", "pictures have an opaque background here", "unsupported")
    if item.input_image_mask is not None:
        where = f"{path}.input_image_mask"
        refuse(where, "send the mask to 'POST /v1/images/edits'", "unsupported")
    form = item.output_format or "png"
    if form == "gif" or form == "svg":
        refuse(f"{path}.output_format", "choose 'png', 'webp' or 'jpeg'", "unsupported")
    if item.output_compression is not None and form == "png":
        where = f"{path}.output_compression"
        refuse(where, "PNG loses nothing; choose 'webp' or 'jpeg' to compress")
    width, _, height = (item.size or "auto").partition("x")
    return Wish(
        model=model,
        width=int(width) if height else None,
        height=int(height) if height else None,
        effort=_EFFORT.get(item.quality or "auto", 1.0),
        partials=(item.partial_images or 0) if streams else 0,
        strength=0.4 if item.input_fidelity == "high" else 0.7,
        edits=item.action != "generate",
        output=Output(form, item.output_compression),
    )


def begun_item(begun: PictureBegun, body: ContextBody) -> Json:
    """Return the item of a picture that is being made."""
    tool = next(each for each in body.tools or () if isinstance(each, ImageToolItem))
    return {
        "id": item_id(begun.picture_id),
        "type": KIND,
        "status": "in_progress",
        "result": None,
        "revised_prompt": begun.prompt,
        "action": "edit" if begun.source_id else "generate",
        "background": "opaque",
        "output_format": tool.output_format or "png",
        "quality": tool.quality or "auto",
        "size": tool.size or "auto",
    }


def end_item(item: Json, ended: PictureEnded) -> None:
    """Put what came of it into an item."""
    if ended.ready is None:
        said = {
            "type": "image_generation_error",
            "code": "image_generation_failed",
            "message": str(ended.error),
            "param": None,
        }
        item |= {"status": "failed", "error": said}
        return
    picture = ended.ready.picture
    item |= {
        "status": "completed",
        "result": _text(ended.ready),
        "revised_prompt": picture.prompt,
        "size": f"{picture.width}x{picture.height}",
    }


def cut_item(item: Json) -> None:
    """Mark an item whose picture nobody waits for any more."""
    if item["status"] == "in_progress":
        item["status"] = "failed"


def partial(grown: PictureGrows) -> Json:
    """Return the fields of an event that shows an unfinished state."""
    return {
        "partial_image_index": grown.state.number,
        "partial_image_b64": base64.b64encode(grown.state.data).decode(),
        "output_format": "png",
        "background": "opaque",
    }


def _text(ready: PictureReady) -> str:
    return base64.b64encode(ready.data).decode()


def item_id(picture_id: str) -> str:
    """Return the id of a picture's item."""
    return f"ig_{picture_id.partition('_')[2]}"


def picture_id(item: ImageCallItem) -> str:
    """Return the id of an item's picture; empty where none was made here."""
    found = f"img_{(item.id or '').partition('_')[2]}"
    return found if (item.id or "").startswith("ig_") and is_id(found, "img") else ""


def without_files(response: Json) -> Json:
    """Return a response as it is kept: pictures lie in the object store."""
    output = response["output"]
    slim = [item | {"result": None} if item["type"] == KIND else item for item in output]
    return response | {"output": slim}


def is_drawn(response: Json) -> bool:
    """Say whether a kept response holds a picture."""
    return any(item["type"] == KIND for item in response["output"])


async def with_files(pictures: Pictures, caller: Caller, body: Json) -> Json:
    """Return a kept response with the pictures that its caller may still see."""
    output = []
    for item in body["output"]:
        told = item
        if item["type"] == KIND and item.get("status") == "completed":
            try:
                data = await pictures.content(caller, f"img_{item['id'].partition('_')[2]}")
                told = item | {"result": base64.b64encode(data).decode()}
            except NotFound:  # deleted meanwhile, or another key's
                pass
        output.append(told)
    return body | {"output": output}
