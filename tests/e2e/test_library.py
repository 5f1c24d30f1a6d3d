"""Feedback, temporary chats and the library, in a browser on the real API and a real database."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from e2e.acts import answered, ask, library, look_for
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


@pytest.fixture
async def page(site: ServedSite, open_page) -> Page:
    return await site.sign_in(await open_page(site.url, reduced_motion="reduce"))


async def test_an_answer_is_rated_with_a_reason_and_that_is_taken_back(
    site: ServedSite, page: Page
) -> None:
    await ask(page, "Is it?")
    await page.get_by_role("button", name="Bad answer").press("Enter")
    await page.get_by_role("button", name="Not correct").press("Space")
    await page.get_by_role("textbox", name="In your words").fill("It is not.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Thank you.")).to_be_visible()
    await page.reload()
    thumb = page.get_by_role("button", name="Bad answer")
    await expect(thumb).to_have_attribute("aria-pressed", "true")
    found = site.site.services.feedback.export(site.caller.organisation_id)
    assert [(r["reasons"], r["comment"]) async for r in found] == [(["wrong"], "It is not.")]
    await thumb.click()
    await expect(thumb).to_have_attribute("aria-pressed", "false")


async def test_a_temporary_chat_is_not_stored_until_it_is_kept(
    site: ServedSite, page: Page
) -> None:
    await page.get_by_role("button", name="Temporary chat").click()
    await ask(page, "First secret")
    await ask(page, "Second secret")
    await page.get_by_role("button", name="Answer again", exact=True).last.click()
    await expect(page.get_by_text("2/2")).to_be_visible()
    await answered(page)
    await page.get_by_role("button", name="Previous version").click()
    await expect(page.get_by_text("1/2")).to_be_visible()
    listed = await site.site.services.conversations.page(site.caller)
    assert listed.conversations == ()
    await page.get_by_role("button", name="New conversation").first.click()
    await expect(page.get_by_text("Temporary chat closed.")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".answer")).to_have_count(2)
    await page.get_by_role("button", name="Keep this conversation").click()
    await expect(page.get_by_text("nothing of it is stored")).to_be_hidden()
    await expect(page.locator(".answer")).to_have_count(2)
    await page.reload()
    await expect(page.locator(".question").first).to_contain_text("First secret")


async def test_a_temporary_chat_is_gone_after_a_reload(page: Page) -> None:
    warned: list[str] = []

    async def leave(dialog) -> None:
        warned.append(dialog.type)
        await dialog.accept()

    page.on("dialog", leave)
    await page.get_by_role("button", name="Temporary chat").click()
    await ask(page, "A secret")
    await page.reload()
    await page.locator(".empty").wait_for()
    assert warned == ["beforeunload"]
    assert "secret" not in await page.evaluate("JSON.stringify(localStorage)")


async def test_a_prompt_is_found_by_a_slash_and_filled_in_by_keyboard(page: Page) -> None:
    panel = await library(page, "Prompts")
    await panel.get_by_role("button", name="New prompt").click()
    await panel.get_by_label("Name").fill("Polite reply")
    await panel.get_by_label("Text").fill("A {{tone:calm|warm}} reply to {{who}}.")
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_text("Polite reply")).to_be_visible()
    await page.keyboard.press("Escape")
    box = page.get_by_role("textbox", name="Your instruction")
    await box.press_sequentially("/pol")
    await expect(page.get_by_role("option", name="Polite reply")).to_be_visible()
    await box.press("Enter")
    await page.get_by_label("tone").select_option("warm")
    await page.get_by_label("who").fill("Ada")
    await page.keyboard.press("Enter")
    await expect(box).to_have_value("A warm reply to Ada.")
    await expect(box).to_be_focused()


async def test_an_assistant_is_made_used_and_deleted_with_undo(
    site: ServedSite, page: Page
) -> None:
    panel = await library(page, "Assistants")
    await panel.get_by_role("button", name="New assistant").click()
    await panel.get_by_label("Name").fill("Baker")
    await panel.get_by_label("Instructions").fill("You bake.")
    await panel.get_by_label("Questions to begin with").fill("Which flour?")
    await panel.get_by_role("button", name="Save").click()
    await panel.get_by_role("button", name="Use “Baker”").click()
    await page.get_by_role("button", name="Which flour?").click()
    await page.keyboard.press("Enter")
    await answered(page)
    await expect(page.locator(".byline").last).to_have_text("Baker")
    asked = next(r for r in site.site.gateway.requests if r.system)
    assert "You bake." in asked.system[0].text
    panel = await library(page, "Assistants")
    await panel.get_by_role("button", name="Delete “Baker”").click()
    await expect(panel.get_by_text("No assistants yet.")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".model-name")).to_have_text("Baker")


async def test_a_fact_is_remembered_from_a_message_and_reaches_the_model(
    site: ServedSite, page: Page
) -> None:
    await ask(page, "Remember that the oven is new")
    await page.get_by_role("button", name="Remember this").click()
    await expect(page.get_by_text("Remembered: the oven is new")).to_be_visible()
    panel = await library(page, "About you")
    await expect(panel.get_by_label("Fact: the oven is new")).to_be_visible()
    await page.keyboard.press("Escape")
    await ask(page, "And now?")
    told = [part.text for request in site.site.gateway.requests for part in request.system]
    assert "the oven is new" in " ".join(told)


async def test_a_schedule_runs_and_its_answer_is_marked_until_it_is_read(page: Page) -> None:
    panel = await library(page, "Scheduled")
    await panel.get_by_role("button", name="New schedule").click()
    await panel.get_by_label("Name").fill("News")
    await panel.get_by_label("Instruction").fill("What is new?")
    await panel.get_by_label("How often").select_option("weekdays")
    await panel.get_by_label("At", exact=True).fill("07:30")
    await panel.get_by_role("button", name="Save").click()
    await expect(panel.get_by_text("Next:")).to_be_visible()
    async with page.expect_response("**/api/schedules/*/run"):
        await panel.get_by_role("button", name="Run “News” now").click()
    await page.reload()
    count = page.get_by_label("1 scheduled answer to read")
    await expect(count).to_be_visible()
    panel = await library(page, "Scheduled")
    await panel.get_by_role("button", name="Open the conversation of “News”").click()
    await expect(page.locator(".answer")).to_have_count(1)
    await expect(count).to_be_hidden()


async def test_a_skill_is_uploaded_and_switched_off(site: ServedSite, page: Page) -> None:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("SKILL.md", "---\nname: invoices\ndescription: Reminds.\n---\nBe polite.")
    panel = await library(page, "Skills")
    file = {"name": "invoices.zip", "mimeType": "application/zip", "buffer": into.getvalue()}
    await panel.get_by_label("Upload a skill").set_input_files(file)
    switch = panel.get_by_role("checkbox", name="Use invoices")
    await expect(switch).to_be_checked()
    async with page.expect_response("**/api/skills/*"):
        await switch.uncheck()
    await page.reload()
    panel = await library(page, "Skills")
    await expect(panel.get_by_role("checkbox", name="Use invoices")).not_to_be_checked()


@pytest.mark.parametrize("phone", [False, True])
async def test_every_panel_is_without_serious_faults_for_axe(
    axe: str,  # noqa: F811
    site: ServedSite,
    open_page,
    phone: bool,
) -> None:
    scheme = "dark" if phone else "light"
    page = await open_page(site.url, phone=phone, color_scheme=scheme, reduced_motion="reduce")
    await site.sign_in(page)
    found: list[str] = []
    await look_for(page, "Control+k", "Assistants")
    await page.keyboard.press("Enter")
    for tab in ("Prompts", "Scheduled", "Skills", "About you", "Assistants"):
        await page.get_by_role("tab", name=tab).click()
        found += await faults(page, axe)
    await page.get_by_role("button", name="New assistant").click()
    found += await faults(page, axe)
    box = await page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert not phone or (box["x"], box["width"]) == (0, 390)
    assert found == []
