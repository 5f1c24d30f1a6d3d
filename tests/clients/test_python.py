"""Python clients: the vendors' SDKs as installed here, the rest in environments of their own."""

import base64
import json
import sys
from pathlib import Path

import pytest

from consigne.engines.base import InstalledModel
from consigne.engines.vocabulary import FILE_NAME, Vocabulary
from support.clients import environment, needs
from support.compatibility import Compatibility
from support.server import ServerProcess

pytestmark = pytest.mark.slow

CASES = Path(__file__).parent / "python"


@pytest.mark.parametrize("cases", ["anthropic_cases", "openai_cases"])
def test_every_feature_of_the_sdks(
    cases: str, consigne: ServerProcess, compatibility: Compatibility, tmp_path: Path
) -> None:
    compatibility.run([sys.executable, CASES / f"{cases}.py"], consigne, tmp_path)


@pytest.mark.parametrize(
    ("name", "cases"),
    [
        ("frameworks", "langchain_suites"),
        ("frameworks", "pydantic_ai_cases"),
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


def test_every_feature_of_the_evaluation_harness(
    consigne: ServerProcess,
    starter: InstalledModel,
    compatibility: Compatibility,
    tmp_path: Path,
) -> None:
    """It counts tokens itself, for which it wants the model's tokenizer."""
    needs("frameworks")
    vocabulary = Vocabulary.load(starter.path / FILE_NAME)
    told = [
        (base64.b64encode(token).decode(), number in vocabulary.special)
        for number, token in enumerate(vocabulary.tokens)
    ]
    (tmp_path / "vocabulary.json").write_text(json.dumps(told))
    program = environment("frameworks") / "bin" / "python"
    compatibility.run([program, CASES / "lm_eval_cases.py"], consigne, tmp_path)
