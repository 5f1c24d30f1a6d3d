"""What the web app's first load takes in Chromium: bytes, and the time until one can write.

    python benchmarks/page_load.py "$(consigne users link)" [--loads 10]

The link is of a running ``consigne serve`` on this machine. Each cold load is a browser profile of
its own that holds the session and nothing else; the warm ones follow in the same profile, the last
when the service worker has taken over. Bytes are what the network carried, headers included, until
nothing was asked for any more; the page's own files are those under ``/static/`` and the page.
*Interactive* is from the start of the navigation until the composer has the focus, has been drawn
and the page is free to take a key. The processor time is that of the page's process until it
rests, and steadier than the others on a busy machine.
"""

import argparse
import asyncio
import shutil
import statistics
from typing import Any
from urllib.parse import urlsplit

import msgspec
from playwright.async_api import Browser, BrowserContext, CDPSession, StorageState, async_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
VIEW: Any = {"width": 1280, "height": 800}
WATCH = """
const look = () => {
  if (document.activeElement?.id !== "composer") return requestAnimationFrame(look);
  requestAnimationFrame(() => setTimeout(() => { window.interactive = performance.now(); }));
};
addEventListener("DOMContentLoaded", look);
"""
TIMES = """async () => {
  while (window.interactive === undefined) await new Promise(requestAnimationFrame);
  const [painted] = performance.getEntriesByName("first-contentful-paint");
  return [painted?.startTime ?? 0, window.interactive];
}"""

WORKER = """async () => {
  await navigator.serviceWorker.ready;
  while (!navigator.serviceWorker.controller) await new Promise(requestAnimationFrame);
}"""


class Load(msgspec.Struct, frozen=True):
    """One load of the page."""

    requests: int
    own_bytes: int
    all_bytes: int
    painted_ms: float
    interactive_ms: float
    processor_ms: float


async def load(context: BrowserContext, url: str) -> Load:
    """Open the page in a tab of its own."""
    page = await context.new_page()
    await page.add_init_script(WATCH)
    link = await context.new_cdp_session(page)
    paths: dict[str, str] = {}
    sizes: dict[str, int] = {}
    link.on(
        "Network.requestWillBeSent", lambda e: paths.update({e["requestId"]: e["request"]["url"]})
    )
    link.on(
        "Network.loadingFinished", lambda e: sizes.update({e["requestId"]: e["encodedDataLength"]})
    )
    await link.send("Network.enable")
    await link.send("Performance.enable")
    before = await processor_ms(link)
    await page.goto(url, wait_until="networkidle")
    painted, interactive = await page.evaluate(TIMES)
    processor = await processor_ms(link) - before
    await page.close()
    carried = {urlsplit(paths[name]).path: size for name, size in sizes.items() if name in paths}
    own = sum(size for path, size in carried.items() if path == "/" or path.startswith("/static/"))
    return Load(
        len(carried), round(own), round(sum(carried.values())), painted, interactive, processor
    )


async def processor_ms(link: CDPSession) -> float:
    """Return what the page's process has taken of the processors so far."""
    told = await link.send("Performance.getMetrics")
    metrics = {each["name"]: each["value"] for each in told["metrics"]}
    return float(metrics["ProcessTime"]) * 1000


async def taken_over(context: BrowserContext, url: str) -> None:
    """Wait until the service worker answers for the page."""
    page = await context.new_page()
    await page.goto(url)
    await page.evaluate(WORKER)
    await page.close()


async def signed_in(browser: Browser, link: str) -> StorageState:
    """Sign in by the link and return the session, without anything that was cached."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(link)
    await page.locator("#composer").wait_for()
    cookies = (await context.storage_state())["cookies"]
    await context.close()
    return {"cookies": cookies, "origins": []}


def line(name: str, loads: list[Load]) -> str:
    """Return a row of the table."""
    middle = statistics.median
    interactive = [each.interactive_ms for each in loads]
    return (
        f"| {name} | {middle(each.requests for each in loads):.0f} "
        f"| {middle(each.own_bytes for each in loads) / 1000:.1f} "
        f"| {middle(each.all_bytes for each in loads) / 1000:.1f} "
        f"| {middle(each.painted_ms for each in loads):.0f} "
        f"| {middle(interactive):.0f} | {max(interactive):.0f} "
        f"| {middle(each.processor_ms for each in loads):.0f} |"
    )


async def measure(link: str, loads: int) -> None:
    """Measure and print the table."""
    base = "{0.scheme}://{0.netloc}/".format(urlsplit(link))
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        session = await signed_in(browser, link)
        cold, warm, kept = [], [], []
        for _ in range(loads):
            context = await browser.new_context(storage_state=session, viewport=VIEW)
            cold.append(await load(context, base))
            warm.append(await load(context, base))
            await taken_over(context, base)
            kept.append(await load(context, base))
            await context.close()
        await browser.close()
    names = "requests", "own files, kB", "all, kB", "first paint, ms", "interactive, ms", "slowest"
    names += ("processor, ms",)
    print(f"| load | {' | '.join(names)} |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print(line("cold", cold))
    print(line("warm", warm))
    print(line("warm, service worker", kept))


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("link", help="a sign-in link of a running server")
    parser.add_argument("--loads", type=int, default=10)
    args = parser.parse_args()
    asyncio.run(measure(args.link, args.loads))


if __name__ == "__main__":
    main()
