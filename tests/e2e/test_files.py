"""A file in a question: attached, read, cited, opened; real extraction and retrieval."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from doubles.scripted import START, stop, text
from e2e.acts import answered
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture
from support.files import pdf, png

pytestmark = pytest.mark.slow

LEASE = pdf("The rent is 900 euros a month.", "Notice must be given three months ahead.")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def attach(page: Page, name: str, content: bytes, kind: str) -> None:
    files = {"name": name, "mimeType": kind, "buffer": content}
    await page.locator("input[type=file]").set_input_files([files])  # type: ignore[list-item]


async def ask(page: Page, words: str) -> None:
    await page.get_by_role("textbox", name="Your instruction").fill(words)
    await page.get_by_role("button", name="Send", exact=True).click()


@pytest.mark.parametrize("phone", [False, True])
async def test_an_answer_s_citation_opens_the_passage(
    site: ServedSite,
    open_page,
    axe: str,  # noqa: F811
    phone: bool,
) -> None:
    page = await site.sign_in(await open_page(site.url, phone=phone))
    await attach(page, "lease.pdf", LEASE, "application/pdf")
    chip = page.locator(".file.ready")
    await expect(chip).to_contain_text("The rent is 900 euros")
    await page.reload()
    await expect(chip).to_contain_text("lease.pdf")
    site.site.gateway.script = (START, *text("Three months ahead [2], as `[2]` says: $3$."), stop())
    await ask(page, "How much notice must be given?")
    await expect(page.locator(".composer .file")).to_have_count(0)
    cite = page.get_by_role("button", name="Source 2: lease.pdf, page 2")
    await expect(cite).to_have_count(1)
    await page.reload()
    await expect(page.locator(".question").get_by_role("button", name="lease.pdf")).to_be_visible()
    await expect(page.locator(".answer .math.set")).to_be_visible()  # typeset once it is drawn
    await expect(cite).to_have_count(1)
    await page.get_by_text("1 source").click()
    await expect(page.get_by_role("button", name="lease.pdf, page 2", exact=True)).to_be_visible()
    await cite.focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="lease.pdf, page 2")
    await expect(panel.locator("mark")).to_have_text("Notice must be given three months ahead.\n")
    await expect(panel.locator("mark")).to_be_in_viewport()
    box = await panel.bounding_box()
    assert box is not None
    assert box["width"] == pytest.approx(390 if phone else 576, abs=2)
    assert await faults(page, axe) == []
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)
    await expect(cite).to_be_focused()


async def test_what_can_t_be_read_is_said_and_taken_off(site: ServedSite, open_page) -> None:
    page = await site.sign_in(await open_page(site.url))
    await attach(page, "nothing.pdf", b"%PDF-1.7 rubbish", "application/pdf")
    await expect(page.get_by_role("alert")).to_contain_text("damaged")
    await page.get_by_role("textbox", name="Your instruction").fill("Read it.")
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    await page.get_by_role("button", name="Remove “nothing.pdf”").click()
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()


async def test_a_long_text_that_is_pasted_becomes_a_file_or_text_after_all(
    site: ServedSite, open_page
) -> None:
    page = await site.sign_in(await open_page(site.url))
    box = page.get_by_role("textbox", name="Your instruction")
    long = "The quick brown fox. " * 500
    for pasted in ("A short one: ", long):
        await page.evaluate("(text) => navigator.clipboard.writeText(text)", pasted)
        await box.press("Control+v")
    await expect(page.locator(".file.ready")).to_contain_text("Pasted text.txt")
    await expect(box).to_have_value("A short one: ")
    await page.get_by_role("button", name="Insert it as text").click()
    await expect(page.locator(".file")).to_have_count(0)
    await expect(box).to_have_value("A short one: " + long)
    await page.get_by_role("button", name="Send", exact=True).click()
    asked = page.locator(".question-text")
    unfold = page.get_by_role("button", name="Show all of it")
    await answered(page)
    assert len(await asked.inner_text()) < 2_000
    await expect(unfold).to_have_attribute("aria-expanded", "false")
    await unfold.focus()
    await page.keyboard.press("Enter")
    await expect(asked).to_have_text(("A short one: " + long).strip())
    await expect(page.get_by_role("button", name="Show less")).to_be_focused()


async def test_a_picture_for_a_model_that_sees_none_stays_in_the_draft(
    site: ServedSite, open_page
) -> None:
    page = await site.sign_in(await open_page(site.url))
    await attach(page, "dot.png", png(), "image/png")
    await expect(page.locator(".file.ready img")).to_be_visible()
    await ask(page, "What is it?")
    await expect(page.get_by_role("alert")).to_contain_text("can’t see pictures")
    await expect(page.locator(".composer .file.ready")).to_contain_text("dot.png")


async def test_one_s_files_are_listed_with_where_they_are_used_and_deleted_for_good(
    site: ServedSite,
    open_page,
    axe: str,  # noqa: F811
) -> None:
    page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await attach(page, "lease.pdf", LEASE, "application/pdf")
    await page.locator(".file.ready").wait_for()
    site.site.gateway.script = (START, *text("Three months."), stop())
    await ask(page, "How much notice must be given?")
    await answered(page)
    await attach(page, "dot.png", png(), "image/png")
    await page.locator(".composer .file.ready").wait_for()
    await page.get_by_role("button", name="Library").click()
    await page.get_by_role("tab", name="Files").click()
    given = page.get_by_role("dialog").get_by_role("listitem")
    lease = given.filter(has_text="lease.pdf")
    await expect(lease).to_contain_text("2 pages read")
    dot = given.filter(has_text="dot.png")
    await expect(dot).to_contain_text("picture")
    await expect(dot).to_contain_text("In no conversation")
    assert await faults(page, axe) == []
    async with page.expect_download() as download:
        await lease.get_by_role("link", name="Download “lease.pdf”").click()
    assert (await download.value).suggested_filename == "lease.pdf"
    await lease.get_by_role("button", name="lease.pdf", exact=True).click()
    opened = page.get_by_role("dialog", name="lease.pdf")
    await expect(opened).to_contain_text("The rent is 900 euros")
    await page.keyboard.press("Escape")
    await dot.get_by_role("button", name="Delete “dot.png”").click()
    await expect(dot.get_by_role("button", name="Delete it for good?")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dot).to_have_count(0)
    await lease.get_by_role("link", name="How much notice must be given").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator(".answer")).to_contain_text("Three months.")
