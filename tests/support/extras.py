"""Tests that need an optional extra: skipped aloud without it, failed in the full check."""

import importlib.util
import os

import pytest


def need(extra: str, *modules: str) -> None:
    """Skip the module that calls this, or fail it where every test is required."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        reason = f"{', '.join(missing)} missing: pip install 'consigne[{extra}]'"
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason, allow_module_level=True)
