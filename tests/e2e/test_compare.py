"""Two models side by side, in a browser on the real API."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from doubles.chat_gateway import paced
from e2e.acts import answered, boxes, send
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def ask_two(page: Page, text: str) -> None:
    await page.locator(".model-button").click()
    await page.get_by_role("menuitem", name="Side by side with…").click()
    await page.get_by_role("menuitemradio", name="Capable", exact=True).last.click()
    await expect(page.get_by_text("Side by side with Capable")).to_be_visible()
    await send(page, text)


async def test_two_answers_stream_survive_a_reload_and_one_is_chosen(
    site: ServedSite,
    open_page,
    axe: str,  # noqa: F811
) -> None:
    gates, site.site.gateway.script = paced("Half ", "and whole.")
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    box = page.get_by_role("textbox", name="Your instruction")
    await ask_two(page, "What is a ticket?")
    left = page.get_by_role("region", name="Tiny Instruct")
    right = page.get_by_role("region", name="Capable")
    gates[0].set()
    await expect(left).to_contain_text("Half")
    await expect(right).to_contain_text("Half")
    await page.reload()
    await expect(left).to_contain_text("Half")
    await expect(right).to_contain_text("Half")
    for gate in gates:
        gate.set()
    await expect(left).to_contain_text("Half and whole.")
    await expect(right).to_contain_text("Half and whole.")
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.reload()  # and when both are written
    await expect(right).to_contain_text("Half and whole.")
    first, second = await boxes(page, ".compare-side")
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] <= second["x"]
    assert await faults(page, axe) == []

    await send(page, "And a locker?")
    await expect(page.get_by_text("Choose first which answer")).to_be_visible()
    choose = page.get_by_role("button", name="Go on with this answer: Tiny Instruct")
    await expect(choose).to_be_focused()
    await page.get_by_role("button", name="Go on with this answer: Capable").click()
    await expect(page.locator(".compare")).to_have_count(0)
    await expect(page.locator(".answer").get_by_label("2 of 2")).to_be_visible()
    await expect(page.locator(".model-name")).to_have_text("Capable")
    await expect(box).to_have_value("And a locker?")
    await box.press("Enter")
    await expect(page.locator(".answer")).to_have_count(2)
    await answered(page)
    assert [request.model for request in site.site.gateway.requests[-1:]] == ["capable"]
    await page.reload()
    await page.get_by_role("button", name="Previous version").first.click()
    await expect(page.locator(".answer")).to_have_count(1)


async def test_on_a_phone_one_is_shown_at_a_time_and_stop_ends_both(
    site: ServedSite, open_page
) -> None:
    gates, site.site.gateway.script = paced("Half ", "and whole.")
    gates[0].set()
    page: Page = await site.sign_in(await open_page(site.url, phone=True, reduced_motion="reduce"))
    await page.locator(".model-button").click()
    await page.get_by_role("menuitem", name="Side by side with…").click()
    await page.get_by_role("menuitemradio", name="Capable", exact=True).last.click()
    await page.get_by_role("textbox", name="Your instruction").fill("What is it?")
    await page.get_by_role("button", name="Send").click()
    left = page.get_by_role("region", name="Tiny Instruct")
    right = page.get_by_role("region", name="Capable")
    await expect(left).to_contain_text("Half")
    await expect(right).to_be_hidden()
    await page.get_by_role("button", name=re.compile("^Capable")).click()
    await expect(right).to_contain_text("Half")
    await expect(left).to_be_hidden()
    await page.get_by_role("button", name="Stop").click()
    await expect(right).to_contain_text("Stopped.")
    await page.get_by_role("button", name="Tiny Instruct", exact=True).click()
    await expect(left).to_contain_text("Stopped.")
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    await page.get_by_role("button", name="Go on with this answer").first.click()
    await expect(page.locator(".compare")).to_have_count(0)
