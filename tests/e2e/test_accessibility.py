"""Every state of the page, light and dark, wide and narrow, without a serious fault for axe."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from doubles.web_server import TOKEN, WebServer
from e2e.acts import answered as settled
from e2e.acts import look_for
from e2e.axe import COLOURS, faults, source

pytestmark = pytest.mark.slow

State = Callable[[Page], Awaitable[Any]]


@pytest.fixture(scope="module")
def axe() -> str:
    return source()


async def ask(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Your instruction").fill(text)
    await page.locator(".composer .round").click()
    await settled(page)


async def menu(page: Page) -> None:
    await page.locator(".model-button").click()
    await page.get_by_role("menu").wait_for()


async def models(page: Page) -> None:
    await menu(page)
    await page.get_by_role("menuitem").last.click()
    await page.locator(".suggestions").last.wait_for()


async def palette(page: Page) -> None:
    await page.get_by_role("textbox", name="Your instruction").wait_for()  # keys are heard now
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").wait_for()


async def drawer(page: Page) -> None:
    await page.locator("[aria-expanded].drawer-only").click()
    await expect(page.get_by_role("navigation")).to_be_visible()


async def waiting(page: Page) -> None:
    await page.get_by_role("textbox", name="Your instruction").fill("wait for it")
    await page.locator(".composer .round").click()
    await page.locator(".waiting").wait_for()


async def editing(page: Page) -> None:
    await ask(page, "Edit me")
    await page.locator(".question").hover()
    await page.get_by_role("button", name="Edit", exact=True).click()


async def again(page: Page) -> None:
    await ask(page, "Say it")
    await page.get_by_role("button", name="Answer again").click()
    await page.locator(".stepper").wait_for()
    await settled(page)


async def missing(page: Page) -> None:
    await page.goto("/c/none")
    await page.locator(".instead").wait_for()


STATES: dict[str, State] = {
    "empty": lambda page: page.locator(".empty").wait_for(),
    "answer": lambda page: ask(page, "What is a ticket for?"),
    "failed": lambda page: ask(page, "Please fail"),
    "interrupted": lambda page: ask(page, "interrupt this"),
    "waiting": waiting,
    "editing": editing,
    "versions": again,
    "menu": menu,
    "models": models,
    "palette": palette,
    "missing": missing,
}


async def opened(open_page: Any, url: str, **options: Any) -> Page:
    page: Page = await open_page(url, reduced_motion="reduce", **options)
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    return page


async def faults_of_both(page: Page, axe: str) -> list[str]:
    """Return the serious faults in the light theme, and those of the dark one's colours."""
    found = []
    for scheme, rules in (("light", ()), ("dark", COLOURS)):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found += [f"{scheme}: {fault}" for fault in await faults(page, axe, *rules)]
    return found


async def assert_fits(page: Page, axe: str) -> None:
    assert await faults_of_both(page, axe) == []


async def test_wide(axe: str, open_page: Any, web: WebServer, web_url: str) -> None:
    web.exchange("An older one", "Question", "Its answer.", days_ago=3)
    page = await opened(open_page, web_url)
    found = {}
    for name, state in STATES.items():
        await page.goto("/")
        await state(page)
        found[name] = await faults_of_both(page, axe)
    assert {name: bad for name, bad in found.items() if bad} == {}


async def test_narrow(axe: str, open_page: Any, web: WebServer, web_url: str) -> None:
    web.exchange("An older one", "Question", "Its answer.", days_ago=3)
    page = await opened(open_page, web_url, phone=True)
    found = {}
    for name in ("empty", "answer", "models", "drawer"):
        await page.goto("/")
        await {**STATES, "drawer": drawer}[name](page)
        found[name] = await faults(page, axe)
    assert {name: bad for name, bad in found.items() if bad} == {}


async def test_sign_in(axe: str, open_page: Any, web_url: str) -> None:
    page: Page = await open_page(web_url)
    await page.goto("/#token=used")
    await page.get_by_role("alert").wait_for()
    await assert_fits(page, axe)


async def test_the_whole_way_by_keyboard(open_page: Any, web: WebServer, web_url: str) -> None:
    web.exchange("An older one", "Question", "Its answer.", days_ago=3)
    page = await opened(open_page, web_url)
    await page.reload()
    await page.get_by_role("link", name="An older one").wait_for()
    await look_for(page, "Control+k", "older")
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer")).to_contain_text("Its answer.")
    skip = page.get_by_role("link", name="Skip to the composer")
    await skip.focus()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Your instruction")).to_be_focused()
    await page.keyboard.type("And more?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer").last).to_contain_text("A short answer")
    focused = page.locator(":focus")
    await settled(page)
    for key in ("Tab", "Shift+Tab", "Shift+Tab"):
        await page.keyboard.press(key)
        if await focused.evaluate("e => e.tagName") == "TEXTAREA":
            continue  # its box shows the focus
        outline = await focused.evaluate("e => getComputedStyle(e).outlineStyle")
        assert outline == "solid"


async def test_an_answer_is_read_out(open_page: Any, web_url: str) -> None:
    page = await opened(open_page, web_url)
    spoken: list[str] = []
    await page.expose_function("heard", lambda words: spoken.append(words))
    await page.evaluate(
        """() => new MutationObserver(() => heard(live.textContent)).observe(
        (window.live = document.querySelector('[aria-live=polite]')),
        {childList: true, characterData: true, subtree: true})"""
    )
    await ask(page, "What is a ticket for?")
    await expect(page.locator("[aria-live=polite]")).to_contain_text("The answer is complete.")
    everything = " ".join(spoken)
    assert "The answer is being written." in everything
    assert "Leaving luggage in safe keeping is an old idea." in everything
    assert everything.count("Leaving luggage") == 1
