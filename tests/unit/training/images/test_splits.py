"""What the denoiser never sees."""

from consigne.training.images import splits
from consigne.training.images.config import ImageTraining
from consigne.training.images.vocabulary import objects

CONFIG = ImageTraining()


def test_held_out_pairs_are_never_shown() -> None:
    held, shown = splits.held_out_pairs(CONFIG), splits.shown_pairs(CONFIG)
    assert len(held) == 30
    assert not held & set(shown)
    assert len(shown) + len(held) == len(objects()) * len(CONFIG.drawn)


def test_every_object_is_shown_in_some_style_and_every_style_lacks_some() -> None:
    assert {thing for thing, _ in splits.shown_pairs(CONFIG)} == set(range(len(objects())))
    styles = [style for _, style in splits.held_out_pairs(CONFIG)]
    assert {styles.count(style) for style in set(styles)} == {10}


def test_the_first_objects_come_first() -> None:
    first = splits.shown_pairs(CONFIG, 80)
    assert splits.shown_pairs(CONFIG)[: len(first)] == first


def test_one_style_alone_is_shown_whole() -> None:
    alone = ImageTraining(styles=CONFIG.styles[:1])
    assert not splits.held_out_pairs(alone)
