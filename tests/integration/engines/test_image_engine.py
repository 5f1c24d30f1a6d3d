"""An image model in its worker process: steps told, work let go, a crash survived."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from consigne.domain.errors import EngineCrashed, Overloaded
from consigne.domain.images import ImageMade, ImageProgress, ImageRequest, ImagesStart, ImagesStop
from consigne.engines.base import InstalledModel
from consigne.engines.downloads import Facts, add
from consigne.engines.library import ModelLibrary
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
