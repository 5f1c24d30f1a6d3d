"""Pictures on the page: drawn on a plain order, kept over a reload, in the gallery, deleted."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from e2e.site import ServedSite, served_site

pytestmark = pytest.mark.slow


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def look(page: Page, name: str) -> None:
    """Keep a picture of the page where a folder for them is named."""
    if folder := os.environ.get("CONSIGNE_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("phone", [False, True])
async def test_a_picture_is_drawn_changed_kept_and_deleted(
    site: ServedSite, open_page: Any, phone: bool
) -> None:
    scheme = "dark" if phone else "light"
    page = await site.sign_in(await open_page(site.url, phone=phone, color_scheme=scheme))
    await page.locator("#composer").fill("Draw me a cat")
    await page.get_by_role("button", name="Send").click()
    drawn = page.locator(".picture img")
    await expect(drawn).to_have_attribute("width", "64")
    await expect(drawn).to_have_attribute("alt", "a cat")
    await page.get_by_role("button", name="Another like it").click()
    await expect(drawn).to_have_count(2)
    await page.reload()
    await expect(drawn).to_have_count(2)
    await page.locator(".picture-facts summary").last.click()
    await expect(page.locator(".picture-facts dd").last).to_have_text("64 × 64")
    await look(page, f"pictures-{scheme}")
    await page.get_by_role("button", name="Change", exact=True).click()
    await expect(page.locator("#composer")).to_be_focused()
    await expect(page.locator("#composer")).to_have_value("Make it ")
    if phone:
        await page.locator(".head .drawer-only").first.click()
    await page.get_by_role("button", name="Pictures", exact=True).click()
    shown = page.get_by_role("dialog").locator("img")
    await expect(shown).to_have_count(2)
    await look(page, f"gallery-{scheme}")
    await page.get_by_role("dialog").get_by_role("button", name="Delete the picture").first.click()
    await page.get_by_role("button", name="Delete it for good?").click()
    await expect(shown).to_have_count(1)
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("This picture was deleted.")).to_be_visible()
