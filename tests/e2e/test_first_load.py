"""The page comes in few and small answers, and the second time in hardly any."""

import asyncio
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from doubles.web_server import TOKEN
from e2e.acts import boxes
from e2e.test_offline import CONTROLLED

pytestmark = pytest.mark.slow

FIRST_LOAD_BYTES = 160_000
"""Of the page and its own files, with the headers of the answers."""


async def loaded(page: Page, address: str) -> dict[str, int]:
    """Open the page, and return the bytes that the network carried for each thing it asked for."""
    asked: dict[str, str] = {}
    carried: dict[str, int] = {}

    def ask(event: dict) -> None:
        path = urlsplit(event["request"]["url"]).path
        assert path not in asked.values() or path.startswith("/api/conversations"), path
        asked[event["requestId"]] = path

    link = await page.context.new_cdp_session(page)
    link.on("Network.requestWillBeSent", ask)
    link.on(
        "Network.loadingFinished",
        lambda event: carried.update({asked[event["requestId"]]: event["encodedDataLength"]}),
    )
    await link.send("Network.enable")
    await page.goto(address)
    await expect(page.get_by_role("textbox", name="Your instruction")).to_be_focused()
    await page.wait_for_load_state("networkidle")
    await link.detach()
    return carried


def own(carried: dict[str, int]) -> dict[str, int]:
    return {path: size for path, size in carried.items() if not path.startswith("/api/")}


async def test_the_page_comes_in_few_and_small_answers(web_url: str, open_page) -> None:
    page: Page = await open_page(web_url, service_workers="allow")
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    cookies = await page.context.cookies()

    page = await open_page(web_url, service_workers="allow")
    await page.context.add_cookies(cookies)
    first = own(await loaded(page, "/"))
    assert sum(first.values()) < FIRST_LOAD_BYTES
    assert len(first) < 16
    assert not [path for path in first if "/app/ui/" in path or "/app/state/" in path]

    # A second visit: the worker gives the files, the network only says that the page is the same.
    await page.evaluate(CONTROLLED)
    page = await page.context.new_page()
    again = own(await loaded(page, "/"))
    assert {path for path, size in again.items() if size} <= {"/"}
    assert sum(again.values()) < 1_500


@pytest.mark.parametrize("phone", [False, True])
async def test_nothing_moves_when_the_models_are_known(
    web_url: str, open_page, phone: bool
) -> None:
    page: Page = await open_page(web_url, phone=phone)
    await page.goto(f"/#token={TOKEN}")
    await page.locator(".model-where").wait_for()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/api/models", hold)
    await page.reload()
    await page.locator(".model-name .bone").wait_for()
    parts = (".composer", ".empty h2", ".empty li")
    before = await boxes(page, *parts)
    held.set()
    await page.locator(".model-where").wait_for()
    assert await boxes(page, *parts) == before
    assert len(before) > 3


async def test_signed_out_nothing_is_asked_for_twice(web_url: str, open_page) -> None:
    page: Page = await open_page(web_url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    await page.goto("/")
    await page.get_by_label("Sign-in link").wait_for()
    assert asked.count("/api/session") == 1
    assert len([path for path in asked if "/i18n/" in path]) == 1
