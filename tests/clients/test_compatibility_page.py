"""The page on compatibility agrees with what ran; it sorts after all other tests of clients."""

import os

import pytest

from support.compatibility import PAGE, Compatibility, parse, render


def test_the_page_says_what_ran(compatibility: Compatibility) -> None:
    if not compatibility.results:
        pytest.skip("no client ran")
    made = render(compatibility.results)
    if os.environ.get("WRITE_COMPATIBILITY"):
        PAGE.write_text(made)
    ran, told = parse(made), parse(PAGE.read_text())
    again = "run `WRITE_COMPATIBILITY=1 pytest tests/clients`"
    for client, features in ran.items():
        missing = features.items() - told.get(client, {}).items()
        assert not missing, f"{PAGE.name} does not say this of {client}: {missing}; {again}"
    if os.environ.get("REQUIRE_ALL_TESTS"):
        assert ran == told, again
