"""The tool that makes pictures, and pictures from pictures, in the chat.

A picture is made and stored as over the API (``business.pictures``), for the person who asks. The
answer holds its address in the app's own API and never its bytes; after ``#`` stand its width and
height, so that a page can keep the room for it.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta

from consigne.business.pictures import (
    Draws,
    MakingEvent,
    Output,
    Picture,
    PictureReady,
    Pictures,
    redraws,
    seed_for,
)
from consigne.chat.tools.base import (
    Call,
    ChatTool,
    Growing,
    Outcome,
    ToolFailed,
    Words,
    args_of,
    schema_of,
)
from consigne.chat.tools.picture_parts import mask
from consigne.domain.images import ImagePartial, ImageProgress, ImageRequest, ImagesStart
from consigne.domain.messages import (
    ContentBlock,
    ImageBlock,
    Json,
    TextBlock,
    ToolResultBlock,
)
from consigne.domain.models import Modality, Model
from consigne.engines.drawing import MOST_PARTIALS
from consigne.gateway.image_notices import notice
from consigne.provenance import pictures as reading

NAME: Final = "make_picture"
MOST: Final = 4
"""Pictures of one call."""
CHANGED: Final = 0.7
"""Share of a picture that a change gives up, where nothing else is said."""
TIMEOUT_S: Final = 900.0
"""A large model on a plain processor takes minutes."""
TELL: Final = "Tell the reader: "
"""How the part of a result begins that the reader must be told."""
_SHOWN_SIDE: Final = 256
"""Pixels a side at most of a picture that grows: its states are sent and kept like words."""
_STEPS_A_STATE: Final = 6
"""Steps between two states at least, the first aside: a large model's take a second to decode."""
_ADDRESS: Final = re.compile(r"/api/pictures/(img_\w+)/file(?:#|$)")


class Painter(Draws, Protocol):
    """What the tool needs of the gateway."""

    def resolve(self, name: str, modality: Modality) -> Model:
        """Return the model that a name means; an empty one means the default."""
        ...


class PictureArgs(msgspec.Struct, frozen=True):
    """What is to be drawn."""

    prompt: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2000,
            description="What is to be seen, in few plain words of the reader's language: the "
            "thing, its colour, the style, the background. No order to draw.",
        ),
    ]
    picture_id: Annotated[
        str, Meta(max_length=64, description="A picture to change, by its id; else leave it out.")
    ] = ""
    strength: Annotated[
        float,
        Meta(ge=0, le=1, description="How much of that picture is given up: 0 keeps all of it."),
    ] = CHANGED
    size: Annotated[
        str,
        Meta(
            pattern="^([0-9]{2,4}x[0-9]{2,4})?$",
            description="Such as 512x512; leave it out for the model's own.",
        ),
    ] = ""
    n: Annotated[int, Meta(ge=1, le=MOST, description="How many.")] = 1
    without: Annotated[str, Meta(max_length=500, description="What must not be seen.")] = ""
    part: Annotated[str, Meta(max_length=1000)] = ""
    """Which cells of the picture are drawn anew (see ``picture_parts``): no model writes it."""


def picture_tool(pictures: Pictures, painter: Painter) -> ChatTool:
    """Return the tool that makes pictures."""

    async def make(call: Call) -> Outcome:
        args = args_of(call, PictureArgs)
        model = painter.resolve("", "image")
        source = hole = None
        if args.part and not (model.image is not None and model.image.edits):
            raise ToolFailed(f"{model.name} draws from words only; it can't draw a part anew.")
        seed, redrawn = None, False
        if args.picture_id:
            known = await pictures.get(call.person, args.picture_id)
            kept = await pictures.content(call.person, args.picture_id)
            source = await asyncio.to_thread(_as_png, kept)
            if args.part:
                hole = mask(args.part, known.width, known.height)
            elif redraws(model, known):
                redrawn, source, seed = True, None, seed_for(known, args.prompt)
        request = _request(args, model, source, hole, seed)
        source_id = args.picture_id if redrawn or request.source is not None else None
        events = pictures.make(call.person, painter, request, Output(), source_id)
        return await _followed(call, events, args.n)

    return ChatTool(
        name=NAME,
        title=Words("Pictures", "Images"),
        description="Draw a picture from words, or change one of the reader's pictures by its id. "
        "The reader sees it at once: do not describe it at length, and write no link to it.",
        input_schema=_told(schema_of(PictureArgs)),
        run=make,
        read_only=True,  # a picture comes to be and nothing changes: it may run again after a crash
        timeout_s=TIMEOUT_S,
    )


async def _followed(call: Call, events: AsyncIterator[MakingEvent], n: int) -> Outcome:
    """Let the reader see how pictures come to be; return what came of it."""
    start: ImagesStart | None = None
    made: list[Picture] = []
    done = total = 0
    async with aclosing(events) as open_events:  # type: ignore[type-var]
        async for event in open_events:
            match event:
                case ImagesStart():
                    start, total = event, event.steps * event.cells * n
                    call.progress(0, total, Growing(event.width, event.height))
                case ImageProgress():
                    done, total = event.index * event.steps + event.step, event.steps * n
                    call.progress(done, total)
                case ImagePartial() if start is not None:
                    seen = await asyncio.to_thread(_glimpse, event.data)
                    call.progress(done, total, Growing(start.width, start.height, seen))
                case PictureReady():
                    made.append(event.picture)
                case _:
                    pass
    if start is None or not made:
        raise ToolFailed("The model made no picture.")
    return _outcome(made, start)


def picture_id(block: ContentBlock) -> str | None:
    """Return the id of the picture that a block shows, if it shows one that was made here."""
    found = _ADDRESS.match(block.url or "") if isinstance(block, ImageBlock) else None
    return found[1] if found else None


def last_picture(content: Sequence[ContentBlock]) -> str | None:
    """Return the id of the last picture that an answer holds, if it holds any."""
    for block in reversed(content):
        if not isinstance(block, ToolResultBlock):
            continue
        for each in reversed(block.content):
            if found := picture_id(each):
                return found
    return None


def _told(schema: Json) -> Json:
    """Return the schema as models are told it."""
    shown = {name: kind for name, kind in schema["properties"].items() if name != "part"}
    return schema | {"properties": shown}


def _request(
    args: PictureArgs, model: Model, source: bytes | None, hole: bytes | None, seed: int | None
) -> ImageRequest:
    width, _, height = args.size.partition("x")
    if model.image is None or not model.image.edits:
        source = None  # it draws from words alone: the changed words are all that it can heed
    return ImageRequest(
        model=model.id,
        prompt=args.prompt,
        negative_prompt=args.without,
        n=args.n,
        width=int(width) if width else None,
        height=int(height) if height else None,
        seed=seed,
        source=source,
        mask=hole,
        strength=args.strength if source is not None else None,
        partials=_states(model),
    )


def _states(model: Model) -> int:
    """Return how many unfinished states of a picture to show."""
    steps = model.image.steps if model.image is not None else 0
    return min(MOST_PARTIALS, max(1, steps // _STEPS_A_STATE)) if steps > 1 else 0


def _glimpse(data: bytes) -> str:
    """Return an unfinished state as a small picture's ``data:`` address."""
    picture = reading.at_most(reading.read(data), _SHOWN_SIDE)
    encoded = reading.encode(picture, "webp", 60)
    return f"data:image/webp;base64,{base64.b64encode(encoded).decode()}"


def _as_png(data: bytes) -> bytes:
    return reading.to_png(reading.over_white(reading.read(data, "picture_id")))


def _outcome(made: Sequence[Picture], start: ImagesStart) -> Outcome:
    content: list[TextBlock | ImageBlock] = []
    for each in made:
        seed = "" if each.seed is None else f", seed {each.seed}"
        said = f"Made {each.id}, {each.width}x{each.height}{seed}, by {each.model}."
        address = f"/api/pictures/{each.id}/file#{each.width}x{each.height}"
        content += [TextBlock(said), ImageBlock(f"image/{each.format}", url=address)]
    if (told := notice(start, start.language)) is not None:
        content.append(TextBlock(TELL + told))
    return Outcome(tuple(content))
