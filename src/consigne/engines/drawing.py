"""From what is asked of an image model to what it does: sizes, steps and seeds decided."""

import math
from typing import Final

import msgspec

from consigne.domain import sources
from consigne.domain.errors import InvalidRequest, Unsupported
from consigne.domain.images import ImageRequest, ImageTraits

MOST_PICTURES: Final = 10
MOST_STEPS: Final = 150
MOST_GUIDANCE: Final = 30.0
MOST_PROMPT: Final = 32_000
"""Characters of an instruction."""
MOST_PARTIALS: Final = 3
DEFAULT_STRENGTH: Final = 0.7
_SEEDS: Final = 2**32
"""Seeds of the engines' generators are smaller."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is to do for one request."""

    prompt: str
    negative_prompt: str
    n: int
    width: int
    """Of the picture to be handed out."""
    height: int
    drawn_width: int
    """Of the picture as the model draws it."""
    drawn_height: int
    steps: int
    guidance: float
    seed: int
    """Of the first picture."""
    strength: float
    """Enough for one step at least, or 0."""
    partials: int

    def seed_of(self, index: int) -> int:
        """Return a picture's seed."""
        return (self.seed + index) % _SEEDS


def plan(
    request: ImageRequest, traits: ImageTraits, at_hand: tuple[int, int] | None = None
) -> Plan:
    """Decide what the request leaves open, and refuse what the model can't do.

    ``at_hand`` is the size of the picture to start from, if there is one.

    Raises:
        InvalidRequest: A value is out of range, or the model can't do it (``Unsupported``).
    """
    _check_words(request)
    _check_numbers(request)
    if request.source is not None and not traits.edits:
        raise Unsupported(
            f"The model {request.model} draws from words only; it can't start from a picture.",
            param="image",
        )
    width, height = _size(request, traits, at_hand)
    part = request.mask is not None
    drawn_width, drawn_height = _drawn_size(width, height, traits, request.model, part=part)
    steps = request.steps or max(1, round(traits.steps * request.effort))
    seed = request.seed
    if seed is None:
        seed = int.from_bytes(sources.random_bytes(4), "big")
    return Plan(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt if traits.negative else "",
        n=request.n,
        width=width,
        height=height,
        drawn_width=drawn_width,
        drawn_height=drawn_height,
        steps=(steps := min(steps, MOST_STEPS)),
        guidance=traits.guidance if request.guidance is None else request.guidance,
        seed=seed % _SEEDS,
        strength=_strength(request.strength, steps),
        partials=request.partials,
    )


def _size(
    request: ImageRequest, traits: ImageTraits, at_hand: tuple[int, int] | None
) -> tuple[int, int]:
    """Return the size of what is handed out: as asked for, else like the picture at hand.

    Where a part is drawn anew the rest stays as it is. All of it is drawn anew in its shape, with
    about as many pixels as the model draws by itself.
    """
    if request.width or request.height:
        return request.width or request.height or 0, request.height or request.width or 0
    if at_hand is None or (traits.resizes and request.mask is None):
        return traits.width, traits.height
    width, height = at_hand
    if traits.resizes:
        scale, grid = min(1.0, traits.max_side / max(at_hand)), 1
    else:
        scale, grid = math.sqrt(traits.width * traits.height / (width * height)), traits.multiple
    return _fitting(width * scale, grid, traits), _fitting(height * scale, grid, traits)


def _fitting(side: float, grid: int, traits: ImageTraits) -> int:
    within = min(max(round(side / grid) * grid, traits.min_side), traits.max_side)
    return max(grid, within // grid * grid)


def _strength(wanted: float | None, steps: int) -> float:
    """Return the share to give up, enough for one step: engines round down, and fail at none.

    The margin covers their single precision.
    """
    if wanted == 0:
        return 0.0
    return max(DEFAULT_STRENGTH if wanted is None else wanted, min(1.0, 1.001 / steps))


def _check_words(request: ImageRequest) -> None:
    if not request.prompt.strip() and request.source is None:
        raise InvalidRequest("Say what is to be drawn: the prompt is empty.", param="prompt")
    for name in ("prompt", "negative_prompt"):
        if len(getattr(request, name)) > MOST_PROMPT:
            raise InvalidRequest(f"It has at most {MOST_PROMPT:,} characters.", param=name)


def _check_numbers(request: ImageRequest) -> None:
    _within("n", request.n, 1, MOST_PICTURES)
    _within("steps", request.steps, 1, MOST_STEPS)
    _within("guidance", request.guidance, 0.0, MOST_GUIDANCE)
    _within("strength", request.strength, 0.0, 1.0)
    _within("partial_images", request.partials, 0, MOST_PARTIALS)
    if request.mask is not None and request.source is None:
        raise InvalidRequest("A mask needs the picture that it lies on.", param="mask")


def _within(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidRequest(f"'{name}' must be from {least:g} to {most:g}.", param=name)


def _drawn_size(
    width: int, height: int, traits: ImageTraits, model: str, *, part: bool
) -> tuple[int, int]:
    """Return the size to draw at for a picture of this size, or for a part of one.

    Raises:
        InvalidRequest: The model has no such size; the message names the bounds.
    """
    least, most, multiple = traits.min_side, traits.max_side, traits.multiple
    if not (least <= width <= most and least <= height <= most):
        raise InvalidRequest(
            f"The size {width}x{height} is out of range: {model} makes pictures of {least} to "
            f"{most} pixels a side, {traits.width}x{traits.height} by default.",
            param="size",
        )
    if traits.resizes:
        if not part and width * traits.height != height * traits.width:
            raise InvalidRequest(
                f"The size {width}x{height} can't be had: {model} draws pictures of the shape "
                f"{traits.width}x{traits.height} only, up to {most} pixels a side.",
                param="size",
            )
        return traits.width, traits.height
    if width % multiple or height % multiple:
        raise InvalidRequest(
            f"The size {width}x{height} can't be had: width and height are multiples of "
            f"{multiple} with {model}.",
            param="size",
        )
    return width, height
