"""Maths, diagrams and code in answers: typeset, within the page's policy, or shown as written."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from doubles.web_answers import Script, pieces
from doubles.web_server import WebServer
from e2e.acts import answered, boxes, send
from support.waiting import until

pytestmark = pytest.mark.slow

MATHS = r"""A price is a price: $5 and $6, from $10-$20, or US$5. Code too: `$a$`.

The root $\sqrt{x^2 + 1}$ and \(\vec{AB}\) stand in a line; $n$-th, too.

$$
\int_0^1 x^2 \, dx
+ \frac{1}{3}
$$

- In a list: \[ e^{i\pi} + 1 = 0 \]
- [x] Done
- [ ] To do, as [x] says

What is wrong stays: $\undefinedcommand{x}$ and $\href{javascript:alert(1)}{x}$.
"""
DIAGRAM = """Here:

```mermaid
graph TD
  A[Ask <b>one</b>] --> B{Answer}
  B -->|yes| C[Keep]
```

```mermaid
not a diagram at all %%
```
"""
CODE = "```python\n" + "".join(f"line_{n} = {n}\n" for n in range(1, 101)) + "```\n"


async def told(page: Page, web: WebServer, text: str, word: str = "tell") -> None:
    web.scripts = {word: Script(pieces(text, 7), 0.001)}
    await send(page, word)
    await answered(page)


async def test_maths_is_typeset_and_prices_are_not(chat: Page, web: WebServer) -> None:
    asked: list[str] = []
    chat.on("request", lambda request: asked.append(request.url))
    await told(chat, web, MATHS)
    answer = chat.locator(".answer")
    await expect(answer.locator(".math.set .katex")).to_have_count(6)
    await expect(answer.locator("p").first).to_have_text(
        "A price is a price: $5 and $6, from $10-$20, or US$5. Code too: $a$."
    )
    await expect(answer.locator(".math.source")).to_have_text(r"\undefinedcommand{x}")
    await expect(answer.locator("a")).to_have_count(0)
    await until(lambda: any("KaTeX_Main" in url for url in asked))
    await expect(answer.locator("li.task")).to_have_text(["☑ Done", "☐ To do, as [x] says"])
    display = answer.locator("div.math.display math")
    await expect(display.locator("mfrac")).to_have_count(1)


async def test_maths_costs_nothing_where_there_is_none(chat: Page, web: WebServer) -> None:
    asked: list[str] = []
    chat.on("request", lambda request: asked.append(request.url))
    await told(chat, web, "It costs $5 and not $6.")
    assert not [url for url in asked if "katex" in url or "mermaid" in url]


async def test_a_diagram_is_drawn_in_a_frame_and_shown_as_a_picture(
    chat: Page, web: WebServer
) -> None:
    await told(chat, web, DIAGRAM)
    drawn, wrong = chat.locator(".code").nth(0), chat.locator(".code").nth(1)
    picture = drawn.get_by_role("img", name="Diagram")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("i => i.decode().then(() => i.naturalWidth)") > 50
    await expect(drawn.locator("pre")).to_be_hidden()
    await drawn.get_by_role("button", name="Show source").press("Enter")
    await expect(drawn.locator("pre")).to_contain_text("graph TD")
    await expect(wrong).to_contain_text("could not be drawn")
    await expect(wrong.locator("pre")).to_be_visible()


async def test_long_code_is_folded_and_kept_as_a_file(chat: Page, web: WebServer) -> None:
    await told(chat, web, CODE)
    block = chat.locator(".code")
    unfold, fold = (
        block.get_by_role("button", name=name) for name in ("Show all 100 lines", "Show less")
    )
    await expect(unfold).to_be_visible()
    [folded] = await boxes(chat, ".code")
    await unfold.click()
    await expect(fold).to_be_visible()
    [whole] = await boxes(chat, ".code")
    assert whole["height"] > folded["height"] * 2
    await fold.click()
    async with chat.expect_download() as waiting:
        await block.get_by_role("button", name="Download").click()
    download = await waiting.value
    assert download.suggested_filename == "code.py"
    kept = await download.path()
    assert (await asyncio.to_thread(kept.read_text)).splitlines()[-1] == "line_100 = 100"
