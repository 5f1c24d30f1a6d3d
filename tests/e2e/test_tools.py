"""Tools on the page: steps that unfold, leave that is asked, switches, sources as footnotes."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, said
from doubles.scripted import START, Step, stop, text, tool_use
from e2e.site import ServedSite, served_site

pytestmark = pytest.mark.slow
FINDS = '{"query":"lighthouses"}'


async def finds(call: Call) -> Outcome:
    first = call.cite("Lighthouses of Brittany", "https://phares.example/ar-men", "Ar-Men, 1881")
    second = call.cite("Keepers", "https://keepers.example/", "")
    return said(f"[{first}] Ar-Men was lit in 1881.\n[{second}] Keepers lived there.")


SEARCH = ChatTool(
    name="web_search",
    title=Words("Web search", "Recherche web"),
    description="Search.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}},
    run=finds,
    read_only=True,
)


async def sends(call: Call) -> Outcome:
    return said("sent")


SEND = ChatTool(
    name="send_letter",
    title=Words("Send a letter", "Envoyer une lettre"),
    description="Send.",
    input_schema={"type": "object", "properties": {"to": {"type": "string"}}},
    run=sends,
)
ANSWER = (
    START,
    *text("Ar-Men was lit in **1881** [1], and keepers lived there [2]. `[1]` is code."),
    stop(),
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def ask(page: Page, site: ServedSite, *scripts: tuple[Step, ...]) -> None:
    site.site.gateway.scripts = list(scripts)
    site.site.gateway.script = ANSWER
    box = page.get_by_role("textbox", name="Your instruction")
    if await page.locator(".model-name").inner_text() != "Capable":
        await page.locator(".model-button").click()
        await page.get_by_role("menuitemradio", name="Capable").click()
    await box.fill("When was Ar-Men lit?")
    await page.get_by_role("button", name="Send").click()


def calls(name: str, body: str) -> tuple[Any, ...]:
    return (START, *text("One moment."), *tool_use(name, body, index=1), stop("tool_use"))


async def shot(page: Page, name: str) -> None:
    """Keep a picture for a look by hand, where a folder for them is named."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("phone", [False, True])
async def test_steps_are_folded_and_sources_are_footnotes(
    site: ServedSite, open_page: Any, phone: bool
):
    site.site.services.toolbox.add(SEARCH)
    page = await site.sign_in(await open_page(site.url, phone=phone))
    await ask(page, site, calls("calculate", '{"expression":"17*23"}'), calls("web_search", FINDS))
    answer = page.locator(".answer")
    await expect(answer.get_by_text("Calculated 17*23")).to_be_visible()
    await expect(answer.get_by_text("Searched the web for “lighthouses”")).to_be_visible()
    assert await answer.get_by_text("17*23 = 391").is_hidden()
    await answer.get_by_text("Calculated 17*23").click()
    await expect(answer.get_by_text("17*23 = 391")).to_be_visible()
    link = answer.get_by_role("link", name="[1]")
    assert await link.get_attribute("href") == "https://phares.example/ar-men"
    await expect(answer.locator("code", has_text="[1]")).to_be_visible()
    await answer.get_by_text("2 sources").click()
    await expect(answer.get_by_role("link", name="Lighthouses of Brittany")).to_be_visible()
    await shot(page, f"steps-{'phone' if phone else 'desktop'}")
    await page.reload()
    await expect(page.locator(".answer").get_by_text("2 sources")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Calculated 17*23")).to_be_visible()


async def test_leave_is_asked_survives_a_reload_and_is_given_by_keyboard(
    site: ServedSite, open_page: Any
):
    site.site.services.toolbox.add(SEND)
    page = await site.sign_in(await open_page(site.url, color_scheme="dark"))
    await ask(page, site, calls("send_letter", '{"to":"Ada"}'))
    asked = page.get_by_role("group", name="Send a letter: may this be done?")
    await expect(asked.get_by_text("Ada")).to_be_visible()
    await page.reload()
    await expect(asked.get_by_text("Ada")).to_be_visible()
    await shot(page, "leave-dark")
    await asked.get_by_role("button", name="Allow once").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer").get_by_text("Used Send a letter")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Ar-Men was lit in")).to_be_visible()


async def test_what_is_refused_is_not_done(site: ServedSite, open_page: Any):
    site.site.services.toolbox.add(SEND)
    page = await site.sign_in(await open_page(site.url))
    await ask(page, site, calls("send_letter", '{"to":"Ada"}'))
    await page.get_by_role("button", name="Refuse").click()
    await expect(page.locator(".step .tag", has_text="Failed")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Ar-Men was lit in")).to_be_visible()


async def test_tools_are_switched_and_the_picker_says_what_a_model_can(
    site: ServedSite, open_page: Any
):
    page = await site.sign_in(await open_page(site.url))
    await page.locator(".model-button").click()
    capable = page.get_by_role("menuitemradio", name="Capable")
    await expect(capable).to_contain_text("Tools")
    await expect(page.get_by_role("menuitemradio", name="Plain")).not_to_contain_text("Tools")
    await capable.click()
    await page.get_by_role("button", name="Tools, 2 on").click()
    await page.get_by_role("menuitemcheckbox", name="Calculator").click()
    await shot(page, "tools-menu")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Tools, 1 on")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Tools, 1 on")).to_be_visible()
