"""Python frameworks and tools, each in an environment of its own."""

from pathlib import Path

import pytest

from support.clients import environment, needs
from support.compatibility import Compatibility
from support.server import ServerProcess

pytestmark = pytest.mark.slow

CASES = Path(__file__).parent / "python"


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("frameworks", "langchain_suites"),
        ("frameworks", "pydantic_ai_cases"),
        ("frameworks", "lm_eval_cases"),
        ("llamaindex", "llamaindex_cases"),
        ("instructor", "instructor_cases"),
        ("tools", "llm_cases"),
    ],
)
def test_every_feature(
    name: str,
    cases: str,
    consigne: ServerProcess,
    compatibility: Compatibility,
    tmp_path: Path,
) -> None:
    needs(name)
    program = environment(name) / "bin" / "python"
    compatibility.run([program, CASES / f"{cases}.py"], consigne, tmp_path)
