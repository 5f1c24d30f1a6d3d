"""A browser for the whole run, and the page on the scripted stand-in or on the real server."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from consigne.web import static
from doubles.web_server import TOKEN, WebServer, serve

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 45_000
"""A machine may be slow; a limit costs nothing where tests pass."""
expect.set_options(timeout=PATIENCE_MS)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session", autouse=True)
def packed() -> Iterator[None]:
    """Join and compress the page's files once for all servers of this process."""
    root, first = static._ROOT, static._Site(static._ROOT, static._nowhere)
    _ = first._page, first._verify, first._shared, first._led_nowhere, first._worker

    class Packed(static._Site):
        def __init__(self, where: Path, leads: static.Leads) -> None:
            if where == root:
                self.__dict__.update(first.__dict__)
            super().__init__(where, leads)

    patch: Any = pytest.MonkeyPatch()
    with patch.context() as until_the_end:
        until_the_end.setattr(static, "_Site", Packed)
        yield


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        missing = "Chromium is missing: install the package `chromium`"
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield started
        await started.close()


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Open a page of its own at a base URL; nothing it does may end in a script error."""
    contexts, errors = [], []

    async def open_at(
        base_url: str, *, phone: bool = False, check: bool = True, **options: Any
    ) -> Page:
        context = await browser.new_context(
            base_url=base_url,
            viewport=PHONE if phone else DESKTOP,
            has_touch=phone,
            is_mobile=phone,
            permissions=["clipboard-read", "clipboard-write"],
            **{"locale": "en-GB", "service_workers": "block", **options},
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if check:  # else a frame breaks its own policy on purpose
            page.on("console", lambda said: _note(said.text, errors))
        return page

    yield open_at
    for context in contexts:
        await context.close()
    assert errors == []


def _note(said: str, errors: list[str]) -> None:
    if "directive 'webrtc'" in said:
        return  # said to browsers that know it
    if "content security policy" in said.lower().replace("-", " ") or "TrustedHTML" in said:
        errors.append(said)


@pytest.fixture
def web() -> WebServer:
    """The stand-in's state."""
    return WebServer()


@pytest.fixture
def web_url(web: WebServer) -> Iterator[str]:
    """The stand-in, serving."""
    with serve(web) as url:
        yield url


@pytest.fixture
async def chat(web_url: str, open_page: OpenPage) -> Page:
    """The page on the stand-in, signed in."""
    page = await open_page(web_url)
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    return page
