"""Stop strings end an answer wherever the text is cut, and never show in it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from consigne.engines.worker.stops import StopMatcher

texts = st.text(alphabet="abé\n", max_size=40)
stop_lists = st.lists(st.text(alphabet="abé\n", min_size=1, max_size=4), max_size=4)


def expected(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text up to the stop string that is complete first, read character by character."""
    for end in range(1, len(text) + 1):
        found = [stop for stop in stops if text[:end].endswith(stop)]
        if found:
            longest = max(found, key=len)
            return text[: end - len(longest)], longest
    return text, None


@given(text=texts, stops=stop_lists, cuts=st.lists(st.integers(0, 40), max_size=8))
def test_the_answer_is_the_same_however_the_text_is_cut(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    matcher = StopMatcher(stops)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    answer = "".join(matcher.feed(piece) for piece in pieces)
    if matcher.found is None:
        answer += matcher.flush()
    assert (answer, matcher.found) == expected(text, stops)


@given(text=texts, stops=stop_lists)
def test_only_what_may_begin_a_stop_string_is_held_back(text: str, stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    sent = matcher.feed(text)
    if matcher.found is None:
        held = text[len(sent) :]
        assert sent == text[: len(sent)]
        assert not held or any(stop.startswith(held) and stop != held for stop in stops)
