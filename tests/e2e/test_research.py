"""Research in a browser on the real server: visible steps, a reload midway, a cited report."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from doubles.upstream import chunks, stream
from doubles.web_world import WebWorld
from e2e.acts import send
from e2e.axe import faults, source
from integration.chat.test_research import Capable, calls, environment
from support.server import ServerProcess

pytestmark = pytest.mark.slow
STEPS = ["When was Ar-Men lit?", "Who kept it?"]
BEGINNING = "# Ar-Men\n\nAr-Men was first lit on 31 August 1881 [1]. "
REST = (
    "Its keepers called it the hell of hells [1].\n\n| year | what |\n|--|--|\n| 1881 | lit [1] |\n"
)


async def look(page: Page, name: str) -> None:
    """Keep a picture for a look by hand, where a folder for them is named."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png")


async def asks_for_a_report(page: Page) -> None:
    await page.get_by_role("button", name="Model:").click()
    await page.get_by_role("menuitemradio", name="capable").click()
    await page.get_by_role("button", name="Tools, ").click()
    await page.get_by_role("menuitemcheckbox", name="Research").click()
    await page.keyboard.press("Escape")
    await expect(page.locator(".tools-mode")).to_have_text("Research")
    await send(page, "Report on Ar-Men.")
    await expect(page.locator(".tools-mode")).to_have_count(0)


async def test_a_report_is_followed_left_come_back_to_and_cited(
    make_data_dir: Callable[[], Path], open_page: Any
):
    searching, writing = asyncio.Event(), asyncio.Event()
    search = calls("web_search", query="Ar-Men lighthouse")
    opening, begun, *ended = chunks(BEGINNING, REST)
    async with WebWorld().serve() as world:
        upstream = Capable(
            calls("plan", steps=STEPS),
            stream(searching, *search.parts),
            calls("read_web_page", url=f"{world.url}/ar-men"),
            stream(opening, begun, writing, *ended),
        )
        async with upstream.serve():
            environ = environment(upstream, world)
            server = await asyncio.to_thread(ServerProcess, make_data_dir(), environ=environ)
            try:
                page = await open_page(server.url)
                await page.goto(f"/#token={server.login_token}")
                await asks_for_a_report(page)
                await is_followed(page, searching, writing)
            finally:
                searching.set()
                writing.set()
                assert await asyncio.to_thread(server.stop) == 0, server.log_path.read_text()


async def is_followed(page: Page, searching: asyncio.Event, writing: asyncio.Event) -> None:
    answer = page.locator(".answer")
    await expect(answer.locator(".step-label")).to_have_text(["Planned"])
    await expect(answer.locator(".step-plan li")).to_have_text(STEPS)
    await look(page, "research-planned")
    await page.reload()
    await expect(answer.locator(".step-plan li")).to_have_text(STEPS)
    searching.set()
    await expect(answer.locator(".step-label")).to_have_count(3)
    await expect(answer.locator(".step-label").nth(1)).to_have_text(
        "Searched the web for “Ar-Men lighthouse”"
    )
    await expect(answer.locator(".step-label").nth(2)).to_contain_text("/ar-men")
    await expect(answer.get_by_role("heading", name="Ar-Men")).to_be_visible()
    await look(page, "research-writing")
    await page.reload()  # in the middle of the report
    await expect(answer.locator("p", has_text="first lit on 31 August 1881")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop")).to_be_visible()
    writing.set()
    await expect(answer.locator("p", has_text="the hell of hells")).to_be_visible()
    await expect(answer.get_by_role("link", name="[1]")).to_have_count(3)
    link = answer.get_by_role("link", name="[1]").first
    await expect(link).to_have_attribute("href", re.compile("/ar-men$"))
    await answer.get_by_text("1 source").click()
    await expect(answer.locator(".sources").get_by_role("link")).to_contain_text("Ar-Men")
    await look(page, "research-done")
    assert await faults(page, source()) == []
