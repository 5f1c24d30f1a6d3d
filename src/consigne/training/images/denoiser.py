"""Stage *denoiser*: the latent diffusion model itself, by v-prediction on captioned artwork.

Backgrounds are laid in latent space, captions are made as they are needed, and the frozen text
encoder reads them in each step. The first objects are learned alone before all others join.
"""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import CLIPTextModel

from consigne.training.images import splits, unet
from consigne.training.images.artwork import Artwork
from consigne.training.images.captions import caption, caption_of_two
from consigne.training.images.config import ImageTraining
from consigne.training.images.latents import Latents
from consigne.training.images.pairs import together
from consigne.training.images.text_encoder import TextTrainee
from consigne.training.images.vocabulary import COLOURS, WHITE

_VARIED = 0.3
"""Share of captions with other words around them."""
_EMA_EVERY, _EMA = 4, 0.99


class DenoiserTrainee:
    """The UNet in training; see ``loop.Trainee``."""

    def __init__(
        self, config: ImageTraining, artwork: Artwork, latents: Latents, text: TextTrainee
    ) -> None:
        torch.manual_seed(config.seed)
        self._config, self.batch = config, config.denoiser.batch
        self.net = unet.network(config)
        self._parameters = list(self.net.parameters())
        self._average = [parameter.detach().clone() for parameter in self._parameters]
        self._optimiser = torch.optim.AdamW(
            self._parameters,
            config.denoiser.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
        )
        self._text = text
        self._reader: CLIPTextModel = text.model.encoder.eval().requires_grad_(False)
        self._signal = unet.schedule().alphas_cumprod.float()
        ratio = torch.log(self._signal / (1 - self._signal))
        self._rising = ratio.flip(0).contiguous()
        self._first = splits.shown_pairs(config, config.denoiser.first_objects)
        self._pairs = splits.shown_pairs(config, config.denoiser.objects)
        self._artwork, self._latents = artwork, latents
        self._art, self._ground = self._layers(artwork, latents)
        self._rgb = torch.tensor([colour.rgb for colour in COLOURS]).float() / 255
        self._shown = 0

    def _layers(self, artwork: Artwork, latents: Latents) -> tuple[Tensor, Tensor]:
        """Return the latents of all pairs: of the art, and of the ground in each colour."""
        rows = [self._row(number) for number in range(len(self._pairs))]
        parts = [
            latents.layers(np.stack([artwork.pixels[row] for row in rows[at : at + 128]]))
            for at in range(0, len(rows), 128)
        ]
        art, ground = (torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))
        return art, ground

    def _row(self, number: int) -> int:
        """Return where the artwork of a pair is."""
        thing, style = self._pairs[number]
        code = self._text.captions.listed[thing].code
        return self._artwork.rows[code, self._config.styles[style].package]

    def step(self, index: int, done: float) -> float:
        """Train on one batch of pictures with fresh captions, backgrounds, times and noise."""
        options = self._config.denoiser
        rnd = random.Random(f"{self._config.seed} denoiser {index}")
        noise = torch.Generator().manual_seed(rnd.getrandbits(48))
        rate = options.learning_rate * min(1.0, (index + 1) / 100)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * max(0.03, min(1.0, (1 - done) / 0.4))
        beginning = done * options.minutes < options.first_minutes
        clean, texts = self._examples(len(self._first) if beginning else len(self._pairs), rnd)
        times = self._times(noise)
        signal = self._signal[times].sqrt().view(-1, 1, 1, 1)
        spread = (1 - self._signal[times]).sqrt().view(-1, 1, 1, 1)
        random_part = torch.randn(clean.shape, generator=noise)
        mixed = (signal * clean + spread * random_part).to(memory_format=torch.channels_last)
        target = signal * random_part - spread * clean
        ids = self._text.encoded(texts)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                states = self._reader(ids).last_hidden_state
            predicted = self.net(mixed, times, encoder_hidden_states=states).sample
        loss = (predicted.float() - target).pow(2).mean()
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()
        if index % _EMA_EVERY == 0:
            updates = index / _EMA_EVERY
            keep = min(_EMA, (1 + updates) / (20 + updates))
            torch._foreach_lerp_(self._average, [p.detach() for p in self._parameters], 1 - keep)
        self._shown = len(self._first) if beginning else len(self._pairs)
        return float(loss.detach())

    def _examples(self, pairs: int, rnd: random.Random) -> tuple[Tensor, list[str]]:
        """Return a batch of clean latents with their captions."""
        # The first objects' pairs are also the first of all pairs.
        chosen = [rnd.randrange(pairs) for _ in range(self.batch)]
        art, under = self._art[chosen], self._ground[chosen]
        grounds, texts = [], []
        for at, number in enumerate(chosen):
            thing, style = self._pairs[number]
            white = rnd.random() < self._config.denoiser.white
            ground = WHITE if white else rnd.randrange(1, len(COLOURS))
            grounds.append(ground)
            # Without such pictures no random number is drawn for them: each step stays as it was.
            other = self._beside(number, pairs, rnd) if self._config.denoiser.together else None
            if other is not None:
                art[at], under[at] = self._two(number, other)
            if rnd.random() < self._config.denoiser.caption_dropout:
                texts.append("")
                continue
            captions, look = self._text.captions, self._config.styles[style]
            if other is not None:
                two = captions.listed[thing], captions.listed[self._pairs[other][0]]
                text = caption_of_two(two, look, ground, rnd)
            else:
                text = caption(captions.listed[thing], look, ground, rnd, style_needed=False)
            texts.append(captions.varied(text, rnd) if rnd.random() < _VARIED else text)
        colours = self._rgb[grounds]
        clean = art + torch.einsum("nc,nckhw->nkhw", colours, under)
        return clean, texts

    def _beside(self, number: int, pairs: int, rnd: random.Random) -> int | None:
        """Return the pair that stands beside another, of its style; mostly none does."""
        if rnd.random() >= self._config.denoiser.together:
            return None
        thing, style = self._pairs[number]
        others = [
            other
            for other, (beside, its_style) in enumerate(self._pairs[:pairs])
            if its_style == style and beside != thing and splits.is_shown_together(thing, beside)
        ]
        return rnd.choice(others) if others else None

    def _two(self, left: int, right: int) -> tuple[Tensor, Tensor]:
        pixels = self._artwork.pixels
        sheet = together(pixels[self._row(left)], pixels[self._row(right)])
        art, ground = self._latents.layers(sheet[None])
        return torch.from_numpy(art[0]), torch.from_numpy(ground[0])

    def _times(self, noise: torch.Generator) -> Tensor:
        """Return logit-normal flow times as the schedule's steps of equal signal to noise."""
        flow = torch.sigmoid(torch.randn(self.batch, generator=noise))
        ratio = 2 * torch.log((1 - flow) / flow)
        last = len(self._rising) - 1
        return (last - torch.searchsorted(self._rising, ratio)).clamp(0, last)

    def averaged(self) -> None:
        """Put the averaged weights into the network, for drawing and for export."""
        with torch.no_grad():
            for parameter, average in zip(self._parameters, self._average, strict=True):
                parameter.copy_(average)

    def state(self) -> dict[str, Any]:
        """Return the weights, their average and the optimiser."""
        return {
            "net": self.net.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the weights, their average and the optimiser."""
        self.net.load_state_dict(state["net"])
        self._average = state["average"]
        self._optimiser.load_state_dict(state["optimiser"])

    def detail(self) -> str:
        """Return how many pictures are being learned."""
        return f"{self._shown} pictures"
