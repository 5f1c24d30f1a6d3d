"""Streams of events read the same however the network cuts them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.providers import sse
from consigne.providers.sse import SseParser

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = st.sampled_from(
    [
        b"data: one",
        b"event:two",
        b"data:two",
        b"data:  spaced",
        b"data",
        b"data: \xc3\xa9\xf0\x9f\x98\x80",
        b"database: no",
        b": a comment",
        b"event: name",
        b"id: 1",
        b"retry: 10",
        b"",
        b"",
    ]
)


def whole(stream: bytes) -> list[bytes]:
    """Read a stream that comes in one piece."""
    return SseParser().feed(stream)


@given(
    st.booleans(),
    st.lists(st.tuples(LINES, ENDS), max_size=20),
    st.lists(st.integers(0, 200), max_size=30),
)
def test_any_split_gives_the_same_events(
    marked: bool, lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    stream = b"\xef\xbb\xbf" * marked + b"".join(line + end for line, end in lines)
    parser = SseParser()
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found: list[bytes] = []
    for start, end in pairwise(places):
        found += parser.feed(stream[start:end])
    assert found == whole(stream)


def test_every_byte_alone_gives_the_same_events() -> None:
    stream = b"\xef\xbb\xbfdata: a\r\ndata: b\r\n\r\n: hm\r\rdata:c\n\ndata: cut off"
    parser = SseParser()
    found = [data for at in range(len(stream)) for data in parser.feed(stream[at : at + 1])]
    assert found == whole(stream) == [b"a\nb", b"c"]


def test_an_event_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    parser = SseParser()
    for _ in range(40):
        assert parser.feed(b"data: " + b"x" * 18 + b"\n") == []
    with pytest.raises(ValueError, match="too large"):
        parser.feed(b"data: x\n")
