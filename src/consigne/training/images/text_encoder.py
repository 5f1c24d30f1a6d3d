"""Stage *text*: a small CLIP text encoder, taught on captions alone, then frozen.

It learns to name a caption's object, style and background. Its hidden states are what the denoiser
reads; its object head is how the service knows that a request is beyond the model. Classes of the
object head: the hand-written objects, then everything else that emojibase names, then *nothing*.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from consigne.training.images import tokenizer as tokenizers
from consigne.training.images.captions import Surroundings, Wish, caption, spoken
from consigne.training.images.config import ImageTraining
from consigne.training.images.vocabulary import (
    COLOURS,
    WHITE,
    Object,
    common_words,
    objects,
    others,
)

_NOTHING = 0.07
"""Share of captions that ask for none of the objects."""
_LISTED = 0.6
"""Share of the others that ask for an object of the hand-written list."""
_SPOKEN, _AROUND = 0.3, 0.5
_COLOURED = 0.06
"""Share with a colour word at the object, which says nothing about the background."""
_TOKEN_NOISE = 0.05


class Captions:
    """An endless source of captions with what they ask for."""

    def __init__(self, config: ImageTraining, labels: Path, pieces: Sequence[str] = ()) -> None:
        self.listed = objects()
        self.things: tuple[Object, ...] = (*self.listed, *others(labels))
        self.nothing = len(self.things)
        self._config = config
        self._surroundings = Surroundings(pieces)

    def plain(self, rnd: random.Random) -> tuple[str, Wish]:
        """Return a plain caption."""
        if rnd.random() < _LISTED:
            thing = rnd.randrange(len(self.listed))
        else:
            thing = rnd.randrange(len(self.listed), len(self.things))
        style = rnd.randrange(len(self._config.styles))
        background = WHITE if rnd.random() < 0.3 else rnd.randrange(len(COLOURS))
        kind = self._config.styles[style]
        text = caption(self.things[thing], kind, background, rnd, style_needed=not kind.drawn)
        return text, Wish(thing, style, background)

    def one(self, rnd: random.Random) -> tuple[str, Wish]:
        """Return a caption as it may come from anybody."""
        if rnd.random() < _NOTHING:
            return self._surroundings.nothing(rnd), Wish(self.nothing, -1, -1)
        text, wish = self.plain(rnd)
        if rnd.random() < _COLOURED:
            text = self._coloured(wish, rnd)
        return self.varied(text, rnd), wish

    def varied(self, text: str, rnd: random.Random) -> str:
        """Return a caption with perhaps fillers and perhaps random words around it."""
        if rnd.random() < _SPOKEN:
            text = spoken(text, rnd)
        if rnd.random() < _AROUND:
            text = self._surroundings.around(text, rnd)
        return text

    def _coloured(self, wish: Wish, rnd: random.Random) -> str:
        french = rnd.random() < 0.5
        name = rnd.choice(self.things[wish.thing].names(french)).noun
        said = rnd.choice(COLOURS).name(french)
        shade = COLOURS[wish.background].name(french)
        if french:
            return f"{name} {said}, fond {shade}"
        return f"{said} {name}, {shade} background"


def prepare_tokenizer(config: ImageTraining, labels: Path, folder: Path) -> None:
    """Train the tokenizer on captions and everyday words, unless it is there."""
    if (folder / "vocab.json").exists():
        return
    rnd = random.Random(config.seed)
    source = Captions(config, labels)
    texts = [source.one(rnd)[0] for _ in range(60_000)]
    names = [name.full for thing in source.things for name in (*thing.english, *thing.french)]
    # Often enough to become pieces of their own.
    texts += names * 5 + list(common_words()) * 60
    tokenizers.train(texts, config.text.vocabulary, folder)


class Understanding(nn.Module):
    """The text encoder with its three heads, read at the end token or just after it."""

    def __init__(self, config: ImageTraining, tokenizer: CLIPTokenizer, things: int) -> None:
        super().__init__()
        text = config.text
        self.end = int(tokenizer.eos_token_id)
        self.encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=text.width,
                intermediate_size=4 * text.width,
                num_hidden_layers=text.layers,
                num_attention_heads=text.heads,
                max_position_embeddings=text.length,
                bos_token_id=int(tokenizer.bos_token_id),
                eos_token_id=self.end,
                pad_token_id=self.end,
                hidden_act="gelu",
            )
        )
        self.thing = nn.Linear(text.width, things + 1)
        self.style = nn.Linear(text.width, len(config.styles))
        self.background = nn.Linear(text.width, len(COLOURS))

    def forward(self, ids: Tensor, shift: Tensor | int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits of object, style and background for token ids (B, L)."""
        states = self.encoder(ids).last_hidden_state
        last = ids.shape[1] - 1
        at = ((ids == self.end).int().argmax(1) + shift).clamp(max=last)
        state = states[torch.arange(len(ids), device=ids.device), at]
        return self.thing(state), self.style(state), self.background(state)


class Encoded:
    """Token ids of captions, kept for those that come again."""

    def __init__(self, tokenizer: CLIPTokenizer, length: int, keep: int = 200_000) -> None:
        self._tokenizer, self._length, self._keep = tokenizer, length, keep
        self._known: dict[str, list[int]] = {}

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Return the ids (B, L), padded with the end token."""
        if len(self._known) > self._keep:
            self._known.clear()
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            ids = self._tokenizer(
                missing, padding="max_length", truncation=True, max_length=self._length
            )["input_ids"]
            self._known.update(zip(missing, ids, strict=True))
        return torch.tensor([self._known[text] for text in texts])


class TextTrainee:
    """The text encoder in training; see ``loop.Trainee``."""

    def __init__(self, config: ImageTraining, labels: Path, folder: Path) -> None:
        torch.manual_seed(config.seed)
        self._config, self.batch = config, config.text.batch
        self.tokenizer = tokenizers.load(folder, config.text.length)
        pieces = [
            piece.removesuffix("</w>")
            for piece in sorted(self.tokenizer.get_vocab())
            if not piece.startswith("<|") and piece.removesuffix("</w>").isalpha()
        ]
        self.captions = Captions(config, labels, pieces)
        self.model = Understanding(config, self.tokenizer, len(self.captions.things))
        self.encoded = Encoded(self.tokenizer, config.text.length, keep=20_000)
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(),
            config.text.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.02,
            fused=True,
        )
        self._right = 0.0

    def step(self, index: int, done: float) -> float:
        """Train on one batch of new captions."""
        rnd = random.Random(f"{self._config.seed} text {index}")
        noise = torch.Generator().manual_seed(rnd.getrandbits(48))
        rate = self._config.text.learning_rate * min(1.0, (index + 1) / 100)
        for group in self._optimiser.param_groups:
            group["lr"] = rate * max(0.02, min(1.0, (1 - done) / 0.5))
        pairs = [self.captions.one(rnd) for _ in range(self.batch)]
        wishes = torch.tensor([(w.thing, w.style, w.background) for _, w in pairs])
        ids = self._noisy(self.encoded([text for text, _ in pairs]), noise)
        shift = torch.randint(0, 3, (self.batch,), generator=noise)
        with torch.autocast("cpu", torch.bfloat16):
            things, styles, backgrounds = self.model(ids, shift)
        loss = (
            functional.cross_entropy(things.float(), wishes[:, 0])
            + 0.5 * functional.cross_entropy(styles.float(), wishes[:, 1], ignore_index=-1)
            + functional.cross_entropy(backgrounds.float(), wishes[:, 2], ignore_index=-1)
        )
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()
        self._right = float((things.argmax(1) == wishes[:, 0]).float().mean())
        return float(loss.detach())

    def _noisy(self, ids: Tensor, noise: torch.Generator) -> Tensor:
        """Replace a few tokens by random ones."""
        hit = torch.rand(ids.shape, generator=noise) < _TOKEN_NOISE
        hit &= (ids != self.model.end) & (ids != self.tokenizer.bos_token_id)
        other = torch.randint(0, len(self.tokenizer) - 2, ids.shape, generator=noise)
        return torch.where(hit, other, ids)

    def state(self) -> dict[str, Any]:
        """Return the model and the optimiser."""
        return {"model": self.model.state_dict(), "optimiser": self._optimiser.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the model and the optimiser."""
        self.model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])

    def detail(self) -> str:
        """Return the share of the last batch's objects that were named rightly."""
        return f"object {self._right:.1%}"
