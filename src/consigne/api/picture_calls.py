"""Pictures within an answer: the model calls a tool that is run here (see ``run_here``)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, Protocol

import msgspec

from consigne.business.caller import Caller
from consigne.business.pictures import (
    Draws,
    Output,
    PictureReady,
    Pictures,
    redraws,
    seed_for,
)
from consigne.domain.errors import ConsigneError, InvalidRequest, NotFound
from consigne.domain.ids import is_id, new_id
from consigne.domain.images import ImagePartial, ImageRequest, ImagesStart
from consigne.domain.messages import (
    Json,
    TextBlock,
    Tool,
    ToolResultBlock,
    ToolUseBlock,
)
from consigne.domain.models import Modality, Model
from consigne.gateway.image_notices import notice
from consigne.provenance import pictures as reading

NAME: Final = "image_generation"
_STRENGTH: Final = 0.7
"""Share of a picture that a change gives up."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How the request wants its pictures."""

    model: str
    width: int | None = None
    height: int | None = None
    effort: float = 1.0
    partials: int = 0
    strength: float = _STRENGTH
    edits: bool = True
    """Whether earlier pictures may be changed."""
    output: Output = Output()


class PictureBegun(msgspec.Struct, frozen=True):
    """The model has called the tool."""

    picture_id: str
    """The picture will have it."""
    prompt: str
    source_id: str | None = None
    """The picture that is changed."""


class PictureGrows(msgspec.Struct, frozen=True):
    """An unfinished state."""

    picture_id: str
    state: ImagePartial


class PictureEnded(msgspec.Struct, frozen=True):
    """The picture is made and stored, or could not be: then ``error`` says why."""

    begun: PictureBegun
    ready: PictureReady | None = None
    error: ConsigneError | None = None
    notice: str | None = None
    """What the reader must be told beside it."""


PictureEvent = PictureBegun | PictureGrows | PictureEnded


class Models(Draws, Protocol):
    """What pictures need of the gateway."""

    def resolve(self, name: str, modality: Modality) -> Model:
        """Return the model that a name means; an empty one means the default."""
        ...


def may_draw(caller: Caller) -> bool:
    """Say whether a caller's key is for pictures."""
    scopes = caller.grant.scopes if caller.grant is not None else None
    return scopes is None or "images" in scopes


def tool(wish: Wish) -> Tool:
    """Return the tool as the model is told of it."""
    properties: Json = {
        "prompt": {
            "type": "string",
            "description": "What is to be seen, in few plain words: the thing, its colour, the "
            "style, the background. No order to draw.",
        }
    }
    if wish.edits:
        properties["picture_id"] = {
            "type": "string",
            "description": "An earlier picture to change, by its id (img_…); else leave it out.",
        }
    schema = {"type": "object", "properties": properties, "required": ["prompt"]}
    about = "Draw a picture from words, or change an earlier one. The reader sees it at once."
    return Tool(NAME, schema, about)


def recalled(picture_id: str, call_id: str, prompt: str) -> tuple[ToolUseBlock, ToolResultBlock]:
    """Return an earlier call with its result, as the model is told of both."""
    said = f"Made {picture_id}. The reader sees it." if picture_id else "No picture was made."
    call = ToolUseBlock(call_id, NAME, {"prompt": prompt})
    return call, ToolResultBlock(call_id, (TextBlock(said),), is_error=not picture_id)


class Maker:
    """Makes the pictures of one answer, for the one who asked."""

    def __init__(self, caller: Caller, pictures: Pictures, models: Models, wish: Wish) -> None:
        self._caller = caller
        self._pictures = pictures
        self._models = models
        self._wish = wish
        self._redraws = False
        """Whether the present picture is a change that is drawn from words."""

    async def run(self, call: ToolUseBlock) -> AsyncIterator[PictureEvent | ToolResultBlock]:
        """Make one picture; what the model is told of it comes last."""
        async with aclosing(self.make(call)) as making:  # type: ignore[type-var]
            async for step in making:
                yield step
                if isinstance(step, PictureEnded):
                    yield _result(call, step)

    async def make(self, call: ToolUseBlock) -> AsyncIterator[PictureEvent]:
        """Make one picture; whatever hinders that is the last event, and no exception."""
        prompt, source_id = call.input.get("prompt"), call.input.get("picture_id") or None
        begun = PictureBegun(new_id("img"), prompt if isinstance(prompt, str) else "")
        if isinstance(source_id, str) and self._wish.edits:
            begun = msgspec.structs.replace(begun, source_id=source_id)
        yield begun
        said: str | None = None
        try:
            asked = await self._asked(begun)
            changes = asked.source is not None or self._redraws
            source_id = begun.source_id if changes else None
            made = self._pictures.make(
                self._caller, self._models, asked, self._wish.output, source_id, begun.picture_id
            )
            async with aclosing(made) as events:  # type: ignore[type-var]
                async for event in events:
                    match event:
                        case ImagesStart():
                            said = notice(event, event.language)
                        case ImagePartial():
                            yield PictureGrows(begun.picture_id, event)
                        case PictureReady():
                            yield PictureEnded(begun, event, notice=said)
                        case _:
                            pass
        except ConsigneError as error:
            yield PictureEnded(begun, error=error)

    async def _asked(self, begun: PictureBegun) -> ImageRequest:
        wish = self._wish
        if not begun.prompt.strip():
            raise InvalidRequest("Say what is to be drawn: the prompt is empty.", param="prompt")
        model = self._models.resolve(wish.model, "image")
        traits = model.image
        source = seed = None
        self._redraws = False
        if begun.source_id is not None:
            if not is_id(begun.source_id, "img"):
                raise NotFound(f"There is no picture {begun.source_id[:100]}.")
            kept = await self._pictures.content(self._caller, begun.source_id)
            known = await self._pictures.get(self._caller, begun.source_id)
            if redraws(model, known):
                self._redraws, seed = True, seed_for(known, begun.prompt)
            # A model that draws from words alone heeds the changed words alone.
            elif traits is None or traits.edits:
                source = await asyncio.to_thread(_as_png, kept)
        return ImageRequest(
            model=wish.model,
            prompt=begun.prompt,
            width=wish.width,
            height=wish.height,
            seed=seed,
            effort=wish.effort,
            partials=wish.partials,
            source=source,
            strength=wish.strength if source is not None else None,
        )


def _as_png(data: bytes) -> bytes:
    return reading.to_png(reading.over_white(reading.read(data, "picture_id")))


def _result(call: ToolUseBlock, ended: PictureEnded) -> ToolResultBlock:
    if ended.ready is None:
        said = f"No picture was made: {ended.error}"
        return ToolResultBlock(call.id, (TextBlock(said),), is_error=True)
    made = ended.ready.picture
    said = f"Made {made.id}, {made.width}x{made.height}. The reader sees it."
    if ended.notice:
        said += f" Tell the reader: {ended.notice}"
    return ToolResultBlock(call.id, (TextBlock(said),))
