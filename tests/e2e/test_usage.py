"""Owners see what was used; others see nothing of it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect

from consigne.domain import sources
from consigne.domain.usage import Price, Usage
from consigne.gateway.metering import OK, Part, within
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        await use_some(served)
        yield served


async def use_some(site: ServedSite) -> None:
    """Let requests have been answered on some of the last days, by a key and in the chat."""
    log, now = site.site.services.usage, sources.now()
    key, _ = await site.site.services.keys.create("billing")
    for number, ago in enumerate([0, 0, 0, 1, 3, 3, 20]):
        whose = (
            site.caller
            if number % 3 == 0
            else msgspec.structs.replace(site.caller, user_id=None, key_id=key.id)
        )
        begun = now - timedelta(days=ago)
        with sources.use(sources.Sources(clock=lambda begun=begun: begun)):
            use = log.begin("messages", f"req_{number}", whose)
        with within(use):
            part = Part("text", "large" if number % 2 else "tiny")
            part.price = Price(input=3_000_000, output=15_000_000)
            part.end(OK, Usage(1000 * (number + 1), 0, 100))
    await log.flush()


async def test_the_owner_reads_what_was_used(site: ServedSite, open_page, axe: str) -> None:  # noqa: F811
    page: Page = await site.sign_in(await open_page(site.url, reduced_motion="reduce"))
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Usage").click()
    dialog = page.get_by_role("dialog", name="Usage")
    chart = dialog.get_by_role("img", name="7 requests in 30 days, 3 on the busiest")
    await expect(chart).to_be_visible()
    await expect(chart.locator("rect:not([height='0'])")).to_have_count(4)
    row = dialog.get_by_role("row", name="billing")
    await expect(row.get_by_role("cell")).to_have_text(["4", "16,000", "400", "US$0.054"])
    await expect(dialog.get_by_role("row", name="The chat")).to_be_visible()
    large = dialog.get_by_role("row", name="large")
    await expect(large.get_by_role("cell").first).to_have_text("3")
    assert await faults(page, axe) == []


async def test_who_looks_after_nothing_does_not_see_it(site: ServedSite, open_page) -> None:
    page = await open_page(site.url)

    async def as_member(route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=(await answer.json()) | {"role": "member"})

    await page.route("**/api/session", as_member)
    await site.sign_in(page)
    await page.get_by_role("button", name="Account and settings").click()
    await expect(page.get_by_role("menuitem", name="Sign out")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Usage")).to_have_count(0)
