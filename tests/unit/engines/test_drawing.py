"""From what is asked of an image model to what it does."""

import pytest

from consigne.domain.errors import InvalidRequest, Unsupported
from consigne.domain.images import ImageRequest, ImageTraits
from consigne.engines.drawing import plan

FREE = ImageTraits(width=512, height=512, steps=20, guidance=7.0, max_side=1024, edits=True)
FIXED = ImageTraits(width=128, height=128, steps=20, guidance=3.0, resizes=True)
FIXED_EDITS = ImageTraits(width=128, height=128, steps=20, guidance=3.0, resizes=True, edits=True)


def _asked(**more: object) -> ImageRequest:
    return ImageRequest(model="m", prompt="a fox", **more)  # type: ignore[arg-type]


def test_what_is_left_open_is_the_models_own() -> None:
    todo = plan(_asked(), FREE)
    assert (todo.width, todo.height, todo.steps, todo.guidance) == (512, 512, 20, 7.0)
    assert plan(_asked(effort=0.5), FREE).steps == 10
    assert plan(_asked(effort=0.5, steps=3), FREE).steps == 3
    assert plan(_asked(seed=2**32 + 5), FREE).seed_of(1) == 6


def test_a_model_of_one_size_draws_there_and_enlarges() -> None:
    todo = plan(_asked(width=1024, height=1024), FIXED)
    assert (todo.width, todo.drawn_width, todo.drawn_height) == (1024, 128, 128)


@pytest.mark.parametrize(
    ("traits", "given", "param"),
    [
        (FREE, {"width": 2048, "height": 512}, "size"),
        (FREE, {"width": 516, "height": 512}, "size"),
        (FIXED, {"width": 256, "height": 128}, "size"),
        (FREE, {"n": 0}, "n"),
        (FREE, {"steps": 151}, "steps"),
        (FREE, {"strength": 1.5, "source": b""}, "strength"),
        (FREE, {"mask": b""}, "mask"),
        (FREE, {"prompt": "  "}, "prompt"),
    ],
)
def test_what_cannot_be_names_its_field(
    traits: ImageTraits, given: dict[str, object], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan(ImageRequest(**{"model": "m", "prompt": "x", **given}), traits)  # type: ignore[arg-type]
    assert caught.value.param == param


def test_a_model_that_reads_no_pictures_says_so() -> None:
    with pytest.raises(Unsupported, match="words only"):
        plan(_asked(source=b"x"), FIXED)


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 49, 150])
def test_a_change_takes_one_step_at_least_unless_nothing_is_given_up(steps: int) -> None:
    least = plan(_asked(source=b"x", strength=0.0001, steps=steps), FREE).strength
    assert int(steps * least) == 1
    assert plan(_asked(source=b"x", strength=0.0, steps=steps), FREE).strength == 0
    assert plan(_asked(source=b"x", strength=1.0, steps=steps), FREE).strength == 1


@pytest.mark.parametrize(
    ("traits", "at_hand", "part", "size", "drawn"),
    [
        (FIXED_EDITS, (384, 256), True, (384, 256), (128, 128)),
        (FIXED_EDITS, (384, 256), False, (128, 128), (128, 128)),
        (FIXED_EDITS, (4096, 1024), True, (2048, 512), (128, 128)),
        (FIXED_EDITS, (3000, 2), True, (2048, 64), (128, 128)),
        (FREE, (1024, 1024), True, (512, 512), (512, 512)),
        (FREE, (900, 400), False, (768, 344), (768, 344)),
        (FREE, (64, 9000), False, (64, 1024), (64, 1024)),
    ],
)
def test_a_picture_keeps_its_shape_as_far_as_the_model_can(
    traits: ImageTraits,
    at_hand: tuple[int, int],
    part: bool,
    size: tuple[int, int],
    drawn: tuple[int, int],
) -> None:
    asked = _asked(source=b"x", mask=b"x" if part else None)
    todo = plan(asked, traits, at_hand)
    assert (todo.width, todo.height) == size
    assert (todo.drawn_width, todo.drawn_height) == drawn
    asked_for = plan(_asked(source=b"x", width=256, height=256), traits, at_hand)
    assert (asked_for.width, asked_for.height) == (256, 256)
