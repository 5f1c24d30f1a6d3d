"""Captions: what is said in them, and what is kept out of them."""

import json
import random
import re
from pathlib import Path

import pytest

import consigne
from consigne.training.images.captions import (
    HELD_OUT,
    HeldOut,
    Surroundings,
    caption,
    held_out,
    spoken,
)
from consigne.training.images.config import ImageTraining
from consigne.training.images.vocabulary import COLOURS, WHITE, also, code_of, objects

STYLES = ImageTraining().drawn


def a_caption(seed: int, *, french: bool | None = None, background: int = 2) -> str:
    rnd = random.Random(seed)
    return caption(rnd.choice(objects()), rnd.choice(STYLES), background, rnd, french=french)


def test_three_hundred_objects_have_names_of_their_own() -> None:
    things = objects()
    assert len({thing.code for thing in things}) == len(things) == 300
    for french in (False, True):
        names = [name.noun.lower() for thing in things for name in thing.names(french)]
        assert not {name for name in names if names.count(name) > 2}


def test_french_names_bear_their_article() -> None:
    without = {thing.emoji for thing in objects() if not all(name.article for name in thing.french)}
    assert not without - {"🪐"}  # Saturne


def test_articles_join_as_they_are_said() -> None:
    names = {name.full for thing in objects() for name in (*thing.french, *thing.english)}
    assert {"une pomme", "le soleil", "de l'argent", "an apple", "the moon", "scissors"} <= names


def test_an_emoji_is_filed_without_its_variation_selector() -> None:
    assert code_of("❤️") == "2764"
    assert code_of("🐻‍❄️") == "1f43b-200d-2744"


@pytest.mark.parametrize("french", [False, True])
def test_a_caption_names_its_object_and_its_background(french: bool) -> None:
    rnd = random.Random(1)
    for thing in objects():
        text = caption(thing, rnd.choice(STYLES), 2, rnd, french=french)
        assert any(name.noun in text for name in thing.names(french)), text
        assert COLOURS[2].name(french) in text, text


def test_white_is_mostly_left_unsaid() -> None:
    texts = [a_caption(seed, french=False, background=WHITE) for seed in range(400)]
    assert 20 < sum("white" in text for text in texts) < 120


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[abn]\\\}", ".+", re.escape(template)))


@pytest.mark.parametrize("phrasing", HELD_OUT, ids=lambda phrasing: phrasing.opening)
def test_held_out_phrasings_are_never_made(phrasing: HeldOut) -> None:
    opening, tail = _pattern(phrasing.opening), _pattern(phrasing.tail)
    surroundings = Surroundings([])
    for seed in range(3000):
        rnd = random.Random(seed)
        text = spoken(a_caption(seed), rnd)
        assert not opening.search(text)
        assert not tail.search(text)
        # Words strewn around it may meet one by chance, but not the two together.
        around = surroundings.around(text, rnd)
        assert not (opening.search(around) and tail.search(around))


def test_a_held_out_phrasing_carries_name_and_background() -> None:
    fox = next(thing for thing in objects() if thing.emoji == "🦊")
    assert held_out(HELD_OUT[0], fox, 2, with_tail=True) == (
        "please show a fox, blue backdrop behind it"
    )
    assert held_out(HELD_OUT[4], fox, 2, with_tail=False) == "je voudrais voir un renard"


def test_words_around_a_caption_leave_most_of_it_whole() -> None:
    surroundings = Surroundings(["qu", "zor"])
    whole = 0
    for seed in range(200):
        text = a_caption(seed)
        around = surroundings.around(text, random.Random(seed))
        assert set(text.split()) <= set(re.split(r"[\s]+", around.replace(text, f" {text} ")))
        whole += text in around
    assert whole > 120


def test_the_packaged_model_knows_every_other_name_of_the_list() -> None:
    about = json.loads((Path(consigne.__file__).parent / "image_model/consigne.json").read_text())
    packaged = {code_of(each["emoji"]): each["also"] for each in about["objects"] if "also" in each}
    assert packaged == {
        code: {
            "en": [name.full for name in thing.english],
            "fr": [name.full for name in thing.french],
        }
        for code, thing in also().items()
    }
