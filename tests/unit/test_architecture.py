"""The rooms import only downward, functions and files keep to their size, pages tell the truth."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "consigne").rglob("*.py"))


@pytest.mark.slow
def test_imports_run_downward() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_file_is_over_its_size() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert not {str(path): length for path, length in lengths.items() if length > 500}


def test_functions_fit_a_screen() -> None:
    long = []
    count = 0
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count += 1
                assert node.end_lineno is not None
                if node.end_lineno - node.lineno + 1 > 47:
                    long.append(f"{path.name}:{node.name}")
    assert len(long) <= count * 0.05, long


def test_importing_the_command_brings_nothing_heavy() -> None:
    code = "import sys, consigne.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"openvino", "openvino_genai", "numpy", "fastapi", "sqlalchemy", "huggingface_hub"}
    assert not heavy & set(loaded)


@pytest.mark.parametrize("page", ["configuration.md", "cli.md"])
def test_reference_pages_are_what_the_code_says(page: str) -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    written = (ROOT / "docs" / page).read_text("utf-8")
    assert written == generate.PAGES[page](), "run: python docs/generate.py"
