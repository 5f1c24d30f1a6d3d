"""What a question, an answer and an assistant's form offer, in a browser on the real API."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from consigne.chat import portable
from consigne.chat.portable import PortableConversation, PortableMessage
from consigne.domain.messages import TextBlock
from doubles.scripted import START, stop, text, thinking
from e2e.acts import answered, send
from e2e.site import ServedSite, served_site
from support.transfers import take

pytestmark = pytest.mark.slow

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MARKED = """# Bread

Take **500 g** of `flour`:

1. Knead
   - long
2. Bake

| a | b |
|--|--|
| 1 | 2 |

```py
x = 1
```
"""
PLAIN = "Bread\n\nTake 500 g of flour:\n\n1. Knead\n  - long\n2. Bake\n\na\tb\n1\t2\n\nx = 1"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def test_an_imported_question_is_answered_and_copied_as_plain_text(
    site: ServedSite, open_page
) -> None:
    question = PortableMessage("q", None, "user", (TextBlock("How is it baked?"),), BEGAN)
    asked = PortableConversation("Baking", BEGAN, BEGAN, (question,), "gone-model", "q")
    await take(site.db, site.caller, portable.encode([asked]))
    site.site.gateway.script = (START, *text(MARKED), stop())
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await page.get_by_role("link", name="Baking").click()
    await expect(page.get_by_text("This has no answer yet.")).to_be_visible()
    await page.get_by_role("button", name="Answer", exact=True).click()
    await answered(page)
    await expect(page.get_by_text("This has no answer yet.")).to_be_hidden()
    await page.get_by_role("button", name="Other ways to copy").click()
    await page.clock.install()
    await page.clock.pause_at(datetime(2100, 1, 1, tzinfo=UTC))  # it is said for two seconds
    await page.get_by_role("menuitem", name="Copy as plain text").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == PLAIN


async def test_the_time_of_thinking_is_told_once_it_is_over(site: ServedSite, open_page) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await page.clock.install()
    gate = asyncio.Event()
    site.site.gateway.script = (START, *thinking("Hm."), gate, *text("Yes.", index=1), stop())
    await send(page, "Is it?")
    await expect(page.get_by_text("Hm.")).to_be_visible()
    await page.clock.fast_forward(4_000)
    gate.set()
    await expect(page.get_by_text(re.compile(r"^Thought for \d+ s$"))).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("Thinking", exact=True)).to_be_visible()


async def test_a_temporary_chat_offers_no_files_and_no_tools(site: ServedSite, open_page) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    attach = page.get_by_role("button", name="Attach files")
    await page.locator(".model-button").click()
    await page.get_by_role("menuitemradio", name="Capable").click()
    tools = page.get_by_role("button", name="Tools,")
    await expect(attach).to_be_visible()
    await expect(tools).to_be_visible()
    await page.get_by_role("button", name="Temporary chat").click()
    await expect(attach).to_be_hidden()
    await expect(tools).to_be_hidden()


async def test_an_assistant_gets_tools_and_documents(site: ServedSite, open_page) -> None:
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await page.get_by_role("button", name="Library").click()
    await page.get_by_role("tab", name="Assistants").click()
    await page.get_by_role("button", name="New assistant").click()
    await page.get_by_role("textbox", name="Name").fill("House")
    await page.get_by_role("checkbox", name="Calculator").check()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Add documents").click()
    file = {"name": "lease.txt", "mimeType": "text/plain", "buffer": b"The rent is 900 euros."}
    await (await chooser.value).set_files([file])
    await expect(page.get_by_text("lease.txt")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("button", name="Edit “House”").click()
    await expect(page.get_by_role("checkbox", name="Calculator")).to_be_checked()
    await expect(page.get_by_text("lease.txt")).to_be_visible()
    (made,) = await site.site.services.assistants.list(site.caller)
    (known,) = await site.site.services.documents.those(site.caller, made.knowledge)
    assert (made.tools, known.filename) == (("calculate",), "lease.txt")
