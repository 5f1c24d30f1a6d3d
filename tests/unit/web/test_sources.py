"""The page's types hold, and what is vendored is what its authors published."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import consigne.web

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / "e2e" / "node_modules"
VENDOR = Path(consigne.web.__file__).parent / "vendor"
PUBLISHED = {
    "preact.js": "preact/dist/preact.mjs",
    "preact-hooks.js": "preact/hooks/dist/hooks.mjs",
    "htm.js": "htm/dist/htm.module.js",
    "signals.js": "@preact/signals/dist/signals.mjs",
    "signals-core.js": "@preact/signals-core/dist/signals-core.mjs",
    "dompurify.js": "dompurify/dist/purify.min.js",
    "markdown-it.js": "markdown-it/dist/browser/markdown-it.esm.min.mjs",
    "katex/katex.js": "katex/dist/katex.min.js",
    "mermaid.js": "mermaid/dist/mermaid.min.js",
    "highlight.js": "@highlightjs/cdn-assets/es/core.min.js",
} | {
    f"languages/{path.name}": f"@highlightjs/cdn-assets/es/languages/{path.stem}.min.js"
    for path in sorted((VENDOR / "languages").glob("*.js"))
}


@pytest.fixture
def packages() -> Path:
    if not PACKAGES.is_dir():
        missing = "npm's packages are missing: run `npm --prefix tests/e2e ci`"
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return PACKAGES


def _code(text: str) -> str:
    return re.sub(r"//# sourceMappingURL=.*", "", text).strip()


def test_vendored_files_are_as_published(packages: Path) -> None:
    for ours, theirs in PUBLISHED.items():
        published = (packages / theirs).read_text("utf-8")
        assert _code((VENDOR / ours).read_text("utf-8")) == _code(published), ours


def test_the_fonts_of_maths_are_as_published(packages: Path) -> None:
    published = packages / "katex" / "dist"
    assert (VENDOR / "katex" / "katex.css").read_bytes() == (
        published / "katex.min.css"
    ).read_bytes()
    fonts = {p.name: p.read_bytes() for p in (VENDOR / "katex" / "fonts").iterdir()}
    assert fonts == {p.name: p.read_bytes() for p in (published / "fonts").glob("*.woff2")}


def test_every_vendored_file_is_accounted_for() -> None:
    present = {p.relative_to(VENDOR).as_posix() for p in VENDOR.rglob("*.js")}
    assert present == set(PUBLISHED)
    listed = (VENDOR / "LICENSES.md").read_text("utf-8")
    assert all(f"`{Path(name).name}`" in listed for name in present if "/" not in name)


@pytest.mark.slow
def test_types_hold(packages: Path) -> None:
    node = shutil.which("node")
    assert node, "Node runs the type checker"
    compiler = packages / "typescript" / "bin" / "tsc"
    checked = subprocess.run(
        [node, str(compiler), "-p", str(HERE / "tsconfig.json")], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
