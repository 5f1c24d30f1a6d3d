"""The linear latent space: there and back, and pictures laid on any ground."""

from pathlib import Path

import numpy as np
import pytest

from consigne.training.images import latents
from consigne.training.images.config import Pictures

SMALL = Pictures(size=16, patch=4, channels=12)


def smooth(count: int, rng: np.random.Generator) -> latents.Array:
    """Pictures whose patches are planes of colour: 9 numbers each."""
    patches = rng.uniform(-0.3, 0.3, (count, 4, 4, 3, 3))
    steps = np.linspace(-1, 1, 4)
    plane = patches[..., 0, None, None] + patches[..., 1, None, None] * steps[:, None]
    plane = plane + patches[..., 2, None, None] * steps
    return plane.transpose(0, 3, 1, 4, 2, 5).reshape(count, 3, 16, 16).astype(np.float32)


@pytest.fixture(scope="module")
def space() -> latents.Latents:
    return latents.fit(SMALL, smooth(64, np.random.default_rng(0)))


def test_what_fits_the_space_comes_back_whole(space: latents.Latents) -> None:
    images = smooth(5, np.random.default_rng(1))
    found = space.encode(images)
    assert found.shape == (5, 12, 4, 4)
    np.testing.assert_allclose(space.decode(found), images, atol=1e-4)


def test_the_layers_give_the_latent_on_any_ground(space: latents.Latents) -> None:
    rng = np.random.default_rng(2)
    alpha = rng.integers(0, 256, (3, 16, 16, 1))
    art = np.concatenate([rng.integers(0, 256, (3, 16, 16, 3)) * alpha // 255, alpha], -1)
    ground = rng.random((3, 3), dtype=np.float32)
    first, second = space.layers(art.astype(np.uint8))
    plain = art.astype(np.float32) / 255
    mixed = plain[..., :3] + ground[:, None, None] * (1 - plain[..., 3:])
    expected = space.encode((mixed * 2 - 1).transpose(0, 3, 1, 2))
    found = first + np.einsum("nc,nckhw->nkhw", ground, second)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_coarse_components_keep_the_larger_share(space: latents.Latents) -> None:
    spread = space.encode(smooth(64, np.random.default_rng(0))).std((0, 2, 3))
    assert spread[0] == pytest.approx(1.6, rel=0.2)
    assert spread[:3].min() > spread[6:9].max()


def test_a_stored_space_is_the_same(space: latents.Latents, tmp_path: Path) -> None:
    space.save(tmp_path / "latents.npz")
    again = latents.load(SMALL, tmp_path / "latents.npz")
    images = smooth(2, np.random.default_rng(3))
    np.testing.assert_array_equal(again.encode(images), space.encode(images))


def test_decibels_of_a_known_error() -> None:
    images = np.zeros((2, 3, 4, 4), np.float32)
    assert latents.psnr(images + 0.2, images) == pytest.approx(20.0)
