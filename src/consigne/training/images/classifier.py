"""Stage *classifier*: the judge of the scores, a small network that learns the real artwork.

It knows the listed objects alone. Its own accuracy is measured on real art that it never saw: a
style left out of its training, and foreign artwork.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from consigne.training.images.artwork import Artwork
from consigne.training.images.config import ImageTraining
from consigne.training.images.latents import backgrounds
from consigne.training.images.vocabulary import objects

_WIDTHS = (32, 64, 128, 256)
_BLURRED = (24, 32, 40)


class Judge(nn.Module):
    """A convolutional classifier of pictures in -1 to 1, of any size."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self._size = size
        layers: list[nn.Module] = [nn.Conv2d(3, _WIDTHS[0], 4, 2, 1)]
        layers += [nn.BatchNorm2d(_WIDTHS[0]), nn.ReLU()]
        before = _WIDTHS[0]
        for width in _WIDTHS:
            for entering in (before, width):
                layers += [nn.Conv2d(entering, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
            before = width
        self.body = nn.Sequential(*layers)
        self.rest = nn.Dropout(0.3)
        self.head = nn.Linear(before * 5, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the listed objects."""
        if images.shape[-1] != self._size:
            images = functional.interpolate(images, size=(self._size, self._size), mode="area")
        maps = self.body(images)
        pooled = [functional.adaptive_avg_pool2d(maps, side).flatten(1) for side in (1, 2)]
        scores: Tensor = self.head(self.rest(torch.cat(pooled, 1)))
        return scores


class ClassifierTrainee:
    """The judge in training; see ``loop.Trainee``."""

    def __init__(self, config: ImageTraining, artwork: Artwork) -> None:
        torch.manual_seed(config.seed)
        self._config, self._artwork = config, artwork
        self.batch = config.classifier.batch
        self.things = objects()
        self.model = Judge(len(self.things), config.classifier.size)
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), config.classifier.learning_rate, weight_decay=0.05, fused=True
        )
        unseen = unseen_package(config)
        self._rows = [
            (artwork.rows[thing.code, style.package], number)
            for number, thing in enumerate(self.things)
            for style in config.styles
            if style.package != unseen and (thing.code, style.package) in artwork.rows
        ]
        self._right = 0.0

    def step(self, index: int, done: float) -> float:
        """Train on one batch of changed pictures."""
        rng = np.random.default_rng([self._config.seed, 2, index])
        noise = torch.Generator().manual_seed(int(rng.integers(2**48)))
        torch.manual_seed(int(rng.integers(2**48)))  # dropout draws from the global generator
        rate = self._config.classifier.learning_rate * min(1.0, (index + 1) / 100)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * max(0.01, 1 - done)
        chosen = [self._rows[k] for k in rng.integers(0, len(self._rows), self.batch)]
        grounds = backgrounds(rng, self.batch, white=0.1)
        images = torch.from_numpy(self._artwork.on([row for row, _ in chosen], grounds))
        wanted = torch.tensor([thing for _, thing in chosen])
        self.model.train()
        with torch.autocast("cpu", torch.bfloat16):
            scores = self.model(self._changed(images, noise))
        loss = functional.cross_entropy(scores.float(), wanted)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._right = float((scores.argmax(1) == wanted).float().mean())
        return float(loss.detach())

    def _changed(self, images: Tensor, noise: torch.Generator) -> Tensor:
        """Return pictures turned, scaled, shifted, blurred and noisy."""
        count, size = len(images), self._config.classifier.size
        images = functional.interpolate(images, size=(size, size), mode="area")
        turn = 0.12 * torch.randn(count, generator=noise)
        scale = 1 + 0.15 * torch.randn(count, generator=noise)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 0, 1] = scale * turn.cos(), -scale * turn.sin()
        theta[:, 1, 0], theta[:, 1, 1] = scale * turn.sin(), scale * turn.cos()
        theta[:, :, 2] = 0.1 * torch.randn(count, 2, generator=noise)
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
        if torch.rand(1, generator=noise) < 0.5:
            side = _BLURRED[int(torch.randint(0, len(_BLURRED), (1,), generator=noise))]
            small = functional.interpolate(images, size=(side, side), mode="area")
            images = functional.interpolate(small, size=(size, size), mode="bilinear")
        contrast = 1 + 0.15 * torch.randn(count, 1, 1, 1, generator=noise)
        shade = 0.08 * torch.randn(count, 3, 1, 1, generator=noise)
        return images * contrast + shade + 0.05 * torch.randn(images.shape, generator=noise)

    def accuracy(self, package: str) -> tuple[int, float, float]:
        """Return how many real pictures of a package there are, and top-1 and top-5 on them."""
        rows, wanted = [], []
        for number, thing in enumerate(self.things):
            row = self._artwork.rows.get((thing.code, package))
            if row is not None:
                rows.append(row)
                wanted.append(number)
        grounds = backgrounds(np.random.default_rng(3), len(rows), white=0.3)
        images = torch.from_numpy(self._artwork.on(rows, grounds))
        return len(rows), *self.judged(images, wanted)

    def judged(self, images: Tensor, wanted: list[int]) -> tuple[float, float]:
        """Return the shares of pictures whose object is named first, and among the first five."""
        self.model.eval()
        with torch.no_grad():
            scores = torch.cat([self.model(part) for part in images.split(64)])
        five = scores.topk(5).indices
        target = torch.tensor(wanted)[:, None]
        return float((five[:, :1] == target).float().mean()), float(
            (five == target).any(1).float().mean()
        )

    def state(self) -> dict[str, Any]:
        """Return the model and the optimiser."""
        return {"model": self.model.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the model and the optimiser."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])

    def detail(self) -> str:
        """Return the last batch's share of right answers."""
        return f"right {self._right:.1%}"


def unseen_package(config: ImageTraining) -> str | None:
    """Return the artwork that the judge does not learn: of the first style that is not drawn."""
    return next((style.package for style in config.styles if not style.drawn), None)
