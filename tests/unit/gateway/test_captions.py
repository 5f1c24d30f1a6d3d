"""A long instruction that the image model does not know is drawn from a caption of it."""

from collections.abc import AsyncIterator

import pytest

from consigne.domain.errors import EngineCrashed
from consigne.domain.events import Event
from consigne.domain.images import (
    ImageEvent,
    ImageMade,
    ImageRequest,
    ImagesStart,
    ImagesStop,
    ImageUsage,
)
from consigne.domain.models import Capabilities, Modality, Model
from consigne.gateway import captions
from doubles.scripted import START, ScriptedGateway, stop, text

LONG = (
    "My grandmother keeps chickens and goats, and this year I want to give her a mug that has a "
    "goat on it"
)
WRITER = Model("able", "Able", "text", 0, 8192, Capabilities(thinking=True))


class Writing(ScriptedGateway):
    """Has one default text model, which writes what the test says."""

    def __init__(self, *said: str, model: Model | None = WRITER) -> None:
        super().__init__(START, *text(*said), stop())
        self.model = model

    def default_model(self, modality: Modality = "text") -> Model | None:
        return self.model


class Icons:
    """Knows a goat, and nothing in many words."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def draw(self, request: ImageRequest) -> AsyncIterator[ImageEvent]:
        self.asked.append(request.prompt)
        known = request.prompt in ("a goat", "a fox")
        yield ImagesStart("icons", 64, 64, 2, 7, confidence=0.9 if known else 0.1, known=known)
        yield ImageMade(0, b"png", 7, 64, 64)
        yield ImagesStop(ImageUsage(1))


async def _drawn(prompt: str, writing: Writing, icons: Icons) -> list[ImageEvent]:
    asked = ImageRequest(model="icons", prompt=prompt)
    return [event async for event in captions.drawn(asked, icons.draw, writing)]


async def test_the_caption_is_drawn_and_told() -> None:
    writing, icons = Writing("Caption: “a ", "goat”.\n\nA mug."), Icons()
    start, made, end = await _drawn(LONG, writing, icons)
    assert icons.asked == [LONG, "a goat"]
    assert isinstance(start, ImagesStart)
    assert isinstance(made, ImageMade)
    assert isinstance(end, ImagesStop)
    assert start.known
    assert made.revised_prompt == "a goat"
    (request,) = writing.requests
    assert request.messages[-1].text == LONG
    assert (request.model, request.sampling.temperature, request.thinking) == ("able", 0.0, False)


@pytest.mark.parametrize("said", ["a castle", "", "the " * 40])
async def test_a_caption_that_is_no_better_leaves_the_instruction(said: str) -> None:
    icons = Icons()
    events = await _drawn(LONG, Writing(said), icons)
    assert icons.asked[-1] == LONG
    assert isinstance(events[0], ImagesStart)
    assert not events[0].known
    assert len(events) == 3
    assert events[1] == ImageMade(0, b"png", 7, 64, 64)


async def test_no_model_is_asked_where_it_would_not_help() -> None:
    for prompt, writing in (
        ("a castle", Writing("a goat")),
        ("a goat", Writing("a fox")),
        (LONG, Writing("a goat", model=None)),
        (LONG, Writing("a goat", model=Model("s", "S", "text", 0, 2048, starter=True))),
    ):
        icons = Icons()
        await _drawn(prompt, writing, icons)
        assert writing.requests == []
        assert set(icons.asked) == {prompt}


async def test_a_text_model_that_fails_hinders_no_picture() -> None:
    class Failing(Writing):
        async def generate(self, request: object) -> AsyncIterator[Event]:
            raise EngineCrashed("It died.")
            yield START

    icons = Icons()
    assert len(await _drawn(LONG, Failing(""), icons)) == 3
    assert icons.asked[-1] == LONG
