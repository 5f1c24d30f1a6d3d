"""Suggestions: whole, honest about memory and speed, and tied to what a pull installs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.engines.downloads.sources import HubSource, parse, planned_id
from consigne.engines.library import check_id
from consigne.engines.machine import Machine, this_machine
from consigne.gateway.catalogue import (
    READABLE,
    catalogue,
    expected_here,
    expected_speed,
    facts_of,
    memory_bandwidth,
    suggest,
)
from consigne.gateway.image_catalogue import suggest_images

LAPTOP = Machine(16 * 10**9, 8, "a laptop", ("avx2",))
SERVER = Machine(256 * 10**9, 64, "a server", ("avx2", "avx512"))


def test_every_entry_can_be_pulled_under_its_own_name() -> None:
    assert catalogue().model
    for entry in catalogue().model:
        source = parse(entry.source)
        assert isinstance(source, HubSource)
        check_id(entry.id)
        facts = facts_of(entry.source)
        assert planned_id(HubSource(source.repo, facts=facts)) == entry.id
        assert facts == facts_of(f"{entry.source}@v1"), "a revision is the same model"


def test_every_entry_says_what_people_ask_for() -> None:
    for entry in catalogue().model:
        assert entry.license
        assert {"en", "fr"} <= set(entry.languages)
        assert entry.note.en
        assert entry.note.fr
        assert 0.3 < entry.size_bytes / entry.parameters < 1.0, "four bits and some"
        assert entry.read_bytes <= entry.size_bytes


def test_entries_are_in_order_of_size_and_named_once() -> None:
    sizes = [entry.parameters for entry in catalogue().model]
    assert sizes == sorted(sizes)
    assert len({entry.id for entry in catalogue().model}) == len(sizes)


def test_only_what_is_listed_has_a_speed_to_expect() -> None:
    found = expected_here({"qwen3-0.6b", "qwen3-8b", "someone-s-own"})
    assert found.keys() == {"qwen3-0.6b", "qwen3-8b"}
    assert found["qwen3-0.6b"] > found["qwen3-8b"] > 0


def test_an_unknown_source_has_no_facts() -> None:
    assert facts_of("starter").id == ""
    assert facts_of("hf:someone/else").license == ""


def test_the_recommended_one_is_the_most_able_that_is_quick_enough() -> None:
    found = suggest(LAPTOP, bandwidth=50e9)
    best = found[0]
    assert best.recommended
    assert best.expected_tokens_per_s >= READABLE
    more_able = [s for s in found if s.parameters > best.parameters and s.fits]
    assert all(s.expected_tokens_per_s < READABLE for s in more_able)
    assert suggest(SERVER, bandwidth=200e9)[0].parameters > best.parameters


def test_what_does_not_fit_comes_last_and_says_so() -> None:
    found = suggest(Machine(6 * 10**9, 4, "small", ("avx2",)), bandwidth=30e9)
    fits = [s.fits for s in found]
    assert fits == sorted(fits, reverse=True)
    assert not fits[-1]


def test_installed_models_are_marked() -> None:
    found = suggest(LAPTOP, bandwidth=50e9, installed={"qwen3-4b"})
    assert [s.id for s in found if s.installed] == ["qwen3-4b"]


@given(
    st.integers(2 * 10**9, 2**40),
    st.integers(1, 256),
    st.sampled_from([(), ("avx2",), ("avx2", "avx512")]),
    st.floats(1e9, 1e12),
)
def test_suggestions_hold_for_every_machine(
    memory: int, cores: int, features: tuple[str, ...], bandwidth: float
) -> None:
    found = suggest(Machine(memory, cores, "", features), bandwidth=bandwidth)
    assert len(found) == len(catalogue().model)
    recommended = [s for s in found if s.recommended]
    assert len(recommended) <= 1
    assert all(s.fits for s in recommended)
    assert all(s.expected_tokens_per_s >= 0 for s in found)


def test_speed_is_bound_by_cores_or_by_memory() -> None:
    one = Machine(2**34, 1, "", ("avx512",))
    assert expected_speed(10**9, one, bandwidth=1e12) == pytest.approx(5.0)
    assert expected_speed(10**9, SERVER, bandwidth=100e9) == pytest.approx(70.0)


def test_this_machine_is_described() -> None:
    here = this_machine()
    assert here.memory_bytes > 2**28
    assert here.cores >= 1
    assert memory_bandwidth() > 1e8


def test_image_models_are_judged_by_memory_and_by_what_they_run_on() -> None:
    small = suggest_images(LAPTOP, installed={"sd-turbo"}, torch=False)
    assert {each.id for each in small if each.fits and each.runs} == {
        "lcm-dreamshaper-v7",
        "stable-diffusion-v1-5",
        "flux.1-schnell",
    }
    able = [each.fits and each.runs for each in small]
    assert able == sorted(able, reverse=True)
    assert [each.id for each in small if each.installed] == ["sd-turbo"]
    assert all(each.runs for each in suggest_images(LAPTOP, torch=True))
    assert not any(each.fits for each in suggest_images(Machine(2 * 10**9, 2, "a board")))
    for each in small:
        assert facts_of(each.source).id == each.id
        assert each.license.en
        assert each.license.fr
        assert each.note.fr
