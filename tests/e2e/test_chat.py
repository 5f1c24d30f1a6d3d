"""The main job, as a newcomer does it: open the link, write, read, on the real server and model."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from support.server import ServerProcess
from support.waiting import lasting_port

pytestmark = pytest.mark.slow

LONG_MS = 60_000


@pytest.fixture
async def chat(server: ServerProcess, open_page) -> Page:
    page = await open_page(server.url)
    link = server.run("users", "link").stdout.strip().splitlines()[-1]
    await page.goto(link)
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    return page


async def ask(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Your instruction").fill(text)
    await page.keyboard.press("Enter")


async def settled(page: Page) -> str:
    await page.locator(".answer.last:not(.growing)").wait_for(timeout=LONG_MS)
    return await page.locator(".answer .prose").last.inner_text()


async def test_a_first_conversation(chat: Page) -> None:
    await ask(chat, "What is the capital of France? Answer in one sentence.")
    assert "Paris" in await settled(chat)
    await expect(chat.get_by_role("navigation").get_by_role("link").nth(1)).to_contain_text(
        "What is the capital of France"
    )
    await expect(chat.get_by_text("This answer comes from the small starter model")).to_be_visible()
    await ask(chat, "And of Italy?")
    await expect(chat.locator(".answer")).to_have_count(2)
    assert await settled(chat)
    await chat.reload()
    await expect(chat.locator(".answer")).to_have_count(2)


async def test_stop_edit_and_answer_again(chat: Page) -> None:
    await ask(chat, "Write a long story about a railway station, in many paragraphs.")
    await expect(chat.locator(".answer .prose")).not_to_be_empty(timeout=LONG_MS)
    await chat.get_by_role("button", name="Stop").click()
    await expect(chat.get_by_text("Stopped. What was written is kept.")).to_be_visible()
    await chat.keyboard.press("ArrowUp")
    await chat.get_by_role("textbox", name="Edit your instruction").fill(
        "What is the capital of Italy?"
    )
    await chat.keyboard.press("Enter")
    await settled(chat)
    await chat.locator(".answer.last").get_by_role("button", name="Answer again").click()
    await expect(chat.locator(".answer.last").get_by_label("2 of 2")).to_be_visible(timeout=LONG_MS)
    await expect(chat.locator(".question").get_by_label("2 of 2")).to_be_visible()


async def test_a_reload_in_mid_answer_loses_nothing(chat: Page) -> None:
    await ask(chat, "Write a long story about a lighthouse, in many paragraphs.")
    await expect(chat.locator(".answer .prose")).not_to_be_empty(timeout=LONG_MS)
    before = (await chat.locator(".answer .prose").inner_text())[:20]
    await chat.reload()
    await expect(chat.locator(".answer .prose")).to_contain_text(before)
    await chat.get_by_role("button", name="Stop").click()
    await expect(chat.get_by_text("Stopped. What was written is kept.")).to_be_visible()


@pytest.fixture
async def own_server(make_data_dir: Callable[[], Path]) -> AsyncIterator[list[ServerProcess]]:
    """Servers that a test may kill."""
    started = [ServerProcess(make_data_dir(), port=lasting_port())]
    yield started
    started[-1].stop()


async def test_a_killed_server_loses_nothing_and_the_page_recovers(
    own_server: list[ServerProcess], open_page
) -> None:
    first = own_server[0]
    page = await open_page(first.url)
    await page.goto(f"/#token={first.login_token}")
    await ask(page, "Write a long story about a mountain hut, in many paragraphs.")
    await expect(page.locator(".answer .prose")).to_contain_text(" ", timeout=LONG_MS)
    first.kill()
    before = (await page.locator(".answer .prose").inner_text()).strip()
    await expect(page.get_by_text("Connection lost.")).to_be_visible(timeout=LONG_MS)
    own_server.append(ServerProcess(first.data_dir, port=first.port))
    await expect(page.get_by_text("The service restarted here.")).to_be_visible(timeout=LONG_MS)
    kept = (await page.locator(".answer .prose").inner_text()).strip()
    assert kept.startswith(before[: len(before) - 1])
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator(".answer.growing .prose")).to_contain_text(
        kept.split("\n")[0][:40], timeout=LONG_MS
    )
    await page.get_by_role("button", name="Stop").click()
    await expect(page.get_by_text("Stopped. What was written is kept.")).to_be_visible()
    whole = (await page.locator(".answer .prose").inner_text()).strip()
    assert whole.startswith(kept[: len(kept) - 1])
