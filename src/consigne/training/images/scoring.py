"""Stage *score*: what the judge makes of pictures of known and unknown instructions.

Four sets: plain captions as in training; phrasings never trained (half English, half French);
pairs of object and style never trained; and the text encoder alone on the same phrasings. Beside
them stand the judge's own figures on real art. The threshold of the text encoder's confidence is
chosen here, on phrasings never trained.
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from consigne.training.images import splits
from consigne.training.images.captions import HELD_OUT, caption, held_out
from consigne.training.images.classifier import ClassifierTrainee, unseen_package
from consigne.training.images.config import ImageTraining
from consigne.training.images.drawing import Artist
from consigne.training.images.text_encoder import TextTrainee
from consigne.training.images.vocabulary import COLOURS, WHITE, common_words

_BORDER = 4
"""Pixels at the rim that tell the background's colour."""

SHEET = (
    "a red apple", "un chat", "a flat icon of a rocket, blue background", "a 3d emoji of a dog",
    "une fraise, style plat, fond vert", "sunflower", "a slice of pizza", "une voiture, fond jaune",
    "a 3d icon of a mushroom", "a heart", "un cœur bleu, fond rose", "a frog on a black background",
    "un robot en 3d", "a penguin", "a soft drawing of an umbrella", "a banana, purple background",
    "un cactus", "une maison", "a guitar", "fire", "un vélo", "un papillon",
    "an ice cream, 3d style", "a hamburger", "draw me a fox", "dessine-moi un éléphant",
    "a fish, light blue background", "un arbre", "a cup of coffee", "un gâteau d'anniversaire",
    "an airplane on a blue background", "un ballon de football", "the sun", "une étoile, fond noir",
    "a key", "une ampoule", "a gift, flat style", "un sapin de Noël", "a snowman on blue",
    "une couronne, fond violet", "please show a lion", "je voudrais voir une tortue",
    "could you make an image with a tomato?", "fais une petite image : carotte",
    "a laptop", "un réveil, style doux", "a rainbow", "un fantôme, fond orange",
)  # fmt: skip
"""The fixed prompts of the sheet that a person counts."""


def score(
    config: ImageTraining, artist: Artist, judge: ClassifierTrainee, text: TextTrainee, count: int
) -> dict[str, Any]:
    """Return all figures; ``count`` pictures are drawn for each set."""
    rnd = random.Random(7)
    things = text.captions.listed
    chosen = [number % len(things) for number in rnd.sample(range(max(count, len(things))), count)]
    grounds = [WHITE if rnd.random() < 0.3 else rnd.randrange(1, len(COLOURS)) for _ in chosen]
    shown = splits.shown_pairs(config)
    styles = {thing: [style for other, style in shown if other == thing] for thing in set(chosen)}
    known = [
        caption(things[thing], config.styles[rnd.choice(styles[thing])], ground, rnd)
        for thing, ground in zip(chosen, grounds, strict=True)
    ]
    phrased = [
        held_out(HELD_OUT[k % len(HELD_OUT)], things[thing], ground, with_tail=ground != WHITE)
        for k, (thing, ground) in enumerate(zip(chosen, grounds, strict=True))
    ]
    pairs = sorted(splits.held_out_pairs(config))
    paired = [
        f"a {config.styles[style].english[0]} icon of {things[thing].english[0].full}"
        if turn % 2
        else f"{things[thing].french[0].full}, style {config.styles[style].french[0]}"
        for turn, (thing, style) in enumerate(pairs)
    ]
    first = config.denoiser.first_objects
    white = [WHITE] * len(pairs)
    return {
        "chance": {"top1": 1 / len(things), "top5": 5 / len(things)},
        "known phrasings": judged(artist.draw(known), chosen, grounds, judge, first),
        "phrasings never trained": judged(artist.draw(phrased, 1), chosen, grounds, judge, first),
        "pairs of object and style never trained": judged(
            artist.draw(paired, 2), [thing for thing, _ in pairs], white, judge, first
        ),
        "judge on real art": real(config, judge),
        "text encoder": text_figures(text),
    }


def judged(
    images: Tensor, things: list[int], grounds: list[int], judge: ClassifierTrainee, first: int
) -> dict[str, float]:
    """Return the shares of pictures whose object and background are right."""
    top1, top5 = judge.judged(images, things)
    figures = {"pictures": len(things), "top1": top1, "top5": top5}
    early = [number for number, thing in enumerate(things) if thing < first]
    if 0 < len(early) < len(things):
        figures["top1 of the first objects"] = judge.judged(
            images[early], [things[number] for number in early]
        )[0]
    wanted = torch.tensor(grounds)
    figures["background"] = float((background_of(images) == wanted).float().mean())
    return figures


def background_of(images: Tensor) -> Tensor:
    """Return the nearest colour's index to each picture's rim (its median)."""
    edge = _BORDER
    rim = [
        images[:, :, :edge].flatten(2),
        images[:, :, -edge:].flatten(2),
        images[..., :edge].flatten(2),
        images[..., -edge:].flatten(2),
    ]
    middle = torch.cat(rim, 2).median(2).values
    colours = torch.tensor([colour.rgb for colour in COLOURS]).float() / 127.5 - 1
    return torch.cdist(middle, colours).argmin(1)


def real(config: ImageTraining, judge: ClassifierTrainee) -> dict[str, Any]:
    """Return the judge's accuracy on real pictures: learned, of a style left out, foreign."""
    named = {
        "learned style": config.drawn[0].package,
        "style left out": unseen_package(config),
        "foreign artwork": config.foreign,
    }
    figures: dict[str, Any] = {}
    for name, package in named.items():
        if package is not None:
            count, top1, top5 = judge.accuracy(package)
            figures[name] = {"package": package, "pictures": count, "top1": top1, "top5": top5}
    return figures


def text_figures(text: TextTrainee) -> dict[str, Any]:
    """Return how well objects and backgrounds are understood in phrasings never trained."""
    rnd = random.Random(5)
    figures: dict[str, Any] = {}
    for french in (False, True):
        prompts, things, grounds = _phrased(text, french, rnd)
        logits, shades = understood(text, prompts)
        language = "French" if french else "English"
        figures[language] = {
            "prompts": len(prompts),
            "object": float((logits.argmax(1) == torch.tensor(things)).float().mean()),
            "background": float((shades.argmax(1) == torch.tensor(grounds)).float().mean()),
        }
    return figures


def _phrased(
    text: TextTrainee, french: bool, rnd: random.Random
) -> tuple[list[str], list[int], list[int]]:
    prompts, things, grounds = [], [], []
    for phrasing in (phrasing for phrasing in HELD_OUT if phrasing.french == french):
        for number, thing in enumerate(text.captions.listed):
            ground = rnd.randrange(1, len(COLOURS))
            prompts.append(held_out(phrasing, thing, ground, with_tail=True))
            things.append(number)
            grounds.append(ground)
    return prompts, things, grounds


def understood(text: TextTrainee, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the logits of object and of background."""
    things, shades = [], []
    text.model.eval()
    with torch.no_grad():
        for at in range(0, len(prompts), 256):
            thing, _, shade = text.model(text.encoded(prompts[at : at + 256]))
            things.append(thing)
            shades.append(shade)
    return torch.cat(things), torch.cat(shades)


def threshold(text: TextTrainee) -> dict[str, float]:
    """Choose the least confidence at which a request counts as within the model.

    Within: all listed objects; beyond: all other things that emojibase names, and everyday words;
    both in phrasings never trained. The threshold has the best mean of the two shares right.
    """
    rnd = random.Random(9)
    captions = text.captions
    within = [
        held_out(rnd.choice(HELD_OUT), thing, WHITE, with_tail=False) for thing in captions.listed
    ]
    others = captions.things[len(captions.listed) :]
    beyond = [held_out(rnd.choice(HELD_OUT), thing, WHITE, with_tail=False) for thing in others]
    beyond += list(common_words())
    listed = len(captions.listed)
    right, first = understood(text, within)[0].softmax(1).max(1)
    inside = right.where(first == torch.arange(listed), torch.zeros(()))
    wrong, first = understood(text, beyond)[0].softmax(1).max(1)
    outside = wrong.where(first < listed, torch.zeros(()))
    best = max(
        np.arange(0.05, 1.0, 0.01),
        key=lambda limit: float(
            (inside >= limit).float().mean() + (outside < limit).float().mean()
        ),
    )
    return {
        "threshold": float(best),
        "within accepted": float((inside >= best).float().mean()),
        "beyond refused": float((outside < best).float().mean()),
        "beyond": len(beyond),
    }
