"""Stage *latents*: a linear latent space, the principal components of picture patches.

A picture in -1 to 1 is cut into patches; each becomes ``channels`` numbers, so a latent is
[channels, grid, grid]. Being linear, it lets a picture be laid on any background colour within
latent space. Channel k is scaled by 1.6·sqrt(sd_k/sd_1): coarse components keep the larger share.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from consigne.training.images.artwork import Artwork
from consigne.training.images.config import ImageTraining, Pictures
from consigne.training.images.files import replaced
from consigne.training.images.vocabulary import COLOURS, WHITE

Array = npt.NDArray[np.float32]

_FIT_PICTURES = 900
_SPREAD = 1.6


class Latents:
    """The two linear maps between pictures [n, 3, y, x] in -1 to 1 and latents [n, c, grid, grid].

    ``basis`` is [3·patch², channels] with orthonormal columns, ``mean`` a mean patch, ``scale``
    what each channel is multiplied with.
    """

    def __init__(self, pictures: Pictures, basis: Array, mean: Array, scale: Array) -> None:
        self._pictures = pictures
        self.basis, self.mean, self.scale = basis, mean, scale
        self.offset = -(mean @ basis) * scale

    def linear(self, images: Array) -> Array:
        """Return the latents without their constant part: what may be added and scaled."""
        found = (self._patches(images) @ self.basis * self.scale).astype(np.float32)
        grid = self._pictures.grid
        return found.transpose(0, 2, 1).reshape(len(images), -1, grid, grid)

    def encode(self, images: Array) -> Array:
        """Return the latents of pictures."""
        return self.linear(images) + self.offset[None, :, None, None]

    def decode(self, latents: Array) -> Array:
        """Return the pictures nearest to latents; patches' borders may show."""
        count, channels = latents.shape[:2]
        rows = latents.reshape(count, channels, -1).transpose(0, 2, 1) / self.scale
        patches = (rows @ self.basis.T + self.mean).astype(np.float32)
        grid, patch = self._pictures.grid, self._pictures.patch
        cut = patches.reshape(count, grid, grid, 3, patch, patch)
        return cut.transpose(0, 3, 1, 4, 2, 5).reshape(count, 3, grid * patch, grid * patch)

    def layers(self, art: npt.NDArray[np.uint8]) -> tuple[Array, Array]:
        """Return premultiplied RGBA pictures as a latent [n, c, g, g] and three for the ground.

        Their latent on a background (r, g, b in 0 to 1) is ``first + r·second[:, 0] + …``.
        """
        planes: Array = art.astype(np.float32).transpose(0, 3, 1, 2) / np.float32(255)
        first = self.encode(planes[:, :3] * 2 - 1)
        through = (1 - planes[:, 3]) * 2
        ground = []
        for colour in range(3):
            layer = np.zeros_like(planes[:, :3])
            layer[:, colour] = through
            ground.append(self.linear(layer))
        return first, np.stack(ground, 1)

    def _patches(self, images: Array) -> Array:
        count, (grid, patch) = len(images), (self._pictures.grid, self._pictures.patch)
        cut = images.reshape(count, 3, grid, patch, grid, patch)
        return cut.transpose(0, 2, 4, 1, 3, 5).reshape(count, grid * grid, -1)

    def save(self, path: Path) -> None:
        """Write the maps."""
        with replaced(path) as partial, partial.open("wb") as file:
            np.savez(file, basis=self.basis, mean=self.mean, scale=self.scale)


def load(pictures: Pictures, path: Path) -> Latents:
    """Read the maps that ``save`` wrote."""
    with np.load(path) as data:
        return Latents(pictures, data["basis"], data["mean"], data["scale"])


def fit(pictures: Pictures, images: Array) -> Latents:
    """Return the latent space of some pictures [n, 3, y, x] in -1 to 1."""
    plain = Latents(pictures, *_identity(pictures))
    rows = plain._patches(images).reshape(-1, 3 * pictures.patch**2).astype(np.float64)
    mean = rows.mean(0)
    values, vectors = np.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    spread = np.sqrt(np.maximum(values[::-1][: pictures.channels], 1e-12))
    basis = vectors[:, ::-1][:, : pictures.channels]
    scale = _SPREAD * np.sqrt(spread / spread[0]) / spread
    return Latents(
        pictures, basis.astype(np.float32), mean.astype(np.float32), scale.astype(np.float32)
    )


def _identity(pictures: Pictures) -> tuple[Array, Array, Array]:
    width = 3 * pictures.patch**2
    one = np.ones(pictures.channels, np.float32)
    return np.eye(width, pictures.channels, dtype=np.float32), np.zeros(width, np.float32), one


def fit_artwork(config: ImageTraining, artwork: Artwork) -> Latents:
    """Return the latent space of the styles' artwork on all backgrounds."""
    rng = np.random.default_rng(config.seed)
    styles = {style.package for style in config.styles}
    rows = [row for row, package in enumerate(artwork.packages) if package in styles]
    chosen = sorted(rng.choice(rows, min(_FIT_PICTURES, len(rows)), replace=False).tolist())
    images = artwork.on(chosen, backgrounds(rng, len(chosen), white=0.4))
    return fit(config.pictures, images)


def backgrounds(rng: np.random.Generator, count: int, white: float) -> Array:
    """Return random background colours [n, 3] in 0 to 1, white with the given probability."""
    rgb = np.array([colour.rgb for colour in COLOURS], np.float32) / np.float32(255)
    chosen = rng.integers(0, len(COLOURS), count)
    chosen[rng.random(count) < white] = WHITE
    found: Array = rgb[chosen]
    return found


def psnr(images: Array, others: Array) -> float:
    """Return the mean peak signal-to-noise ratio in dB of pictures in -1 to 1."""
    error = ((images.clip(-1, 1) - others) ** 2).mean((1, 2, 3))
    return float((10 * np.log10(4 / np.maximum(error, 1e-12))).mean())
