"""Conversations kept as files and taken in again, by hand."""

import asyncio
import json
from pathlib import Path

import pytest
from playwright.async_api import expect

from consigne.chat import importing
from consigne.chat.importing import Importing
from consigne.chat.imports import Read
from e2e.acts import look_for
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
                    await look_for(page, "Control+k", "Import")
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


async def test_an_import_goes_on_beside_the_chat_and_over_a_reload(
    open_page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    take_some = Importing._take_some

    async def gated(self: Importing, import_id: str, found: Read, at: int) -> int:
        if at == 1:
            await gate.wait()
        return await take_some(self, import_id, found, at)

    monkeypatch.setattr(importing, "BATCH_MESSAGES", 1)
    monkeypatch.setattr(Importing, "_take_some", gated)
    async with served_site(tmp_path) as site:
        page = await site.sign_in(await open_page(site.url))
        body = json.dumps([CLAUDE[0], CLAUDE[0] | {"name": "Last"}]).encode()
        await page.get_by_role("button", name="Account and settings").click()
        async with page.expect_file_chooser() as choosing:
            await page.get_by_role("menuitem", name="Import conversations").click()
        file = {"name": "export.json", "mimeType": "application/json", "buffer": body}
        await (await choosing.value).set_files([file])
        progress = page.get_by_role("progressbar", name="Taking in “export.json”")
        await expect(progress).to_have_attribute("value", "50")
        await page.reload()
        await expect(progress).to_have_attribute("value", "50")
        await expect(page.get_by_role("link", name="Luggage")).to_be_visible()
        gate.set()
        await expect(page.get_by_text("2 conversations were imported.")).to_be_visible()
        await expect(progress).to_have_count(0)
        await expect(page.get_by_role("link", name="Last")).to_be_visible()
