"""Content that means ill, or is merely enormous, neither runs nor breaks the page."""

import pytest
from playwright.async_api import Page, expect

from doubles.web_server import WebServer
from e2e.acts import FRAMES

pytestmark = pytest.mark.slow

INJECTIONS = r"""<img src=x onerror="top.owned=1"> <svg onload=top.owned=1>
<script>top.owned=1</script>

[a](javascript:top.owned=1) [b](data:text/html,<script>top.owned=1</script>)
<https://x" onclick="top.owned=1>

$\href{javascript:top.owned=1}{x}$ $\htmlStyle{background:url(//evil.example)}{x}$
$\includegraphics{//evil.example/p.png}$

```"><img src=x onerror=top.owned=1>
x
```

```mermaid
graph TD
  A["<b>one</b>"] --> B
  click A "javascript:top.owned=1"
```

| <img src=x onerror=top.owned=1> | [c](vbscript:x) |
| --- | --- |
| RLO evil PDF | 👩‍👩‍👧‍👦 |
""".replace("RLO", "\u202e").replace("PDF", "\u202c")
ENORMOUS = {
    "one word": "a" * 1_000_000,
    "code": "```python\n" + "x = 1  # " + "y" * 200_000 + "\n" + "z = 2\n" * 2_000 + "```",
    "unclosed maths": "\\(" * 20_000 + " $x" * 20_000 + "\n\n" + "$$a\n" * 2_000,
    "right to left": "شَكْلُ الكلام من اليمين إلى اليسار 👩🏽‍🚀 " * 500,
}


async def shown(page: Page, web: WebServer, text: str) -> None:
    made = web.exchange("Hostile", text, text + "\n\nthe end of it")
    await page.goto(f"/c/{made['id']}")
    await page.locator(".answer p", has_text="the end of it").wait_for()


async def test_nothing_injected_runs_or_asks_elsewhere(
    chat: Page, web: WebServer, web_url: str
) -> None:
    asked: list[str] = []
    chat.on("request", lambda request: asked.append(request.url))
    await shown(chat, web, INJECTIONS)
    await expect(chat.locator(".code.diagram.drawn img")).to_be_visible()
    assert await chat.evaluate("window.owned") is None
    assert [url for url in asked if not url.startswith((web_url, "blob:"))] == []
    links = await chat.locator(".answer a").evaluate_all("all => all.map(a => a.protocol)")
    assert set(links) <= {"https:", "http:", "mailto:"}


@pytest.mark.parametrize("what", ENORMOUS)
async def test_what_is_enormous_leaves_the_page_whole(
    chat: Page, web: WebServer, what: str
) -> None:
    await shown(chat, web, ENORMOUS[what])
    await chat.evaluate(FRAMES)
    assert await chat.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    await chat.get_by_role("textbox", name="Your instruction").fill("Still here")
    await (
        chat.get_by_role("button", name="New conversation")
        .or_(chat.get_by_role("link", name="New conversation"))
        .first.click()
    )
    await expect(chat.locator(".empty")).to_be_visible()
