"""Ids are unique, sort by time, and are told apart by their prefix."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from consigne.domain import sources
from consigne.domain.ids import is_id, new_id

START = datetime(2026, 11, 23, tzinfo=UTC)


def test_ids_of_one_moment_differ() -> None:
    with sources.use(sources.Sources(clock=lambda: START)):
        assert len({new_id("msg") for _ in range(1000)}) == 1000


@given(st.lists(st.integers(0, 10**12), min_size=2, unique=True))
def test_ids_sort_by_the_moment_they_were_made(millis: list[int]) -> None:
    made = []
    for offset in sorted(millis):
        moment = START + timedelta(milliseconds=offset)
        with sources.use(sources.Sources(clock=lambda moment=moment: moment)):
            made.append(new_id("run"))
    assert made == sorted(made)


def test_an_id_carries_version_7_and_the_rfc_variant() -> None:
    digits = new_id("key").removeprefix("key_")
    value = 0
    for digit in digits:
        value = value * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    assert value >> 76 & 0xF == 7
    assert value >> 62 & 0b11 == 0b10


def test_only_the_right_prefix_and_shape_is_an_id() -> None:
    assert is_id(new_id("conv"), "conv")
    assert not is_id(new_id("conv"), "run")
    assert not is_id("conv_", "conv")
    assert not is_id("conv_../../etc/passwd", "conv")
