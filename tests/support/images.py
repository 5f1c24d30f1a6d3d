"""An image model for tests: that of the package, or one named by the environment."""

import os
from pathlib import Path

import pytest

import consigne

VARIABLE = "CONSIGNE_TEST_IMAGE_MODEL"
_NAMED = os.environ.pop(VARIABLE, None)
"""Taken out of the environment: what is tested would take it for a setting of its own."""


def image_model_folder() -> Path:
    """Return the folder of an image model in OpenVINO's form; skip the test without one."""
    built_in = Path(consigne.__file__).parent / "image_model"
    for folder in (built_in, Path(_NAMED) if _NAMED else None):
        if folder is not None and (folder / "model_index.json").is_file():
            return folder
    if _NAMED:
        pytest.fail(f"{VARIABLE} names {_NAMED}, which holds no image model")
    absent = f"no image model: neither {built_in} nor {VARIABLE}"
    if os.environ.get("REQUIRE_ALL_TESTS"):
        pytest.fail(absent)
    pytest.skip(absent)
