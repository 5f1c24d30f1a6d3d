"""A link from its making to its end, as its maker, a stranger and a colleague see it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from doubles.scripted import START, stop, text, tool_use
from e2e.acts import ask as asked
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

DRAWING = {
    "title": "A drawing",
    "kind": "html",
    "content": "<p>Drawn</p><script>document.body.append(' and run')</script>",
}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def test_a_conversation_is_shared_read_continued_and_revoked(
    site: ServedSite,
    open_page,
    axe,  # noqa: F811
) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await page.get_by_role("button", name="Model:").click()
    await page.get_by_role("menuitemradio", name="Capable").click()
    making = tool_use("create_artifact", json.dumps(DRAWING))
    told = text("**Bold** <img src=x onerror=alert(1)>")
    site.site.gateway.scripts = [(START, *making, stop("tool_use")), (START, *told, stop())]
    await asked(page, "Draw it")
    await page.keyboard.press("Alt+Shift+S")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make a link").click()
    address = await dialog.get_by_role("textbox", name="Link to the conversation").input_value()
    assert await faults(page, axe) == []
    await page.keyboard.press("Escape")
    await asked(page, "A later question")

    reader: Page = await open_page(site.url, phone=True, reduced_motion="reduce")
    response = await reader.goto(address)
    assert response
    assert response.status == 200
    await expect(reader.locator(".answer strong")).to_have_text("Bold")
    await expect(reader.locator(".question")).to_have_text("AskedDraw it")
    await expect(reader.get_by_role("button", name="Continue this conversation")).to_have_count(0)
    await reader.get_by_text("A drawing").click()
    drawn = reader.frame_locator("iframe.artifact-frame")
    await expect(drawn.locator("body")).to_contain_text("Drawn and run")
    for scheme in ("light", "dark"):
        await reader.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await faults(reader, axe) == []

    await page.goto(address)
    await page.get_by_role("button", name="Continue this conversation").click()
    await page.wait_for_url("**/c/conv_*")
    await expect(page.locator(".answer")).to_have_count(1)
    await asked(page, "Go on here")
    await expect(page.locator(".question")).to_have_count(2)

    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Shared links").click()
    await expect(dialog).to_contain_text("It has gone on since.")
    assert await faults(page, axe) == []
    await dialog.get_by_role("button", name="Revoke the link").click()
    await expect(dialog).to_contain_text("You have shared nothing.")
    gone = await reader.reload()
    assert gone
    assert gone.status == 404
    await expect(reader.get_by_role("heading", level=1)).to_have_text("This link leads nowhere")
    assert await faults(reader, axe) == []
