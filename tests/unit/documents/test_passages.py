"""Passages partition a document, and rankings are fused."""

from hypothesis import given
from hypothesis import strategies as st

from consigne.documents.passages import LARGEST, cut
from consigne.documents.reading import Part
from consigne.documents.retrieval import fused, words_of

PARTS = st.lists(st.builds(Part, st.text(alphabet="ab .\n", min_size=1, max_size=3000)), min_size=1)


@given(PARTS)
def test_passages_are_the_whole_text_in_order(parts: list[Part]) -> None:
    whole = "".join(p.text if p.text.endswith("\n") else p.text + "\n" for p in parts)
    passages = list(cut(parts))
    assert "".join(passage.text for passage in passages) == whole
    for passage in passages:
        assert 0 < len(passage.text) <= LARGEST
        assert whole[passage.start :].startswith(passage.text)


def test_what_both_ways_find_comes_first() -> None:
    assert fused([1, 2, 3], [4, 2])[0] == 2
    assert fused([], []) == []


def test_words_are_plain_and_no_operators() -> None:
    assert words_of('L’Été "OR" -x* NEAR(') == ["l", "ete", "or", "x", "near"]
