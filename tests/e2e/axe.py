"""axe, which finds what a page does wrong for those who can't see or point."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Page

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules to which a theme matters."""
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"


def source() -> str:
    """Return the script; skip the test where it is not installed."""
    if not AXE.is_file():
        missing = "axe-core is missing: run `npm --prefix tests/e2e ci`"
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return AXE.read_text("utf-8")


async def faults(page: Page, axe: str, *rules: str) -> list[str]:
    """Return the serious faults of a page that has come to rest, by all rules or by some."""
    # Half-shown things have colours of their own: look once everything has come to rest.
    await page.evaluate("Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))")
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = await page.evaluate("options => axe.run(options)", options)
    return [
        f"{fault['id']} ({fault['impact']}): {node['html']}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
