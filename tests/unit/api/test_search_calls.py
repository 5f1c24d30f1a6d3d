"""What searches within answers rest on: domains, packed texts, places where a text names a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.api.search_calls import is_of, packed, place_of, unpacked
from consigne.chat.citing import cited, marks

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("url", "domain", "fits"),
    [
        ("https://example.org/a", "example.org", True),
        ("https://docs.example.org/a", "example.org", True),
        ("https://docs.example.org:8443/a", "*.EXAMPLE.org", True),
        ("https://example.org/blog/a", "example.org/blog", True),
        ("https://example.org/shop", "example.org/blog", False),
        ("https://badexample.org/", "example.org", False),
        ("https://example.org.evil.example/", "example.org", False),
        ("https://evil.example/?u=example.org", "example.org", False),
        ("https://example.org@evil.example/", "example.org", False),
        ("http://[broken", "example.org", False),
    ],
)
def test_a_page_is_of_a_domain_or_of_one_below_it(url: str, domain: str, fits: bool) -> None:
    assert is_of(url, [domain]) is fits


@given(texts)
def test_what_was_packed_comes_out_again(text: str) -> None:
    assert unpacked(packed(text)) == text


@given(st.one_of(st.text(max_size=40), st.text(max_size=20).map(lambda found: f"csn1.{found}")))
def test_what_others_packed_harms_nothing(carried: str) -> None:
    assert isinstance(unpacked(carried), str)


@given(st.lists(st.one_of(texts, st.integers(0, 99).map(lambda n: f"[{n}]")), max_size=8))
def test_each_mark_stands_where_it_is_said_to(parts: list[str]) -> None:
    text = "".join(parts)
    found = list(marks(text))
    assert all(str(number) in text[start:end] for start, end, number in found)
    shown = {number: number for number in range(100)}
    assert set(cited(text, shown)) == {number for _, _, number in found if number in shown}


def test_a_place_is_told_in_words() -> None:
    assert place_of({"type": "approximate", "city": "Brest", "country": "FR"}) == "Brest, FR"
    assert place_of({"city": 3}) == place_of(None) == ""
