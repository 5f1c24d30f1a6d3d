"""Long instructions for a picture, put as a caption by the text model.

An image model that can tell when an instruction is beyond it (``ImagesStart.known``) is often
lost in the words around the thing that is wanted. Then the text model is asked for the thing alone,
and its caption is drawn if the image model knows what it asks for; else the instruction is.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Final, Protocol

import msgspec

from consigne.domain.errors import ConsigneError
from consigne.domain.events import Event, TextDelta
from consigne.domain.images import ImageEvent, ImageMade, ImageRequest, ImagesStart
from consigne.domain.messages import Message, Request, Sampling, TextBlock
from consigne.domain.models import Modality, Model
from consigne.gateway import metering

log = logging.getLogger(__name__)

LONG: Final = 12
"""Words of an instruction beyond which it is more than a caption."""
_MOST_WORDS: Final = 12
_MOST_TOKENS: Final = 256
"""Room for a model that thinks first."""
_ASK: Final = (
    "You are given what somebody wants to have drawn. Answer with a caption of at most six words "
    "in English: the one thing that is to be seen, with its article, and its background colour if "
    "one is named. Leave out what it is for, who it is for and why. Write the caption alone, such "
    "as: a red rose, blue background"
)


class Models(Protocol):
    """What a caption needs of the gateway."""

    def default_model(self, modality: Modality = "text") -> Model | None:
        """Return the model that is used where none is named."""
        ...

    def generate(self, request: Request) -> AsyncIterator[Event]:
        """Generate an answer."""
        ...


class Draw(Protocol):
    """Makes pictures as they are asked for."""

    def __call__(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        """Make them, event by event."""
        ...


async def drawn(request: ImageRequest, draw: Draw, models: Models) -> AsyncIterator[ImageEvent]:
    """Make pictures; of a long instruction that the model does not know, from a caption of it."""
    if len(request.prompt.split()) <= LONG:
        async with aclosing(draw(request)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event
        return
    known = False
    async with aclosing(draw(request)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, ImagesStart) and not event.known:
                break
            known = True
            yield event
    if known:
        return
    caption = await caption_of(request.prompt, models)
    if caption:
        asked = msgspec.structs.replace(request, prompt=caption)
        async with aclosing(draw(asked)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, ImagesStart) and not event.known:
                    break
                known = True
                yield _named(event, caption)
    if not known:
        async with aclosing(draw(request)) as events:  # type: ignore[type-var]
            async for event in events:
                yield event


def _named(event: ImageEvent, caption: str) -> ImageEvent:
    if isinstance(event, ImageMade) and not event.revised_prompt:
        return msgspec.structs.replace(event, revised_prompt=caption)
    return event


async def caption_of(instruction: str, models: Models) -> str:
    """Return a caption by the default text model, or nothing: then the instruction stands.

    The starter model is not asked: on held-out instructions it did more harm than good.
    """
    model = models.default_model("text")
    if model is None or model.starter:
        return ""
    asked = Request(
        model=model.id,
        messages=(Message("user", (TextBlock(instruction),)),),
        system=(TextBlock(_ASK),),
        sampling=Sampling(temperature=0.0),
        max_tokens=_MOST_TOKENS,
        thinking=False if model.capabilities.thinking else None,
        whole=True,
    )
    try:
        with metering.apart("caption"):
            async with aclosing(models.generate(asked)) as events:  # type: ignore[type-var]
                pieces = [event.text async for event in events if isinstance(event, TextDelta)]
    except ConsigneError as error:
        log.warning("No caption was written: %s", error)
        return ""
    first = "".join(pieces).strip().partition("\n")[0].removeprefix("Caption:")
    first = first.strip(" \"'“”.")
    return first if len(first.split()) <= _MOST_WORDS else ""
