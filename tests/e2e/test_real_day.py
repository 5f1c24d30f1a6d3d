"""A day with the real server and model: tabs and a telephone, a file, and the keyboard alone.

The starter model writes until it is stopped: an assistant cuts its answers short, as anybody may
have it. What an answer says is its own affair; that it comes, stays and is found is not.
"""

import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from e2e.axe import faults, source
from e2e.conftest import OpenPage
from e2e.test_transfers import CLAUDE
from support.server import ServerProcess

pytestmark = pytest.mark.slow

LONG_MS = 90_000
CLERK = {"name": "Clerk", "settings": {"max_tokens": 24}}
SHED: Any = {"name": "shed.txt", "mimeType": "text/plain"}
SHED |= {"buffer": b"The bicycle in the shed is green. The key hangs behind the door.\n"}
LOOK = """wanted => {
  dispatchEvent(new Event("focus"));
  return document.querySelectorAll(".answer").length === wanted;
}"""
"""Look at a tab again, until it shows so many answers."""


def link_to(server: ServerProcess) -> str:
    return server.run("users", "link").stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
async def signed_in(server: ServerProcess, browser: Browser) -> dict[str, Any]:
    """What a browser keeps of somebody who came by a link and chose an assistant."""
    context = await browser.new_context(base_url=server.url, locale="en-GB")
    context.set_default_timeout(LONG_MS)
    page = await context.new_page()
    await page.goto(link_to(server))
    await composer(page).wait_for()
    made = await page.request.post("/api/assistants", data=CLERK)
    assert made.status == 201, await made.text()
    await page.reload()
    await page.locator(".model-button").click()
    await page.get_by_role("menuitemradio", name="Clerk").click()
    await expect(page.locator(".model-button")).to_contain_text("Clerk")
    state = await context.storage_state()
    await context.close()
    return dict(state)


@pytest.fixture
async def page(server: ServerProcess, open_page: OpenPage, signed_in: dict[str, Any]) -> Page:
    """The page, as that person opens it again."""
    opened = await open_page(server.url, reduced_motion="reduce", storage_state=signed_in)
    await opened.goto("/")
    await expect(opened.locator(".model-button")).to_contain_text("Clerk")
    return opened


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your instruction")


async def answered(page: Page, count: int) -> str:
    """Wait until so many answers are there and the last is whole; return what it says."""
    await expect(page.locator(".answer")).to_have_count(count, timeout=LONG_MS)
    last = page.locator(".answer.last:not(.growing)")
    await expect(last).to_have_count(1, timeout=LONG_MS)
    return await last.locator(".prose").inner_text()


async def test_two_tabs_and_a_telephone_hold_one_conversation(
    server: ServerProcess, page: Page, open_page: OpenPage
) -> None:
    await composer(page).fill("Name a colour.")
    await page.keyboard.press("Enter")
    assert await answered(page, 1)
    second = await page.context.new_page()
    await second.goto(page.url)
    await expect(second.locator(".answer")).to_have_count(1)
    await composer(second).fill("Name another.")
    await second.keyboard.press("Enter")
    said = await answered(second, 2)
    await page.wait_for_function(LOOK, arg=2, polling=500, timeout=LONG_MS)
    await expect(page.locator(".answer .prose").last).to_have_text(said)

    phone = await open_page(server.url, phone=True, reduced_motion="reduce")
    await phone.goto(link_to(server))
    await composer(phone).wait_for()
    await phone.goto(page.url)
    await expect(phone.locator(".answer .prose").last).to_have_text(said)
    await composer(phone).fill("And a third.")
    await phone.get_by_role("button", name="Send", exact=True).tap()
    await answered(phone, 3)
    assert await faults(phone, source()) == []
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not await phone.evaluate(wide)
    await page.wait_for_function(LOOK, arg=3, polling=500, timeout=LONG_MS)


async def test_an_answer_from_a_project_s_file_leads_to_the_passage(page: Page) -> None:
    await page.keyboard.press("Alt+Shift+J")
    form = page.get_by_role("dialog")
    await form.get_by_role("textbox", name="Name").fill("The shed")
    await form.get_by_role("textbox", name="Name").press("Enter")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add files").click()
    await (await chooser.value).set_files([SHED])
    line = page.get_by_role("listitem").filter(has_text="shed.txt")
    await expect(line).to_contain_text("found by its", timeout=LONG_MS)
    await composer(page).fill("Which colour has the bicycle?")
    await page.keyboard.press("Enter")
    await answered(page, 1)
    sources = page.locator(".answer .sources")
    await sources.get_by_text(re.compile(r"^1 source( consulted)?$")).click()
    await sources.get_by_role("button", name="shed.txt").click()
    passage = page.get_by_role("dialog", name="shed.txt").locator("mark")
    await expect(passage).to_contain_text("The bicycle in the shed is green.")


async def test_what_is_taken_in_is_found_gone_on_with_shared_and_withdrawn_by_keys(
    server: ServerProcess, page: Page, open_page: OpenPage
) -> None:
    async with page.expect_file_chooser() as choosing:
        await page.keyboard.press("Control+k")
        await page.get_by_role("combobox").fill("Import")
        await page.keyboard.press("Enter")
    question, answer = CLAUDE[0]["chat_messages"]
    told = [question, answer | {"text": "Over there, by the zanzibar lamp."}]
    body = json.dumps([CLAUDE[0] | {"name": "Taken in", "chat_messages": told}]).encode()
    export: Any = {"name": "export.json", "mimeType": "application/json", "buffer": body}
    await (await choosing.value).set_files([export])
    await expect(page.get_by_role("link", name="Taken in")).to_be_visible(timeout=LONG_MS)

    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").fill("zanzibar")
    await page.keyboard.press("Enter")
    found = page.get_by_role("option").filter(has=page.locator("mark", has_text="zanzibar"))
    await expect(found).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(page.locator(".turn.sought")).to_contain_text("zanzibar")

    await composer(page).press("Control+End")
    await page.keyboard.type("Thank you.")
    await page.keyboard.press("Enter")
    await answered(page, 2)
    await page.keyboard.press("Alt+Shift+S")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make a link").press("Enter")
    shown = dialog.get_by_role("textbox", name="Link to the conversation")
    await expect(shown).to_have_value(re.compile("/share/"))
    stranger = await open_page(server.url, reduced_motion="reduce")
    await stranger.goto(await shown.input_value())
    await expect(stranger.locator(".answer")).to_have_count(2)
    await dialog.get_by_role("button", name="Revoke", exact=True).press("Enter")
    await expect(dialog.get_by_role("button", name="Make a link")).to_be_visible()
    gone = await stranger.reload()
    assert gone is not None
    assert gone.status == 404
