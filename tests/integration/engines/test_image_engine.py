"""An image model in its worker process: steps told, work let go, a crash survived."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from consigne.domain.errors import EngineCrashed, Overloaded
from consigne.domain.images import ImageMade, ImageProgress, ImageRequest, ImagesStart, ImagesStop
from consigne.engines.base import InstalledModel
from consigne.engines.downloads import Facts, add
from consigne.engines.library import BUILT_IN, ModelLibrary
from consigne.engines.pool import EnginePool
from consigne.settings import EngineSettings
from support.images import image_model_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def model(tmp_path_factory: pytest.TempPathFactory) -> InstalledModel:
    library = ModelLibrary(tmp_path_factory.mktemp("models"))
    return await add(image_model_folder(), library, facts=Facts(id="pictures"))


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[EnginePool]:
    opened = EnginePool(EngineSettings(max_queued_images=1))
    yield opened
    await opened.close()


def _asked(**more: object) -> ImageRequest:
    return ImageRequest(**{"model": "pictures", "prompt": "a fox", "seed": 1, "steps": 3, **more})  # type: ignore[arg-type]


async def test_each_step_is_told(pool: EnginePool, model: InstalledModel) -> None:
    events = [event async for event in pool.image(model).draw(_asked(n=2))]
    kinds = [type(event) for event in events]
    assert kinds == [
        ImagesStart,
        *(ImageProgress,) * 3,
        ImageMade,
        *(ImageProgress,) * 3,
        ImageMade,
        ImagesStop,
    ]
    assert isinstance(events[-1], ImagesStop)
    assert (events[-1].usage.images, events[-1].usage.steps) == (2, 6)


async def test_who_has_gone_is_let_go_within_a_step(
    pool: EnginePool, model: InstalledModel
) -> None:
    engine = pool.image(model)
    async with aclosing(engine.draw(_asked(steps=150, n=10))) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, ImageProgress):
                break
    # The next picture is not behind 1,500 steps: the test would run into its time limit.
    last = [event async for event in engine.draw(_asked())][-1]
    assert isinstance(last, ImagesStop)


async def test_a_worker_killed_in_mid_picture_is_a_clear_error_and_the_next_is_drawn(
    pool: EnginePool, model: InstalledModel
) -> None:
    engine = pool.image(model)

    async def draw_and_kill() -> None:
        async for event in engine.draw(_asked(steps=150)):
            if isinstance(event, ImageProgress) and event.step == 2:
                os.kill(pool.loaded()[0].pid, signal.SIGKILL)

    with pytest.raises(EngineCrashed, match="killed by signal 9"):
        await draw_and_kill()
    last = [event async for event in engine.draw(_asked())][-1]
    assert isinstance(last, ImagesStop)


async def test_the_queue_is_bounded(pool: EnginePool, model: InstalledModel) -> None:
    engine = pool.image(model)
    running, waiting = (engine.draw(_asked(steps=150)) for _ in range(2))

    first = await anext(running)
    assert isinstance(first, ImagesStart)
    second = asyncio.ensure_future(anext(waiting))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await anext(engine.draw(_asked()))
    await running.aclose()  # type: ignore[attr-defined]
    assert isinstance(await second, ImagesStart)
    await waiting.aclose()  # type: ignore[attr-defined]


def test_a_folder_without_its_parts_is_refused(tmp_path: Path) -> None:
    from consigne.domain.errors import ModelNotSupported
    from consigne.engines.image_folders import image_files

    folder = image_model_folder()
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert "unet/openvino_model.bin" in image_files(names, "here")
    without = [name for name in names if "openvino_tokenizer" not in name]
    with pytest.raises(ModelNotSupported, match="openvino_tokenizer"):
        image_files(without, "here")


def _default() -> InstalledModel:
    found = ModelLibrary(Path("nowhere"), BUILT_IN).get("consigne-icons")
    assert found is not None
    return found


async def test_the_default_model_draws_several_things_side_by_side(pool: EnginePool) -> None:
    asked = _asked(model="consigne-icons", prompt="a cat and two dogs on a green background")
    events = [event async for event in pool.image(_default()).draw(asked)]
    start, stop = events[0], events[-1]
    assert isinstance(start, ImagesStart)
    assert (start.cells, start.width, start.height, start.known) == (3, 384, 128, True)
    assert start.left_out == ()
    steps = [event.step for event in events if isinstance(event, ImageProgress)]
    assert steps == list(range(1, 10)), "three steps for each of the three"
    (made,) = (event for event in events if isinstance(event, ImageMade))
    picture = Image.open(io.BytesIO(made.data)).convert("RGB")
    assert picture.size == (384, 128)
    assert isinstance(stop, ImagesStop)
    assert (stop.usage.images, stop.usage.steps, stop.usage.pixels) == (1, 9, 3 * 128 * 128)


async def test_a_colour_is_the_thing_s_and_the_same_seed_is_the_same_thing(
    pool: EnginePool,
) -> None:
    engine, shades = pool.image(_default()), []
    for prompt in ("a cat", "a blue cat", "un chat bleu qui danse"):
        asked = _asked(model="consigne-icons", prompt=prompt, steps=8)
        events = [event async for event in engine.draw(asked)]
        start = events[0]
        assert isinstance(start, ImagesStart)
        assert start.left_out == (("qui danse",) if "danse" in prompt else ())
        made = next(event for event in events if isinstance(event, ImageMade))
        pixels = np.asarray(Image.open(io.BytesIO(made.data)).convert("RGB")).astype(int)
        inner = pixels[40:100, 32:96].mean((0, 1))
        shades.append(inner[2] - inner[0])
    assert shades[0] < -20, "cats are yellow"
    assert min(shades[1:]) > 40, "blue ones are blue"


async def test_who_starts_from_a_picture_has_the_instruction_drawn_as_it_stands(
    pool: EnginePool,
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (128, 128), (200, 30, 30)).save(buffer, "PNG")
    asked = _asked(
        model="consigne-icons", prompt="a cat and a dog", source=buffer.getvalue(), strength=0.6
    )
    events = [event async for event in pool.image(_default()).draw(asked)]
    start = events[0]
    assert isinstance(start, ImagesStart)
    assert (start.cells, start.width) == (1, 128)


async def test_the_default_model_draws_with_and_without_guidance(pool: EnginePool) -> None:
    engine, drawn = pool.image(_default()), []
    for guidance in (3.0, 1.0, 3.0):
        asked = _asked(model="consigne-icons", prompt="a cat", guidance=guidance)
        events = [event async for event in engine.draw(asked)]
        drawn += [event.data for event in events if isinstance(event, ImageMade)]
    guided, alone, again = drawn
    assert guided == again
    assert guided != alone
