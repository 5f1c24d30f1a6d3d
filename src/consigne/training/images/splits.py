"""What is kept out of the denoiser's training, to score it on what it never saw."""

from consigne.training.images.config import ImageTraining
from consigne.training.images.vocabulary import objects

_EVERY = 10


def held_out_pairs(config: ImageTraining) -> frozenset[tuple[int, int]]:
    """Return the pairs (object, style) that are never shown: each tenth object lacks one style.

    Objects and styles by index; the styles take turns.
    """
    drawn = [number for number, style in enumerate(config.styles) if style.drawn]
    if len(drawn) < 2:
        return frozenset()
    chosen = range(_EVERY // 2, len(objects()), _EVERY)
    return frozenset((thing, drawn[turn % len(drawn)]) for turn, thing in enumerate(chosen))


def shown_pairs(config: ImageTraining, first: int | None = None) -> list[tuple[int, int]]:
    """Return the pairs (object, style) to train on, of the first objects or of all."""
    held = held_out_pairs(config)
    return [
        (thing, style)
        for thing in range(len(objects()[:first]))
        for style, kind in enumerate(config.styles)
        if kind.drawn and (thing, style) not in held
    ]


def is_shown_together(thing: int, other: int) -> bool:
    """Say whether two things are shown in one picture; one in ten twos is kept for the scores."""
    return (thing + other) % 10 != 0
