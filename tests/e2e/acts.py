"""What a person does on the page, each act begun when the page is ready for it."""

from collections.abc import Awaitable

from playwright.async_api import Locator, Page, expect

FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
NOTHING = "nothing was copied yet"
COPIED = """async (nothing) => {
  for (;;) {
    const text = await navigator.clipboard.readText();
    if (text !== nothing) return text;
    await new Promise(requestAnimationFrame);
  }
}"""


async def send(page: Page, words: str) -> None:
    """Write an instruction and send it by the keyboard, once nothing else is being answered."""
    box = page.get_by_role("textbox", name="Your instruction")
    await box.fill(words)
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    await box.press("Enter")


async def ask(page: Page, words: str) -> None:
    """Send an instruction, and wait until it is answered below what is there."""
    box = page.get_by_role("textbox", name="Your instruction")
    await box.fill(words)
    await expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    before = await page.locator(".answer").count()
    await box.press("Enter")
    await expect(page.locator(".answer")).to_have_count(before + 1)
    await answered(page)


async def answered(page: Page) -> None:
    """Wait until the last answer is whole."""
    await page.locator(".answer.last:not(.growing)").wait_for()


async def look_for(page: Page, keys: str, words: str) -> None:
    """Open what looks for words by its keys, and write them there."""
    await page.keyboard.press(keys)
    field = page.get_by_role("dialog").get_by_role("combobox")
    await expect(field).to_be_focused()
    await page.keyboard.type(words)
    await expect(field).to_have_value(words)


async def library(page: Page, tab: str) -> Locator:
    """Open the library at a tab."""
    await page.get_by_role("button", name="Library").click()
    await page.get_by_role("tab", name=tab).click()
    return page.get_by_role("tabpanel")


async def copied(page: Page, act: Awaitable[None]) -> str:
    """Return what an act puts on the clipboard."""
    await page.evaluate("(nothing) => navigator.clipboard.writeText(nothing)", NOTHING)
    await act
    text: str = await page.evaluate(COPIED, NOTHING)
    return text


async def boxes(page: Page, *selectors: str) -> list[dict[str, float]]:
    """Return where elements stand, all at one moment, once the page has come to rest."""
    await page.evaluate("document.fonts.ready.then(() => {})")
    await page.evaluate(FRAMES)
    found: list[dict[str, float]] = await page.evaluate(
        "all => all.flatMap(one => [...document.querySelectorAll(one)])"
        ".map(one => one.getBoundingClientRect().toJSON())",
        list(selectors),
    )
    return found
