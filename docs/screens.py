"""Take the pictures of the main screens that stand in ``docs/images/screens``.

    python docs/screens.py [NAME ...]

Each picture shows one screen four times: desktop and phone, light and dark. The page is the real
one on the real API and a real database; what the model writes is scripted, so that every run shows
the same. Needs the extra ``dev`` and Chromium, as the browser tests do.
"""

import asyncio
import io
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect
from sqlalchemy import insert

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from consigne.store.tables import ConversationRow  # noqa: E402
from doubles.scripted import START, stop, text, tool_use  # noqa: E402
from e2e.conftest import ARGUMENTS, DESKTOP, PHONE  # noqa: E402
from e2e.site import ServedSite, served_site  # noqa: E402
from e2e.test_usage import use_some  # noqa: E402
from support.files import pdf  # noqa: E402
from support.seeding import conversation, grow  # noqa: E402

FOLDER = ROOT / "docs" / "images" / "screens"
MARGIN = 24
COLOURS = 256
PAPER = (128, 128, 128)
EARLIER = (
    "Lease of the flat in Lyon",
    "Bread without kneading",
    "Words for a farewell",
    "SQL joins",
)
ANSWER = r"""The area under $x^2$ from 0 to 1 is a third:

$$\int_0^1 x^2 \, dx = \frac{1}{3}$$

| steps | sum | error |
| ---: | ---: | ---: |
| 10 | 0.285 | 0.048 |
| 1,000 | 0.3328 | 0.0005 |

```python
def area(steps: int) -> float:
    return sum((n / steps) ** 2 for n in range(steps)) / steps
```

More steps come **nearer**, and never quite there.
"""
DRAWING = """<!doctype html><title>Tides</title><style>body{font:16px system-ui;margin:2rem;
background:#f4f1ea;color:#234}svg{width:100%}</style><h1>Tides at Ar-Men</h1>
<svg viewBox="0 0 400 120"><path d="M0 60 Q50 0 100 60 T200 60 T300 60 T400 60" fill="none"
stroke="#2a6f97" stroke-width="4"/></svg><p>High water at 04:12 and 16:40.</p>"""
LEASE = pdf("The rent is 900 euros a month.", "Notice must be given three months ahead.")
LEASE_FILE: Any = {"name": "lease.pdf", "mimeType": "application/pdf", "buffer": LEASE}
ASSISTANTS = (
    {
        "name": "Baker",
        "description": "Recipes by weight, for one oven",
        "instructions": "You bake.",
        "letter": "B",
        "colour": "amber",
        "shared": True,
    },
    {
        "name": "House",
        "description": "What the lease says",
        "instructions": "Answer from the lease.",
        "letter": "H",
    },
)
Screen = Callable[[Page, ServedSite], Awaitable[object]]


async def write(page: Page, site: ServedSite, words: str, *script: object) -> None:
    """Send an instruction that is answered by a script."""
    site.site.gateway.script = (START, *script, stop())
    await page.locator("#composer").fill(words)
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator(".answer.last:not(.growing)").wait_for()


async def empty(page: Page, site: ServedSite) -> None:
    """Show a new conversation."""
    await page.locator(".empty").wait_for()


async def answer(page: Page, site: ServedSite) -> None:
    """Show an answer with formulas, a table and code."""
    await write(page, site, "What is the area under a parabola?", *text(ANSWER))
    await page.locator(".math.set").first.wait_for()


async def file(page: Page, site: ServedSite) -> None:
    """Show a passage that an answer cites."""
    await page.locator("input[type=file]").set_input_files([LEASE_FILE])
    await page.locator(".file.ready").wait_for()
    told = "Notice must be given **three months** ahead [2]."
    await write(page, site, "How much notice must be given?", *text(told))
    await page.get_by_role("button", name="Source 2: lease.pdf, page 2").click()
    await page.get_by_role("dialog").locator("mark").wait_for()


async def artifact(page: Page, site: ServedSite) -> None:
    """Show a page that the model made, beside the chat."""
    body = {"title": "Tides", "kind": "html", "content": DRAWING}
    await choose_capable(page)
    made = json.dumps(body)
    site.site.gateway.scripts = [
        (
            START,
            *text("Here they are."),
            *tool_use("create_artifact", made, index=1),
            stop("tool_use"),
        )
    ]
    await write(
        page, site, "Draw the tides of tomorrow.", *text("The page shows both high waters.")
    )
    panel = page.get_by_role("complementary", name="Tides")
    if narrow(page):
        await page.get_by_role("button", name="Open beside").click()
    await panel.frame_locator("iframe").get_by_role("heading", name="Tides at Ar-Men").wait_for()


async def compare(page: Page, site: ServedSite) -> None:
    """Show the answers of two models side by side."""
    await page.locator(".model-button").click()
    await page.get_by_role("menuitem", name="Side by side with…").click()
    await page.get_by_role("menuitemradio", name="Capable", exact=True).last.click()
    site.site.gateway.scripts = [
        (START, *text("Yeast eats sugar and breathes out gas, which the dough holds."), stop()),
        (START, *text("**Gas.** Yeast makes carbon dioxide; *gluten* keeps it in."), stop()),
    ]
    await page.locator("#composer").fill("Why does bread rise?")
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.get_by_role("button", name="Go on with this answer").first.wait_for()
    await expect(page.locator(".growing, .waiting")).to_have_count(0)


async def project(page: Page, site: ServedSite) -> None:
    """Show the page of a project with a file and a conversation."""
    await page.keyboard.press("Alt+Shift+J")
    form = page.get_by_role("dialog")
    await form.get_by_role("textbox", name="Name").fill("The flat in Lyon")
    await form.get_by_role("textbox", name="Instructions").fill(
        "Answer from the lease, and cite it."
    )
    await form.get_by_role("textbox", name="Name").press("Enter")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add files").click()
    await (await chooser.value).set_files([LEASE_FILE])
    await page.get_by_role("listitem").filter(has_text="found by its words").wait_for()
    project_id = page.url.rpartition("/")[2]
    for title in ("How much notice must be given?", "Who pays for the boiler?"):
        await grow(site.db, site.caller, 2, title=title, project_id=project_id)
    await page.reload()
    await page.locator(".project-conversations a").nth(1).wait_for()


async def shared(page: Page, site: ServedSite) -> None:
    """Show a shared conversation as whoever has the link sees it."""
    await answer(page, site)
    await page.keyboard.press("Alt+Shift+S")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make a link").click()
    address = await dialog.get_by_role("textbox", name="Link to the conversation").input_value()
    await page.goto(address)
    await page.get_by_role("button", name="Continue this conversation").wait_for()
    await page.locator(".math.set").first.wait_for()


async def choose_capable(page: Page) -> None:
    """Choose the model that can use tools."""
    await page.locator(".model-button").click()
    await page.get_by_role("menuitemradio", name="Capable").click()


async def tools(page: Page, site: ServedSite) -> None:
    """Show the switches of the tools."""
    await choose_capable(page)
    await page.get_by_role("button", name="Tools, ").click()


async def models(page: Page, site: ServedSite) -> None:
    """Show the models that could be installed, down to those that make pictures."""
    await page.locator(".model-button").click()
    await page.get_by_role("menuitem", name="Better models for this machine").click()
    await page.get_by_role("heading", name="For pictures").scroll_into_view_if_needed()
    await page.get_by_role("link", name="Licence: ").first.scroll_into_view_if_needed()


async def palette(page: Page, site: ServedSite) -> None:
    """Show the palette of commands."""
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").wait_for()


async def search(page: Page, site: ServedSite) -> None:
    """Show what a search finds."""
    await write(page, site, "How long must bread rise?", *text("Bread rises in **two hours**."))
    await page.keyboard.press("Control+k")
    await page.get_by_role("combobox").fill("bread")
    await page.get_by_role("option", name="Search messages for").click()
    await page.get_by_role("option").locator("mark").first.wait_for()


def library(tab: str) -> Screen:
    """Return the screen of one tab of the library."""

    async def show(page: Page, site: ServedSite) -> None:
        await page.locator("input[type=file]").set_input_files([LEASE_FILE])
        await page.locator(".file.ready").wait_for()
        told = "Notice must be given **three months** ahead [2]."
        await write(page, site, "How much notice must be given?", *text(told))
        for made in ASSISTANTS:
            await page.request.post("/api/assistants", data=made)
        await page.reload()
        await open_side(page)
        await page.get_by_role("button", name="Library").click()
        await page.get_by_role("tab", name=tab).click()
        await page.get_by_role("tabpanel").wait_for()

    return show


async def usage(page: Page, site: ServedSite) -> None:
    """Show what was used, as an owner reads it."""
    await use_some(site)
    await open_side(page)
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Usage").click()
    await page.get_by_role("dialog", name="Usage").get_by_role("img").wait_for()


def narrow(page: Page) -> bool:
    """Say whether the page is a phone's."""
    return page.viewport_size == PHONE


async def open_side(page: Page) -> None:
    """Open the sidebar where it is a drawer."""
    if narrow(page):
        await page.locator(".head .drawer-only").first.click()


async def side(page: Page, site: ServedSite) -> None:
    """Show the list of conversations."""
    await open_side(page)


SCREENS: dict[str, Screen] = {
    "new": empty,
    "answer": answer,
    "file": file,
    "artifact": artifact,
    "side-by-side": compare,
    "project": project,
    "shared": shared,
    "tools": tools,
    "models": models,
    "palette": palette,
    "search": search,
    "conversations": side,
    "assistants": library("Assistants"),
    "files": library("Files"),
    "personal": library("About you"),
    "usage": usage,
}


async def seed(site: ServedSite) -> None:
    """Put earlier conversations into the list."""
    rows = [
        conversation(site.caller, title, age=timedelta(days=2 * at)) | {"head_id": "msg"}
        for at, title in enumerate(EARLIER)
    ]
    async with site.db.session() as session:
        await session.execute(insert(ConversationRow), rows)


async def taken(browser: Browser, screen: Screen, scheme: str, *, phone: bool) -> Image.Image:
    """Return a picture of a screen on a site of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with served_site(Path(folder)) as site:
            await seed(site)
            context = await browser.new_context(
                base_url=site.url,
                viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]
                has_touch=phone,
                is_mobile=phone,
                locale="en-GB",
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
            )
            page = await site.sign_in(await context.new_page())
            await screen(page, site)
            await page.evaluate(
                "Promise.all(document.getAnimations().map(a => a.finished.catch(() => 0)))"
            )
            shot = await page.screenshot()
            await context.close()
    return Image.open(io.BytesIO(shot)).convert("RGB")


def composed(shots: list[Image.Image]) -> Image.Image:
    """Return the four pictures as one: light above, dark below, the phone beside the desktop."""
    desktop, phone = shots[0], shots[2]
    row = max(desktop.height, phone.height) + MARGIN
    width = desktop.width + phone.width + 3 * MARGIN
    sheet = Image.new("RGB", (width, 2 * row + MARGIN), PAPER)
    for at, shot in enumerate(shots):
        left = MARGIN if at < 2 else desktop.width + 2 * MARGIN
        sheet.paste(shot, (left, MARGIN + row * (at % 2)))
    return sheet.resize((width * 2 // 3, sheet.height * 2 // 3), Image.Resampling.LANCZOS)


async def main(names: list[str]) -> None:
    """Take the named screens, or all."""
    unknown = set(names) - SCREENS.keys()
    if unknown:
        raise SystemExit(
            f"no such screen: {', '.join(sorted(unknown))}; there are: {', '.join(SCREENS)}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        for name in names or SCREENS:
            shots = [
                await taken(browser, SCREENS[name], scheme, phone=phone)
                for phone in (False, True)
                for scheme in ("light", "dark")
            ]
            sheet = composed(shots).quantize(COLOURS, dither=Image.Dither.NONE)
            sheet.save(FOLDER / f"{name}.png", optimize=True)
            print(name, (FOLDER / f"{name}.png").stat().st_size)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
