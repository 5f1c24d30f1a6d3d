"""The page that says where a picture is from: open to anybody, in both languages."""

import io
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from consigne.business.pictures import Output, PictureReady
from consigne.domain.images import ImageRequest
from e2e.axe import faults, source
from e2e.site import ServedSite, served_site

pytestmark = pytest.mark.slow


async def made(site: ServedSite) -> bytes:
    """Return the file of a picture that was made there."""
    services = site.site.services
    asked = ImageRequest(model="icons", prompt="a cat")
    async with aclosing(
        services.pictures.make(site.caller, services.gateway, asked, Output())
    ) as events:
        return next(e.data for e in [e async for e in events] if isinstance(e, PictureReady))


async def given(page: Page, name: str, data: bytes) -> None:
    """Choose a file on the page."""
    file: Any = {"name": name, "mimeType": "image/png", "buffer": data}
    await page.locator("#file").set_input_files(file)


async def test_a_strangers_picture_is_told_from_ours(tmp_path: Path, open_page: Any) -> None:
    async with served_site(tmp_path) as site:
        ours = await made(site)
        foreign = io.BytesIO()
        Image.new("RGB", (64, 64), (9, 90, 200)).save(foreign, "PNG")
        page = await open_page(site.url)
        await page.goto("/verify")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await given(page, "ours.png", ours)
        verdict, facts = page.locator("#verdict"), page.locator("#facts")
        await expect(verdict).not_to_have_text("")
        await expect(facts).to_contain_text("icons")
        intact = await verdict.text_content()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert await faults(page, source()) == []
        await given(page, "changed.png", ours[:-40] + b"\0" * 28 + ours[-12:])
        await expect(verdict).not_to_have_text(intact or "")
        await expect(page.locator("#result")).to_be_visible()
        await given(page, "foreign.png", foreign.getvalue())
        await expect(facts).not_to_contain_text("icons")
        await given(page, "rubbish.png", b"rubbish")
        await expect(page.locator("#meaning")).not_to_have_text("")

        french = await open_page(site.url, phone=True, locale="fr-FR")
        await french.goto("/verify")
        await expect(french.locator("html")).to_have_attribute("lang", "fr")
        await given(french, "ours.png", ours)
        await expect(french.locator("#facts")).to_contain_text("icons")
        await expect(french.locator("#verdict")).not_to_have_text(intact or "")
        await given(french, "rubbish.png", b"rubbish")
        await expect(french.locator("#meaning")).to_contain_text("n’est pas une image")
        assert await faults(french, source()) == []
        wide = await french.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, "nothing is cut off on a phone"
