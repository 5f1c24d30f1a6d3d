"""An answer that comes late undoes nothing, and is not shown where it does not belong."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from doubles.scripted import START, stop, text
from e2e.site import ServedSite, served_site
from support.seeding import grow

pytestmark = pytest.mark.slow

LOOKED_AT = "document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


@asynccontextmanager
async def late(
    page: Page, path: str, method: str = "GET", **instead: int
) -> AsyncIterator[asyncio.Event]:
    """Hold back the first answer to a request that the body makes, until the body has ended.

    Yields what is set once the server has answered; ``instead`` comes in place of what it said.
    """
    made, let_go, come = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method != method or made.is_set():
            await route.fallback()
            return
        answer = await route.fetch()
        made.set()
        await let_go.wait()
        await route.fulfill(response=answer, **instead)
        come.set()

    await page.route(path, hold)
    yield made
    let_go.set()
    await come.wait()
    for _ in range(3):  # the page has taken it in, and drawn itself anew
        await page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    await page.unroute(path, hold)


def skill() -> dict[str, object]:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("SKILL.md", "---\nname: invoices\ndescription: Reminds.\n---\nBe polite.")
    return {"name": "a.zip", "mimeType": "application/zip", "buffer": into.getvalue()}


async def test_a_list_that_comes_late_undoes_nothing(site: ServedSite, open_page) -> None:
    for title in ("Bread", "Leases"):
        await grow(site.db, site.caller, 2, title=title)
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))

    async with late(page, "**/api/conversations?place=recent*") as answered:
        await page.evaluate(LOOKED_AT)
        await answered.wait()
        await page.get_by_role("button", name="Options for “Bread”").click()
        await page.get_by_role("menuitem", name="Rename").click()
        await page.get_by_label("New title").fill("Loaves")
        async with page.expect_response("**/api/conversations/*"):
            await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Loaves")).to_be_visible()

    async with late(page, "**/api/conversations?place=recent*") as answered:
        await page.get_by_role("button", name="Options for “Leases”").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await expect(page.get_by_role("link", name="Leases")).to_have_count(0)
        await page.evaluate(LOOKED_AT)
        await answered.wait()
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("link", name="Leases")).to_be_visible()
    await expect(page.get_by_role("link", name="Leases")).to_be_visible()

    async with late(page, "**/api/folders") as answered:
        await page.evaluate(LOOKED_AT)
        await answered.wait()
        await page.get_by_role("button", name="New folder").click()
        await page.get_by_label("Name of the folder").fill("Travel")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Travel", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Travel", exact=True)).to_be_visible()

    async with late(page, "**/api/skills") as answered:
        await page.get_by_role("button", name="Library").click()
        await page.get_by_role("tab", name="Skills").click()
        await answered.wait()
        await page.get_by_label("Upload a skill").set_input_files([skill()])  # type: ignore[list-item]
        await expect(page.get_by_role("checkbox", name="Use invoices")).to_be_checked()
    await expect(page.get_by_role("checkbox", name="Use invoices")).to_be_checked()
    await expect(page.get_by_text("No skills yet")).to_have_count(0)
    await page.keyboard.press("Escape")

    await page.locator(".model-button").click()
    await page.get_by_role("menuitemradio", name="Capable").click()
    async with late(page, "**/api/tools") as answered:
        await page.get_by_role("button", name="Tools, 6 on").click()
        await answered.wait()
        async with page.expect_response("**/api/tools/*"):
            await page.get_by_role("menuitemcheckbox", name="Calculator").click()
    await expect(page.get_by_role("menuitemcheckbox", name="Calculator")).not_to_be_checked()


async def test_an_answer_for_another_conversation_is_not_shown(site: ServedSite, open_page) -> None:
    await grow(site.db, site.caller, 2, title="Bread")
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    site.site.gateway.script = (START, *text("```svg\n<svg></svg>\n```\nDrawn."), stop())
    bread = page.get_by_role("link", name="Bread")
    box = page.get_by_role("textbox", name="Your instruction")
    await box.fill("Show it as SVG")
    await box.press("Enter")
    drawn = page.get_by_role("link", name="Show it as SVG")
    answer = page.locator(".answer")

    async with late(page, "**/answers", "POST") as answered:
        await page.get_by_role("button", name="Answer again", exact=True).click()
        await answered.wait()
        await bread.click()
        await expect(answer).to_contain_text("Message 1.")
    await expect(page.locator(".question")).to_contain_text("Message 0.")
    await expect(answer).to_contain_text("Message 1.")

    await drawn.click()
    async with late(page, "**/artifacts", "POST") as answered:
        await page.get_by_role("button", name="Open beside").click()
        await answered.wait()
        await bread.click()
        await expect(answer).to_contain_text("Message 1.")
    await expect(page.get_by_role("complementary", name="Drawing")).to_have_count(0)

    await page.get_by_role("button", name="New conversation").first.click()
    await page.get_by_role("button", name="Temporary chat").click()
    async with late(page, "**/api/temporary", "POST", status=529) as answered:
        await box.fill("A secret")
        await box.press("Enter")
        await answered.wait()
        await bread.click()
        await expect(answer).to_contain_text("Message 1.")
    await expect(answer).to_contain_text("Message 1.")
    await expect(box).to_have_value("")

    await drawn.click()
    await expect(answer).to_contain_text("Drawn.")
    async with late(page, "**/api/conversations/conv_*") as answered:
        await bread.click()
        await answered.wait()
        await box.fill("And then?")
        await box.press("Enter")  # what is open is not known yet
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()
    await expect(answer).to_contain_text("Message 1.")
    await expect(box).to_have_value("And then?")
    await box.press("Enter")
    await expect(page.locator(".question").last).to_contain_text("And then?")
    await expect(answer).to_have_count(2)
