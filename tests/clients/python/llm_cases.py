"""The ``llm`` command, with the models of its settings file."""

import os
import subprocess
import sys
from pathlib import Path

from report import CAPABLE, EVERY, KEY, URL, feature

HOME = Path(os.environ["HOME"])
ENVIRON = {**os.environ, "LLM_USER_PATH": str(HOME), "CONSIGNE_LLM_KEY": KEY}
CLIENT = "llm (extra-openai-models.yaml)"
MODELS = "".join(
    f"- model_id: {name}\n  model_name: {name}\n  api_base: {URL}/v1\n"
    "  api_key_name: consigne\n  supports_tools: true\n  supports_schema: true\n"
    for name in EVERY
)
(HOME / "extra-openai-models.yaml").write_text(MODELS)


def llm(*arguments: str) -> str:
    command = [sys.executable, "-m", "llm", *arguments, "--key", KEY, "--no-log"]
    ran = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def streamed(name: str) -> None:
    assert llm("-m", name, "Hello", "-o", "max_tokens", "20")


def plain(name: str) -> None:
    assert llm("-m", name, "Hello", "-o", "max_tokens", "20", "--no-stream")


def tools(name: str) -> None:
    function = "def add(a: int, b: int) -> str:\n    return f'sum {a + b}'"
    asked = '!call add {"a": 2, "b": 40}'
    assert "sum 42" in llm("-m", name, "--functions", function, asked)


feature(CLIENT, "llm", "prompt, streamed", EVERY, streamed)
feature(CLIENT, "llm", "prompt, plain", EVERY[:1], plain)
feature(CLIENT, "llm", "tools", CAPABLE, tools)
