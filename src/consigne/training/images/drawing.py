"""Draw pictures with the model in training, and lay them out on a sheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from consigne.training.images import unet
from consigne.training.images.config import ImageTraining
from consigne.training.images.files import replaced
from consigne.training.images.text_encoder import TextTrainee

_AT_ONCE = 48
_CAPTION_HEIGHT = 30


class Artist:
    """The model's three parts, put together to draw many pictures fast."""

    def __init__(
        self,
        config: ImageTraining,
        text: TextTrainee,
        net: UNet2DConditionModel,
        autoencoder: AutoencoderKL,
    ) -> None:
        self._config, self._text = config, text
        self._net, self._autoencoder = unet.fast(net).eval(), autoencoder.eval()

    @torch.no_grad()
    def draw(self, prompts: Sequence[str], seed: int = 0) -> Tensor:
        """Return the pictures [n, 3, y, x] in -1 to 1, the same for the same prompts and seed."""
        return torch.cat(
            [
                self._some(prompts[at : at + _AT_ONCE], seed + at)
                for at in range(0, len(prompts), _AT_ONCE)
            ]
        )

    def _some(self, prompts: Sequence[str], seed: int) -> Tensor:
        pictures, sampling = self._config.pictures, self._config.sampling
        noise = torch.Generator().manual_seed(seed)
        latent = torch.randn(
            len(prompts), pictures.channels, pictures.grid, pictures.grid, generator=noise
        )
        steps = unet.schedule()
        steps.set_timesteps(sampling.steps)
        with torch.autocast("cpu", torch.bfloat16):
            ids = self._text.encoded([*[""] * len(prompts), *prompts])
            states = self._text.model.encoder(ids).last_hidden_state
            for time in steps.timesteps:
                both = torch.cat([latent, latent]).to(memory_format=torch.channels_last)
                found = self._net(both, time, encoder_hidden_states=states).sample.float()
                without, with_text = found.chunk(2)
                guided = without + sampling.guidance * (with_text - without)
                latent = steps.step(guided, time, latent).prev_sample
        drawn: Tensor = self._autoencoder.decode(latent).sample
        return drawn.float().clamp(-1, 1)


def sheet(images: Tensor, captions: Sequence[str], columns: int, path: Path) -> None:
    """Write a contact sheet: each picture with its caption below, in few colours to be small."""
    from PIL import Image, ImageDraw, ImageFont

    size, gap = images.shape[-1], 6
    rows = -(-len(captions) // columns)
    cell, height = size + gap, size + _CAPTION_HEIGHT
    page = Image.new("RGB", (columns * cell, rows * height), (255, 255, 255))
    pen = ImageDraw.Draw(page)
    try:
        font: Any = ImageFont.truetype("DejaVuSans.ttf", 10)
    except OSError:
        font = ImageFont.load_default(size=10)
    pixels = ((images.permute(0, 2, 3, 1) + 1) * 127.5).clamp(0, 255).byte().numpy()
    for number, text in enumerate(captions):
        left, top = number % columns * cell, number // columns * height
        page.paste(Image.fromarray(pixels[number]), (left + gap // 2, top))
        for line, part in enumerate(_lines(text, pen, font, size)[:2]):
            pen.text((left + gap // 2, top + size + 2 + 12 * line), part, (0, 0, 0), font)
    with replaced(path) as partial:
        page.quantize(256).save(partial, "PNG", optimize=True)


def _lines(text: str, pen: Any, font: Any, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
