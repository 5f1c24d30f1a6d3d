"""The real site's dialogs, menus and panels, in both themes, without a serious fault for axe."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from consigne.chat import importing
from doubles.scripted import START, stop, text
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import assert_fits, axe  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

LIBRARY = ("Assistants", "Prompts", "Scheduled", "Skills", "Files", "About you")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def ask(page: Page, words: str) -> None:
    await page.locator("#composer").fill(words)
    await page.get_by_role("button", name="Send").click()
    await page.locator(".answer.last:not(.growing)").wait_for()


async def test_pictures_tools_and_the_library(
    axe: str,  # noqa: F811
    site: ServedSite,
    open_page: Any,
) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await ask(page, "Draw me a cat")
    await page.locator(".picture-facts summary").click()
    await assert_fits(page, axe)
    await page.get_by_role("button", name="Pictures", exact=True).click()
    await page.get_by_role("dialog").locator("img").wait_for()
    await assert_fits(page, axe)
    await page.keyboard.press("Escape")
    await page.locator(".model-button").click()
    await page.get_by_role("menuitem", name="Side by side with…").click()
    await assert_fits(page, axe)
    await page.get_by_role("menuitemradio", name="Capable").first.click()
    await page.get_by_role("button", name="Tools,").click()
    await assert_fits(page, axe)
    await page.get_by_role("menuitem", name="Servers of tools").click()
    await page.get_by_role("button", name="Add", exact=True).wait_for()
    await assert_fits(page, axe)
    await page.keyboard.press("Escape")
    file = {"name": "lease.txt", "mimeType": "text/plain", "buffer": b"The rent."}
    await page.locator("input[type=file]").set_input_files([file])  # type: ignore[list-item]
    await page.locator(".file.ready").wait_for()
    await page.get_by_role("button", name="Library").click()
    for tab in LIBRARY:
        await page.get_by_role("tab", name=tab).click()
        await assert_fits(page, axe)


async def test_a_document_beside_a_transfer_and_an_opinion(
    axe: str,  # noqa: F811
    site: ServedSite,
    open_page: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site.site.gateway.script = (START, *text("```svg\n<svg><text>one</text></svg>\n```"), stop())
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await ask(page, "Show it as SVG")
    await page.get_by_role("button", name="Good answer").click()
    await page.get_by_role("dialog").wait_for()
    await assert_fits(page, axe)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Open beside").click()
    panel = page.get_by_role("complementary", name="Drawing")
    await expect(panel.frame_locator("iframe").get_by_text("one")).to_be_visible()

    async def never(*_: object) -> int:
        raise RuntimeError("The import is cut here.")

    monkeypatch.setattr(importing.Importing, "_take_some", never)
    await page.get_by_role("button", name="Account and settings").click()
    await assert_fits(page, axe)
    async with page.expect_file_chooser() as choosing:
        await page.get_by_role("menuitem", name="Import conversations").click()
    talk = {"name": "A", "created_at": "2026-01-02T03:04:05Z", "chat_messages": [TURN]}
    file = {"name": "a.json", "mimeType": "text/json", "buffer": json.dumps([talk]).encode()}
    await (await choosing.value).set_files([file])
    await page.get_by_role("progressbar", name="Taking in “a.json”").wait_for()
    await assert_fits(page, axe)


TURN = {"uuid": "1", "sender": "human", "text": "Hi", "created_at": "2026-01-02T03:04:06Z"}
