"""Stage *score*: what the judge makes of pictures of known and unknown instructions.

Sets: plain captions as in training; phrasings never trained, in English and in French; pairs of
object and style never trained; and the text encoder alone on such phrasings. Beside them stand the
judge's own figures on real art. The threshold of the text encoder's confidence is chosen here, on
phrasings never trained.
"""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from consigne.training.images import splits
from consigne.training.images.captions import HELD_OUT, Wish, caption, held_out
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
    """Return all figures; ``count`` pictures are drawn for each set, of the learned objects.

    Where not all of the list is learned, one more set is of the whole list.
    """
    rnd = random.Random(7)
    listed, learned = len(text.captions.listed), config.denoiser.objects
    wishes = _wishes(config, range(min(learned, listed)), count, rnd)
    figures: dict[str, Any] = {
        "objects": {"learned": min(learned, listed), "known to the judge": listed},
        "chance": {"top1": 1 / listed, "top5": 5 / listed},
        "known phrasings": _known(config, artist, judge, text, wishes, rnd),
        "phrasings never trained": _phrased_anew(artist, judge, text, wishes),
        "pairs of object and style never trained": _paired(config, artist, judge, text),
    }
    if learned < listed:
        everything = _wishes(config, range(listed), count, rnd)
        figures["whole list, known phrasings"] = _known(
            config, artist, judge, text, everything, rnd
        )
    figures["judge on real art"] = real(config, judge)
    figures["text encoder"] = text_figures(text)
    return figures


def _wishes(
    config: ImageTraining, things: Sequence[int], count: int, rnd: random.Random
) -> list[Wish]:
    """Return what to draw: objects in turn, a style that was shown, a background."""
    shown = splits.shown_pairs(config)
    order = [things[k % len(things)] for k in rnd.sample(range(max(count, len(things))), count)]
    return [
        Wish(
            thing,
            rnd.choice([style for other, style in shown if other == thing]),
            WHITE if rnd.random() < 0.3 else rnd.randrange(1, len(COLOURS)),
        )
        for thing in order
    ]


def _known(
    config: ImageTraining,
    artist: Artist,
    judge: ClassifierTrainee,
    text: TextTrainee,
    wishes: list[Wish],
    rnd: random.Random,
) -> dict[str, float]:
    prompts = [
        caption(text.captions.listed[wish.thing], config.styles[wish.style], wish.background, rnd)
        for wish in wishes
    ]
    return judged(artist.draw(prompts), wishes, judge)


def _phrased_anew(
    artist: Artist, judge: ClassifierTrainee, text: TextTrainee, wishes: list[Wish]
) -> dict[str, Any]:
    prompts, french = [], []
    for turn, wish in enumerate(wishes):
        phrasing = HELD_OUT[turn % len(HELD_OUT)]
        thing, ground = text.captions.listed[wish.thing], wish.background
        prompts.append(held_out(phrasing, thing, ground, with_tail=ground != WHITE))
        french.append(phrasing.french)
    images = artist.draw(prompts, 1)
    figures: dict[str, Any] = judged(images, wishes, judge)
    for language, wanted in (("English", False), ("French", True)):
        those = [turn for turn, said in enumerate(french) if said == wanted]
        figures[language] = judged(images[those], [wishes[turn] for turn in those], judge)
    return figures


def _paired(
    config: ImageTraining, artist: Artist, judge: ClassifierTrainee, text: TextTrainee
) -> dict[str, float]:
    prompts, wishes = [], []
    for turn, (number, style) in enumerate(sorted(splits.held_out_pairs(config))):
        if number < config.denoiser.objects:
            thing, kind = text.captions.listed[number], config.styles[style]
            prompts.append(
                f"a {kind.english[0]} icon of {thing.english[0].full}"
                if turn % 2
                else f"{thing.french[0].full}, style {kind.french[0]}"
            )
            wishes.append(Wish(number, style, WHITE))
    return judged(artist.draw(prompts, 2), wishes, judge)


def judged(images: Tensor, wishes: list[Wish], judge: ClassifierTrainee) -> dict[str, float]:
    """Return the shares of pictures whose object and background are right."""
    top1, top5 = judge.judged(images, [wish.thing for wish in wishes])
    grounds = torch.tensor([wish.background for wish in wishes])
    right = (background_of(images) == grounds).float().mean()
    return {"pictures": len(wishes), "top1": top1, "top5": top5, "background": float(right)}


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
