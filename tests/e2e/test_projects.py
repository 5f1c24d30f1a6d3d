"""A project's whole life in a browser, on the real API and a real database."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from doubles.scripted import START, stop, text
from e2e.acts import ask, look_for
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture
from support.seeding import grow

pytestmark = pytest.mark.slow

LEASE = {"name": "lease.txt", "mimeType": "text/plain", "buffer": b"The rent is 900 euros.\n"}
EMPTY = {"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 nothing"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


def line(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=name)


async def made(page: Page, name: str) -> None:
    """Make a project by the keyboard alone."""
    await page.keyboard.press("Alt+Shift+J")
    form = page.get_by_role("dialog")
    await form.get_by_role("textbox", name="Name").fill(name)
    await form.get_by_role("textbox", name="Instructions").fill("You know houses.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await form.get_by_role("textbox", name="Name").press("Enter")
    await expect(page.get_by_role("heading", name=name, level=2)).to_be_visible()


async def test_a_project_is_made_used_moved_and_deleted(
    site: ServedSite,
    open_page,
    axe,  # noqa: F811
) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await made(page, "House")
    await expect(page.get_by_role("checkbox", name="Shared with the workspace")).to_be_checked()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add files").click()
    await (await chooser.value).set_files([LEASE, EMPTY])
    await expect(page.get_by_role("alert")).to_contain_text("damaged")
    await page.get_by_role("button", name="Remove “empty.pdf”").click()
    await expect(line(page, "lease.txt")).to_contain_text("found by its words")
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert await faults(page, axe) == []

    site.site.gateway.script = (START, *text("It is 900 euros [1]."), stop())
    await ask(page, "How much is the rent?")
    await expect(page.get_by_role("link", name="Project: House")).to_be_visible()
    await page.get_by_role("button", name=re.compile("lease.txt")).first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("The rent is 900 euros.")
    await page.keyboard.press("Escape")
    listed = page.get_by_role("navigation").get_by_role("link", name="How much is the rent?")
    await expect(listed).to_have_count(0)

    await page.keyboard.press("Alt+Shift+M")
    await page.get_by_role("button", name="No folder").click()
    await expect(listed).to_be_visible()
    await expect(page.get_by_role("link", name="Project: House")).to_have_count(0)
    await page.keyboard.press("Alt+Shift+M")
    await page.get_by_role("dialog").get_by_role("button", name="House").click()
    await expect(listed).to_have_count(0)

    await look_for(page, "Control+k", "project: house")
    await page.keyboard.press("Enter")
    inside = page.locator(".project-conversations").get_by_role("link", name="How much")
    await expect(inside).to_be_visible()
    project = page.url.rpartition("/")[2]
    for number in range(8):
        await grow(site.db, site.caller, 2, title=f"Repair {number}", project_id=project)
    await page.reload()
    await page.get_by_role("searchbox", name="Search the titles in this project").fill("rent")
    await expect(page.locator(".project-conversations a")).to_have_text(["How much is the rent?"])
    await page.get_by_role("searchbox").fill("")
    await expect(page.locator(".project-conversations a")).to_have_count(9)
    await page.get_by_role("button", name="Delete the project").click()
    question = page.get_by_role("dialog")
    await expect(question).to_contain_text("Your 9 conversations in it")
    await question.get_by_role("radio", name="Delete with the project").check()
    assert await faults(page, axe) == []
    await question.get_by_role("button", name="Delete the project").click()
    await expect(page.get_by_role("link", name="House")).to_have_count(0)
    await expect(listed).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(inside).to_be_visible()
