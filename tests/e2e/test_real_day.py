"""One conversation on the real server and model: two tabs, a telephone, a link, an import."""

import json
from typing import Any

import pytest
from playwright.async_api import Page, expect

from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture
from e2e.test_chat import LONG_MS, ask, settled
from e2e.test_transfers import CLAUDE
from support.server import ServerProcess

pytestmark = pytest.mark.slow

NOTE = b"The bicycle in the shed is green. The key hangs behind the door.\n"


async def signed_in(server: ServerProcess, open_page: Any, **options: Any) -> Page:
    page: Page = await open_page(server.url, reduced_motion="reduce", **options)
    link = server.run("users", "link").stdout.strip().splitlines()[-1]
    await page.goto(link)
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    return page


async def test_a_conversation_in_two_tabs_on_a_telephone_by_a_link_and_taken_in(
    server: ServerProcess,
    open_page,
    axe: str,  # noqa: F811
) -> None:
    first = await signed_in(server, open_page)
    note = {"name": "shed.txt", "mimeType": "text/plain", "buffer": NOTE}
    await first.locator("input[type=file]").set_input_files([note])  # type: ignore[list-item]
    await expect(first.locator(".file.ready")).to_contain_text("shed.txt")
    await ask(first, "Which colour has the zanzibar bicycle in my file?")
    await settled(first)
    await expect(first.locator(".question").get_by_role("button", name="shed.txt")).to_be_visible()

    address = first.url
    second = await first.context.new_page()
    await second.goto(address)
    await expect(second.locator(".answer")).to_have_count(1)
    await ask(second, "Write two sentences about bicycles.")
    await expect(second.locator(".answer")).to_have_count(2)
    said = await settled(second)
    await first.evaluate("dispatchEvent(new Event('focus'))")  # as when its tab is looked at
    await expect(first.locator(".answer")).to_have_count(2, timeout=LONG_MS)
    await expect(first.locator(".answer .prose").last).to_have_text(said)
    await second.close()

    await first.locator("body").press("Control+k")
    await first.keyboard.type("zanzibar")
    await first.get_by_role("option", name="Search messages for").click()
    found = first.get_by_role("option").filter(has=first.locator("mark", has_text="zanzibar"))
    await found.first.click()
    await expect(first.locator(".turn.sought")).to_contain_text("zanzibar")

    phone = await signed_in(server, open_page, phone=True)
    await phone.goto(address)
    await expect(phone.locator(".answer .prose").last).to_have_text(said)
    await phone.get_by_role("textbox", name="Your instruction").fill("Thank you.")
    await phone.get_by_role("button", name="Send", exact=True).tap()
    await expect(phone.locator(".answer")).to_have_count(3)
    await settled(phone)
    assert await faults(phone, axe) == []

    await first.evaluate("dispatchEvent(new Event('focus'))")
    await expect(first.locator(".answer")).to_have_count(3)
    await first.keyboard.press("Alt+Shift+S")
    dialog = first.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make a link").click()
    link = await dialog.get_by_role("textbox", name="Link to the conversation").input_value()
    stranger: Page = await open_page(server.url)
    await stranger.goto(link)
    await expect(stranger.locator(".answer")).to_have_count(3)
    await first.keyboard.press("Escape")
    await first.get_by_role("button", name="Account and settings").click()
    await first.get_by_role("menuitem", name="Shared links").click()
    await dialog.get_by_role("button", name="Revoke the link").click()
    await expect(dialog).to_contain_text("You have shared nothing.")
    gone = await stranger.reload()
    assert gone is not None
    assert gone.status == 404
    await first.keyboard.press("Escape")

    await first.get_by_role("button", name="Account and settings").click()
    async with first.expect_file_chooser() as choosing:
        await first.get_by_role("menuitem", name="Import conversations").click()
    body = json.dumps([CLAUDE[0] | {"name": "Taken in"}]).encode()
    export = {"name": "export.json", "mimeType": "application/json", "buffer": body}
    await (await choosing.value).set_files([export])  # type: ignore[list-item]
    await first.get_by_role("link", name="Taken in").click()
    await ask(first, "What is the capital of France?")
    await expect(first.locator(".answer")).to_have_count(2)
    assert "Paris" in await settled(first)
