"""Pictures on the page: drawn on a plain order, kept over a reload, in the gallery, deleted."""

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from e2e.axe import faults, source
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


async def a_part_is_drawn_anew(page: Page, site: ServedSite, *, pointer: bool) -> None:
    """Mark a part of the last picture, by pointer or by keyboard, and say what is to be there."""
    await page.get_by_role("button", name="Change a part").click()
    dialog = page.get_by_role("dialog", name="Change a part of the picture")
    send = dialog.get_by_role("button", name="Draw this part")
    await dialog.get_by_label("What is to be there").fill("a cat with a red hat")
    await expect(send).to_be_disabled()
    if pointer:
        box = await dialog.locator("canvas").bounding_box()
        assert box
        await page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
        await page.mouse.down()
        await page.mouse.move(
            box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.1, steps=9
        )
        await page.mouse.up()
    else:
        await dialog.get_by_label("From the top").fill("0")
        await dialog.get_by_label("Height").fill("50")
        await dialog.get_by_role("button", name="Mark the rectangle").press("Enter")
        await expect(dialog.get_by_role("status")).to_have_text("25 % of the picture is marked.")
    await look(page, f"part-{'pointer' if pointer else 'keyboard'}")
    assert await faults(page, source()) == []
    await send.click()
    await expect(dialog).to_have_count(0)
    await expect(page.locator(".picture img")).to_have_count(3)
    await expect(page.locator(".question-text").last).to_have_text("a cat with a red hat")
    drawn = site.site.services.gateway.drawn[-1]
    assert drawn.prompt == "a cat with a red hat"
    marked = Image.open(io.BytesIO(drawn.mask))
    assert marked.size == (64, 64)
    assert marked.getpixel((32, 6)) == 255, "what was marked is drawn anew"
    assert marked.getpixel((32, 50)) == 0, "the rest is kept"


@pytest.mark.parametrize("phone", [False, True])
async def test_a_picture_is_drawn_changed_kept_and_deleted(
    site: ServedSite, open_page: Any, phone: bool
) -> None:
    scheme = "dark" if phone else "light"
    page = await open_page(site.url, phone=phone, color_scheme=scheme, reduced_motion="reduce")
    await site.sign_in(page)
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
    await a_part_is_drawn_anew(page, site, pointer=not phone)
    await look(page, f"part-done-{scheme}")
    await page.get_by_role("button", name="Change", exact=True).click()
    await expect(page.locator("#composer")).to_be_focused()
    await expect(page.locator("#composer")).to_have_value("Make it ")
    if phone:
        await page.locator(".head .drawer-only").first.click()
    await page.get_by_role("button", name="Pictures", exact=True).click()
    shown = page.get_by_role("dialog").locator("img")
    await expect(shown).to_have_count(3)
    await look(page, f"gallery-{scheme}")
    await page.get_by_role("dialog").get_by_role("button", name="Delete the picture").first.click()
    await page.get_by_role("button", name="Delete it for good?").click()
    await expect(shown).to_have_count(2)
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("This picture was deleted.")).to_be_visible()
