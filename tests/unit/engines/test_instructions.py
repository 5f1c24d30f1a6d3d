"""What a model that draws single things takes from an instruction."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import consigne
from consigne.engines.instructions import MOST_CELLS, THE_REST, Vocabulary

ABOUT = Path(consigne.__file__).parent / "image_model" / "consigne.json"
VOCABULARY = Vocabulary(json.loads(ABOUT.read_text("utf-8")))


def _drawn(text: str) -> list[str]:
    return [cell.caption for cell in VOCABULARY.read(text).cells]


@pytest.mark.parametrize(
    ("text", "captions"),
    [
        ("a cat and a dog", ["a cat", "a dog"]),
        ("un chat et un chien sur fond vert", ["un chat, fond vert", "un chien, fond vert"]),
        ("a horse, a cow and a sheep", ["a horse", "a cow", "a sheep"]),
        ("three apples", ["an apple"] * 3),
        ("trois pommes", ["une pomme"] * 3),
        ("2 cats next to a car, 3d style", ["a cat, 3d style"] * 2 + ["a car, 3d style"]),
        ("cats", ["a cat"] * 2),
        ("des chevaux", ["un cheval"] * 2),
        ("a cat, no dogs", ["a cat"]),
        ("un chat sans chien", ["un chat"]),
        ("un chat sans chapeau", ["un chat"]),
        ("un dé et un chat", ["un dé", "un chat"]),
    ],
)
def test_each_thing_that_is_named_has_a_cell(text: str, captions: list[str]) -> None:
    reading = VOCABULARY.read(text)
    assert [cell.caption for cell in reading.cells] == captions
    assert (reading.rewritten, reading.left_out) == (True, ())


@pytest.mark.parametrize("language", ["en", "fr"])
def test_other_names_that_people_say_are_drawn_as_the_one_that_was_learned(language: str) -> None:
    asked = {"en": "Draw me {}, please", "fr": "Dessine-moi {}, s'il te plaît"}[language]
    wrong = {
        name: reading
        for thing in json.loads(ABOUT.read_text("utf-8"))["objects"]
        for name in thing.get("also", {}).get(language, ())
        for reading in [VOCABULARY.read(asked.format(name))]
        if [cell.caption for cell in reading.cells] != thing[language][:1] or not reading.rewritten
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "text",
    [
        "a red fox, flat style, white background",
        "Draw me a cat please",
        "un chat, fond bleu",
        "a big blue heart on a pink background",
        "un chat sans froufrou",
    ],
)
def test_what_the_model_was_taught_is_drawn_as_it_stands(text: str) -> None:
    reading = VOCABULARY.read(text)
    assert (len(reading.cells), reading.rewritten, reading.left_out) == (1, False, ())


@pytest.mark.parametrize(
    ("text", "caption", "dominant"),
    [
        ("a purple cat", "a cat", None),
        ("an orange cat", "a cat", 0),
        ("a blue car on a red background", "a car", 2),
        ("une voiture verte", "une voiture", 1),
        ("un éléphant rose", "un éléphant", 0),
        ("une étoile dorée sur du bleu", "une étoile", 0),
        ("deux chats noirs et une souris", "un chat", None),
    ],
)
def test_a_colour_said_of_a_thing_is_its_own(text: str, caption: str, dominant: int | None) -> None:
    cell = VOCABULARY.read(text).cells[0]
    assert cell.caption == caption
    assert cell.tint is not None
    assert dominant is None or max(cell.tint) == cell.tint[dominant]
    assert (cell.ground is None) is not any(word in text for word in ("background", "sur du"))


@pytest.mark.parametrize(
    ("text", "caption", "left_out"),
    [
        ("a cat and a djembe", "a cat", ("a djembe",)),
        ("a chocolate cat", "a cat", ("a chocolate",)),
        ("un chat car il pleut", "un chat", ("car il pleut",)),
        ("a hot dog stand", "a hot dog", ("stand",)),
        ("a lit candle", "a candle", ("a lit",)),
        ("a cat in a garden", "a cat", ("in a garden",)),
        ("a fox wearing glasses, watercolour", "a fox", ("wearing glasses", "watercolour")),
        ("un chat qui joue dans la neige", "un chat", ("qui joue dans la neige",)),
        ("a mouse on the moon", "a mouse", ("on the moon",)),
        ("a photo of a cat", "a cat", ("a photo",)),
    ],
)
def test_what_no_cell_has_is_named(text: str, caption: str, left_out: tuple[str, ...]) -> None:
    reading = VOCABULARY.read(text)
    assert [cell.caption for cell in reading.cells] == [caption]
    assert (reading.left_out, reading.rewritten) == (left_out, True)


def test_more_than_there_is_room_for_is_told() -> None:
    reading = VOCABULARY.read("12 dogs")
    assert len(reading.cells) == MOST_CELLS
    assert reading.left_out == ("12 dogs (6 drawn)",)
    assert VOCABULARY.read("vingt chats et 9 chiens").left_out[0].endswith("(6 dessinés)")


def test_of_a_long_instruction_only_an_only_thing_is_drawn() -> None:
    about = "for the website of our bakery in Lyon which opens at seven every day"
    assert _drawn(f"please make me a fox {about}") == ["a fox"]
    assert VOCABULARY.read(f"please make me a fox {about}").left_out == (THE_REST,)
    assert _drawn(f"please make a cake {about} and where a cat sleeps") == []


@pytest.mark.parametrize("text", ["", "???", "le bord de la table", "the word HELLO", "une hélice"])
def test_what_names_nothing_that_it_draws_is_not_read(text: str) -> None:
    assert VOCABULARY.read(text).cells == ()


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    reading = VOCABULARY.read(text)
    assert len(reading.cells) <= MOST_CELLS
    assert all(each == THE_REST or each.strip() for each in reading.left_out)
    assert bool(reading.cells) or not reading.rewritten
