"""Runs the cases of a Python client and prints one line of JSON for each; standard library only."""

import json
import os
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version

URL = os.environ["CONSIGNE_URL"]
KEY = os.environ["CONSIGNE_KEY"]
WEB = os.environ["CONSIGNE_WEB"]
"""A little web: a search service finds ``/ar-men``, documents are under ``/files``."""
NOTES = os.environ["CONSIGNE_NOTES"]
"""A server of tools."""
LOCAL = "smollm2-135m-instruct"
CAPABLE = ("capable-openai", "capable-anthropic")
EVERY = (LOCAL, *CAPABLE)


def tell(client: str, package: str, feature: str, why: str = "", known: str = "") -> None:
    """Print what a client could do; ``known`` is a reason that the page is to give."""
    line = {"client": client, "version": version(package), "feature": feature}
    print(json.dumps(line | {"passed": not why, "why": why, "known": known}), flush=True)


def feature(
    client: str, package: str, title: str, models: Sequence[str], run: Callable[[str], None]
) -> None:
    """Run a feature on several models and tell what came of it."""
    why = []
    for model in models:
        try:
            run(model)
        except Exception:
            why.append(f"{model}: {traceback.format_exc()}")
    tell(client, package, title, "\n".join(why))
