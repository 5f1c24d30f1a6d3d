"""What clients could do here, gathered while their tests run, and the table made from it."""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from support.server import ServerProcess

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"
HEAD = """# Compatibility: what was run against this version

Each line is a client that people use and a feature of it that the tests run against a Consigne
server: on a real model of that server, and through a provider of OpenAI's and one of Anthropic's
kind. This page is written by `WRITE_COMPATIBILITY=1 pytest tests/clients`, and a test compares it
with what ran. How to point each client here: [migration](migration.md).
"""
_ROW = re.compile(r"\| (.+?) \| (yes|no: .+?) \|$", re.MULTILINE)


class Result(NamedTuple):
    """Whether a client could do something."""

    client: str
    version: str
    feature: str
    why_not: str = ""
    """What stands against it; empty where it works."""


def render(results: list[Result]) -> str:
    """Return the page."""
    parts = [HEAD]
    for client, version in dict.fromkeys((each.client, each.version) for each in results):
        rows = [each for each in results if each.client == client]
        parts.append(f"\n## {client}\n\nVersion {version}.\n\n| feature | works |\n| --- | --- |\n")
        for each in rows:
            works = f"no: {each.why_not}" if each.why_not else "yes"
            parts.append(f"| {each.feature} | {works} |\n")
    return "".join(parts)


def parse(page: str) -> dict[str, dict[str, str]]:
    """Return each client's features, with ``yes`` or what stands against them."""
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        client = section.splitlines()[0]
        rows = _ROW.findall(section)
        found[client] = {feature: works for feature, works in rows if feature != "feature"}
    return found


class Compatibility:
    """Runs clients and keeps what they could do."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Begin; ``environ`` tells the clients' programs what else there is around them."""
        self.results: list[Result] = []
        self._environ = environ or {}

    def add(self, client: str, version: str, feature: str, why_not: str = "") -> None:
        """Keep what a client could do, or a known reason why it can't."""
        self.results.append(Result(client, version, feature, why_not))

    def run(self, command: Sequence[str | Path], server: ServerProcess, folder: Path) -> None:
        """Run a program that prints a line of JSON for each feature; all must have passed."""
        environ = clean_environ(folder) | self._environ
        environ |= {"CONSIGNE_URL": server.url, "CONSIGNE_KEY": server.key}
        ran = subprocess.run(
            command, env=environ, cwd=folder, capture_output=True, text=True, timeout=240
        )
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        assert lines, ran.stdout + ran.stderr
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        failed = [f"{each['feature']}: {each['why']}" for each in lines if not each["passed"]]
        assert not failed, "\n\n".join(failed)
        for each in lines:
            self.add(each["client"], each["version"], each["feature"], each.get("known", ""))


def clean_environ(home: Path) -> dict[str, str]:
    """Return an environment with a home of its own and nothing of the caller's accounts."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "DO_NOT_TRACK": "1",
        "AI_SDK_LOG_WARNINGS": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "LANGSMITH_TRACING": "false",
        "PYTHONWARNINGS": "ignore",
    }
