"""Training on a tiny configuration: it learns, it resumes exactly, it stops cleanly."""

import os
import random
import signal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from consigne.domain.errors import OperatorError
from consigne.training.images import config as configs
from consigne.training.images.vocabulary import objects
from support import extras

extras.need("train", "torch", "diffusers", "transformers", "optimum", "resvg_py")

import torch  # noqa: E402

from consigne.training.images import loop, stages  # noqa: E402

TINY = configs.ImageTraining(
    pictures=configs.Pictures(size=32, patch=8, channels=8),
    text=configs.Text(vocabulary=1200, length=16, width=32, layers=1, heads=2, batch=16),
    autoencoder=configs.Autoencoder(widths=(8, 8, 16), batch=4),
    denoiser=configs.Denoiser(widths=(32, 32), batch=4, first_objects=10),
    classifier=configs.Classifier(size=32, batch=8),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with random artwork in place of the drawn one."""
    place = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    rows = [
        {"code": thing.code, "package": style.package}
        for style in TINY.styles
        for thing in objects()
    ]
    (place / "artwork").mkdir()
    art = rng.integers(0, 256, (len(rows), 32, 32, 4), np.uint8)
    np.save(place / "artwork" / "pictures.npy", np.minimum(art, art[..., 3:]))
    (place / "artwork" / "pictures.json").write_bytes(msgspec.json.encode(rows))
    labels = [{"code": "1fa98", "emoji": "🪘", "en": "long drum", "fr": "djembé"}]
    (place / "artwork" / "labels.json").write_bytes(msgspec.json.encode(labels))
    with stages.work(TINY, place) as work:
        stages.run(work, "latents", print, loop.Stop())
        loop.save(work.checkpoint("text"), {"trainee": work.text.state(), "step": 1, "seconds": 1})
    return place


def weights(state: Any) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    if isinstance(state, dict):
        return [tensor for value in state.values() for tensor in weights(value)]
    return [tensor for value in state for tensor in weights(value)] if type(state) is list else []


@pytest.mark.parametrize("stage", ["text", "autoencoder", "denoiser", "classifier"])
def test_a_run_that_was_cut_goes_on_as_if_it_had_not_been(folder: Path, stage: str) -> None:
    whole = getattr(stages.Work(TINY, folder), stage)
    losses = [whole.step(index, index / 10) for index in range(4)]
    begun = getattr(stages.Work(TINY, folder), stage)
    assert [begun.step(index, index / 10) for index in range(2)] == losses[:2]
    loop.save(folder / "cut.pt", {"trainee": begun.state()})
    resumed = getattr(stages.Work(TINY, folder), stage)
    resumed.restore(loop.read(folder / "cut.pt")["trainee"])
    assert [resumed.step(index, index / 10) for index in range(2, 4)] == losses[2:]
    for one, other in zip(weights(whole.state()), weights(resumed.state()), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert whole.detail()


def test_two_things_are_learned_in_one_picture_where_that_is_asked_for(folder: Path) -> None:
    options = msgspec.structs.replace(TINY.denoiser, together=1.0, caption_dropout=0.0, white=1.0)
    trainee = stages.Work(msgspec.structs.replace(TINY, denoiser=options), folder).denoiser
    alone = stages.Work(TINY, folder).denoiser
    two, texts = trainee._examples(40, random.Random(1))
    one, _ = alone._examples(40, random.Random(1))
    assert two.shape == one.shape
    grid = two.shape[-1]
    edge = two[:, :, 0, 0]
    torch.testing.assert_close(two[:, :, -1, grid // 2], edge, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(two[:, :, grid // 2, 1], edge, atol=1e-2), (
        "things stand in the middle"
    )
    nouns = [name.noun for thing in objects()[:20] for french in (False, True)
             for name in thing.names(french)]  # fmt: skip
    assert all(sum(noun in text for noun in nouns) >= 2 for text in texts)
    assert trainee.step(0, 0.0) > 0


class Counter:
    """A trainee that counts, and may be interrupted by its own step."""

    batch = 2

    def __init__(self, *, interrupt_at: int = -1) -> None:
        self.steps: list[int] = []
        self._interrupt_at = interrupt_at

    def step(self, index: int, done: float) -> float:
        assert 0 <= done < 1
        self.steps.append(index)
        if index == self._interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    def state(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def restore(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]

    def detail(self) -> str:
        return ""


def count(trainee: Counter, path: Path, minutes: float) -> int:
    stop = loop.Stop()
    with stop.listening():
        return loop.train(
            "count",
            trainee,
            path,
            minutes=minutes,
            every_seconds=1e9,
            listener=lambda _: None,
            stop=stop,
        )


def test_ctrl_c_ends_the_step_saves_and_leaves(tmp_path: Path) -> None:
    with pytest.raises(loop.Interrupted):
        count(Counter(interrupt_at=3), tmp_path / "checkpoint.pt", minutes=1)
    again = Counter(interrupt_at=5)
    with pytest.raises(loop.Interrupted):
        count(again, tmp_path / "checkpoint.pt", minutes=1)
    assert again.steps == [0, 1, 2, 3, 4, 5]


def test_a_used_budget_takes_no_more_steps(tmp_path: Path) -> None:
    steps = count(Counter(), tmp_path / "checkpoint.pt", minutes=1e-4)
    assert count(Counter(), tmp_path / "checkpoint.pt", minutes=1e-4) == steps


def test_a_failing_write_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    loop.save(path, {"step": 1})
    with pytest.raises(AttributeError):
        loop.save(path, {"step": lambda: "cannot be stored"})
    assert loop.read(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_encoder_is_the_linear_map_and_the_decoder_begins_as_its_inverse(folder: Path) -> None:
    work = stages.Work(TINY, folder)
    images = work.artwork.on([3, 40], np.ones((2, 3), np.float32))
    moments = work.autoencoder.model.encode(torch.from_numpy(images)).latent_dist
    expected = work.latents.encode(images)
    np.testing.assert_allclose(moments.mean.detach().numpy(), expected, atol=1e-4)
    assert float(moments.std.detach().max()) < 1e-3
    drawn = work.autoencoder.model.decode(torch.from_numpy(expected)).sample.detach().numpy()
    np.testing.assert_allclose(drawn, work.latents.decode(expected), atol=1e-4)


def test_pictures_are_drawn_the_same_for_the_same_seed(folder: Path) -> None:
    from consigne.training.images.drawing import Artist

    short = msgspec.structs.replace(TINY, sampling=configs.Sampling(steps=2))
    work = stages.Work(short, folder)
    artist = Artist(short, work.text, work.denoiser.net, work.autoencoder.model)
    once, again = (artist.draw(["a cat", "un chien"], seed=4) for _ in range(2))
    assert once.shape == (2, 3, 32, 32)
    assert torch.equal(once, again)
    assert not torch.equal(once, artist.draw(["a cat", "un chien"], seed=5))


def test_the_rim_tells_the_background() -> None:
    from consigne.training.images.scoring import background_of
    from consigne.training.images.vocabulary import COLOURS

    images = torch.zeros(len(COLOURS), 3, 32, 32)
    for number, colour in enumerate(COLOURS):
        images[number] = torch.tensor(colour.rgb).float().view(3, 1, 1) / 127.5 - 1
    images[:, :, 8:24, 8:24] = 0.3
    assert background_of(images).tolist() == list(range(len(COLOURS)))


def test_another_configuration_is_refused_in_the_same_folder(folder: Path) -> None:
    other = msgspec.structs.replace(TINY, denoiser=configs.Denoiser(widths=(64, 32)))
    with pytest.raises(OperatorError, match=r"denoiser\.widths"), stages.work(other, folder):
        pass
    longer = msgspec.structs.replace(
        TINY, denoiser=msgspec.structs.replace(TINY.denoiser, minutes=1.0)
    )
    with (
        stages.work(longer, folder),
        pytest.raises(OperatorError, match="Another training"),
        stages.work(longer, folder),
    ):
        pass


def test_a_stage_without_what_it_needs_says_which_comes_first(tmp_path: Path) -> None:
    with stages.work(TINY, tmp_path) as work, pytest.raises(OperatorError, match="prepare first"):
        stages.run(work, "latents", print, loop.Stop())
