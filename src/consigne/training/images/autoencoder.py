"""Stage *autoencoder*: from pictures to latents and back, as a diffusers ``AutoencoderKL``.

The encoder is the linear map itself, so nothing is lost in image-to-image. The decoder is the
inverse map followed by a small network that learns to take away the patches' borders and to
sharpen; it starts as the identity. Both take the places of AutoencoderKL's own, which keeps its
interface for diffusers pipelines and for the export.
"""

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from consigne.training.images.artwork import Artwork
from consigne.training.images.config import ImageTraining
from consigne.training.images.latents import Array, Latents, backgrounds, psnr

_CERTAIN = -20.0
"""Log variance of the encoder's distribution: it is a point."""
_EMA = 0.995
_VALIDATION_EVERY = 40


class LinearEncoder(nn.Module):
    """Patches to their principal components: means, then log variances."""

    def __init__(self, config: ImageTraining, latents: Latents) -> None:
        super().__init__()
        patch, channels = config.pictures.patch, config.pictures.channels
        self._channels = channels
        self.map = nn.Conv2d(3, channels, patch, stride=patch)
        weight = (latents.basis * latents.scale).T.reshape(channels, 3, patch, patch)
        self.map.weight.data = torch.from_numpy(np.ascontiguousarray(weight))
        self.map.bias.data = torch.from_numpy(latents.offset.copy())

    def forward(self, image: Tensor) -> Tensor:
        """Return the moments (B, 2·channels, grid, grid) of pictures in -1 to 1."""
        mean = self.map(image)
        return torch.cat([mean, torch.full_like(mean, _CERTAIN)], 1)


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, value: Tensor) -> Tensor:
        """Return the value with what the block adds."""
        added: Tensor = value + self.body(value)
        return added


class RefiningDecoder(nn.Module):
    """The inverse of the linear map, then a learned correction."""

    def __init__(self, config: ImageTraining, latents: Latents) -> None:
        super().__init__()
        patch, channels = config.pictures.patch, config.pictures.channels
        one, two, three = config.autoencoder.widths
        self.map = nn.ConvTranspose2d(channels, 3, patch, stride=patch, bias=False)
        weight = (latents.basis / latents.scale).T.reshape(channels, 3, patch, patch)
        self.map.weight.data = torch.from_numpy(np.ascontiguousarray(weight))
        mean = torch.from_numpy(latents.mean.reshape(1, 3, patch, patch).copy())
        self.register_buffer("mean", mean)
        self.map.requires_grad_(False)
        self.enter = nn.Sequential(nn.Conv2d(12, one, 3, padding=1), Block(one))
        self.down_two = nn.Sequential(nn.Conv2d(one, two, 3, stride=2, padding=1), Block(two))
        self.down_three = nn.Conv2d(two, three, 3, stride=2, padding=1)
        self.join = nn.Sequential(nn.Conv2d(three + channels, three, 1), Block(three), Block(three))
        self.up_two = nn.Sequential(nn.Conv2d(three + two, two, 3, padding=1), Block(two))
        self.up_one = nn.Sequential(nn.Conv2d(two + one, one, 3, padding=1), Block(one))
        self.leave = nn.Conv2d(one, 12, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, latent: Tensor, latent_embeds: Tensor | None = None) -> Tensor:
        """Return the pictures (B, 3, y, x) of latents (B, channels, grid, grid)."""
        rows, columns = latent.shape[2:]
        plain = self.map(latent) + self.mean.repeat(1, 1, rows, columns)
        one = self.enter(functional.pixel_unshuffle(plain, 2))
        two = self.down_two(one)
        three = self.down_three(two)
        wide = functional.interpolate(latent, size=three.shape[2:], mode="nearest")
        value = self.join(torch.cat([three, wide], 1))
        value = functional.interpolate(value, scale_factor=2.0, mode="nearest")
        value = self.up_two(torch.cat([value, two], 1))
        value = functional.interpolate(value, scale_factor=2.0, mode="nearest")
        value = self.up_one(torch.cat([value, one], 1))
        return plain + functional.pixel_shuffle(self.leave(value), 2)


def model(config: ImageTraining, latents: Latents) -> AutoencoderKL:
    """Return an autoencoder whose decoder corrects nothing yet."""
    blocks = config.pictures.patch.bit_length()
    built = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        # Their number tells pipelines how much smaller a latent is; the blocks are replaced.
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        block_out_channels=(8,) * blocks,
        layers_per_block=1,
        latent_channels=config.pictures.channels,
        norm_num_groups=4,
        sample_size=config.pictures.size,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    built.encoder = LinearEncoder(config, latents)
    built.decoder = RefiningDecoder(config, latents)
    return built


class AutoencoderTrainee:
    """The decoder in training; see ``loop.Trainee``."""

    def __init__(self, config: ImageTraining, artwork: Artwork, latents: Latents) -> None:
        torch.manual_seed(config.seed)
        self._config, self.batch = config, config.autoencoder.batch
        self._artwork, self._latents = artwork, latents
        self.model = model(config, latents)
        self._parameters = [p for p in self.model.decoder.parameters() if p.requires_grad]
        self._average = [parameter.detach().clone() for parameter in self._parameters]
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            config.autoencoder.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=1e-4,
            fused=True,
        )
        styles = {style.package for style in config.styles}
        rows = [row for row, package in enumerate(artwork.packages) if package in styles]
        self._unseen, self._rows = rows[::_VALIDATION_EVERY], []
        self._rows = sorted(set(rows) - set(self._unseen))
        self._error = 0.0

    def step(self, index: int, done: float) -> float:
        """Train on one batch of pictures from any style, on any background."""
        options = self._config.autoencoder
        rng = np.random.default_rng([self._config.seed, 1, index])
        noise = torch.Generator().manual_seed(int(rng.integers(2**48)))
        rate = options.learning_rate * min(1.0, (index + 1) / 60)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * max(0.02, min(1.0, (1 - done) / 0.5))
        rows = [self._rows[k] for k in rng.integers(0, len(self._rows), self.batch)]
        images = self._artwork.on(rows, backgrounds(rng, self.batch, white=0.3))
        if rng.random() < 0.5:
            images = np.ascontiguousarray(images[..., ::-1])
        real = torch.from_numpy(images)
        latent = torch.from_numpy(self._latents.encode(images))
        strength = options.noise * torch.rand(self.batch, 1, 1, 1, generator=noise)
        latent = latent + strength * torch.randn(latent.shape, generator=noise)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = self.model.decode(latent).sample
        error = drawn.float() - real
        across, along = error.diff(dim=3).abs().mean(), error.diff(dim=2).abs().mean()
        loss = error.abs().mean() + error.pow(2).mean() + 0.5 * (across + along)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        keep = min(_EMA, (1 + index) / (10 + index))
        torch._foreach_lerp_(self._average, [p.detach() for p in self._parameters], 1 - keep)
        self._error = float(error.detach().pow(2).mean())
        return float(loss.detach())

    def averaged(self) -> None:
        """Put the averaged weights into the decoder."""
        with torch.no_grad():
            for parameter, average in zip(self._parameters, self._average, strict=True):
                parameter.copy_(average)

    def quality(self, noise: float = 0.0) -> tuple[float, float]:
        """Return the decibels on pictures never trained on: of the linear map, of the decoder."""
        rng = np.random.default_rng(7)
        images = self._artwork.on(self._unseen, backgrounds(rng, len(self._unseen), white=0.3))
        latent = self._latents.encode(images)
        latent += noise * rng.standard_normal(latent.shape, np.float32)
        drawn: list[Array] = []
        with torch.no_grad():
            for at in range(0, len(latent), 32):
                part = self.model.decode(torch.from_numpy(latent[at : at + 32])).sample
                drawn.append(part.numpy())
        return psnr(self._latents.decode(latent), images), psnr(np.concatenate(drawn), images)

    def state(self) -> dict[str, Any]:
        """Return the decoder, the average of its weights and the optimiser."""
        return {
            "decoder": self.model.decoder.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the decoder, the average of its weights and the optimiser."""
        self.model.decoder.load_state_dict(state["decoder"])
        self._average = state["average"]
        self._optimiser.load_state_dict(state["optimiser"])

    def detail(self) -> str:
        """Return the last batch's squared error."""
        return f"squared error {self._error:.4f}"
