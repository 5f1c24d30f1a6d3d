"""Which passages an answer names, and which it likely rests on where it names none."""

import pytest

from consigne.chat.citing import MOST_CONSULTED, Shown, numbers
from consigne.chat.values import Citation

RULES = ("The bicycle in the shed is green.", "The key hangs behind the door.", "Rent: 900 euros.")


def shown(*texts: str, found: tuple[int, ...] = (), question: str = "") -> Shown:
    passages = {
        number: Citation(number, "doc_1", "rules.txt", number - 1, None, "", text)
        for number, text in enumerate(texts, 1)
    }
    return Shown(passages, found, question)


def named(answer: str, among: Shown) -> list[tuple[int, bool]]:
    return [(each.number, each.cited) for each in among.named_in(answer)]


def test_what_it_names_is_all_that_is_told() -> None:
    assert named("Behind the door [2], or [9].", shown(*RULES)) == [(2, True)]


@pytest.mark.parametrize(
    ("answer", "question", "numbers"),
    [
        ("It is green.", "Which colour has the bicycle?", [1]),
        ("It is 900.", "", [3]),
        ("The bicycle stands by the key, behind it.", "", [1, 2]),
        ("Hello.", "Hello.", []),
        ("", "Which bicycle?", []),
    ],
)
def test_without_marks_it_is_what_has_words_in_common(
    answer: str, question: str, numbers: list[int]
) -> None:
    told = named(answer, shown(*RULES, question=question))
    assert told == [(number, False) for number in numbers]


def test_what_was_searched_for_the_question_is_told_even_without_common_words() -> None:
    assert named("Vert.", shown(*RULES, found=(3, 1))) == [(3, False), (1, False)]
    many = shown(*["自転車は緑です。"] * 9, question="自転車は緑です。")
    assert len(named("緑", many)) == MOST_CONSULTED


def test_numbers_that_are_taken_are_left_out() -> None:
    assert numbers(3, 2, {3, 4}) == [2, 5, 6]
