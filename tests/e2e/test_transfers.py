"""Conversations kept as files and taken in again, by hand."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from e2e.site import served_site

pytestmark = pytest.mark.slow

CLAUDE = [
    {
        "name": "Luggage",
        "created_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T03:05:05Z",
        "chat_messages": [
            {
                "uuid": "1",
                "sender": "human",
                "text": "Where?",
                "created_at": "2026-01-02T03:04:06Z",
                "files": [{"file_name": "map.png"}],
            },
            {
                "uuid": "2",
                "sender": "assistant",
                "text": "Over **there**.",
                "created_at": "2026-01-02T03:04:07Z",
            },
        ],
    }
]


async def test_an_import_is_read_and_goes_out_again(open_page, tmp_path: Path) -> None:
    async with served_site(tmp_path) as site:
        page = await site.sign_in(await open_page(site.url))
        for body in (b"rubbish", json.dumps(CLAUDE).encode()):
            async with page.expect_file_chooser() as choosing:
                if body == b"rubbish":
                    await page.get_by_role("button", name="Account and settings").click()
                    await page.get_by_role("menuitem", name="Import conversations").click()
                else:
                    await page.keyboard.press("Control+k")
                    await page.keyboard.type("Import")
                    await page.keyboard.press("Enter")
            file = {"name": "conversations.json", "mimeType": "application/json", "buffer": body}
            await (await choosing.value).set_files([file])
            said = "1 conversation was imported. Not taken: 1 file."
            if body == b"rubbish":
                said = "This is no file of conversations that can be read here"
            await expect(page.get_by_text(said)).to_be_visible()
        await page.get_by_role("link", name="Luggage").click()
        await expect(page.locator(".answer strong")).to_have_text("there")
        await page.get_by_role("button", name="Options for “Luggage”").click()
        async with page.expect_download() as waiting:
            await page.get_by_role("menuitem", name="Download as markdown").click()
        download = await waiting.value
        assert download.suggested_filename == "Luggage.md"
        kept = Path(await download.path())
        assert "Over **there**." in await asyncio.to_thread(kept.read_text, "utf-8")
