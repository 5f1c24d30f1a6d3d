"""Finding, keeping and reading conversations, on the real API and a real database."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect
from sqlalchemy import insert

from consigne.chat.places import Change
from consigne.store.tables import ConversationRow
from doubles.scripted import START, stop, text
from e2e.acts import FRAMES, answered, ask, look_for
from e2e.site import ServedSite, served_site
from e2e.test_accessibility import assert_fits, axe  # noqa: F401 - a fixture
from support.seeding import conversation, grow

pytestmark = pytest.mark.slow


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


@pytest.fixture
async def page(site: ServedSite, open_page) -> Page:
    return await site.sign_in(await open_page(site.url))


async def choose(page: Page, title: str, command: str) -> None:
    await page.get_by_role("button", name=f"Options for “{title}”").click()
    await page.get_by_role("menuitem", name=command, exact=True).click()


def section(page: Page, heading: str) -> Locator:
    named = page.get_by_role("heading", name=heading, exact=True)
    return page.get_by_role("navigation").locator("section").filter(has=named)


class TestSearch:
    async def test_a_message_is_found_by_its_words_and_opened_there(
        self, site: ServedSite, page: Page
    ) -> None:
        conversation_id, ids = await grow(site.db, site.caller, 1000)
        await page.get_by_role("heading", name="What would you like").click()
        await look_for(page, "/", '"message 321"')
        found = page.get_by_role("option")
        await expect(found).to_have_count(1)
        await expect(found.locator("mark")).to_have_text("Message 321")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(f"/c/{conversation_id}#{ids[321]}$"))
        turn = page.locator(".turn.sought")
        await expect(turn).to_contain_text("Message 321.")
        await expect(turn).to_be_in_viewport()
        await page.reload()
        await expect(turn).to_be_in_viewport()
        await page.get_by_role("button", name="Go to the latest").click()
        await expect(page.get_by_text("Message 999.")).to_be_in_viewport()

    async def test_it_says_what_it_found(self, site: ServedSite, page: Page) -> None:
        await ask(page, "Crème brûlée, s’il vous plaît")
        await look_for(page, "Control+k", "creme bru")
        await page.get_by_role("option", name="Search messages for").click()
        box = page.get_by_role("combobox")
        await expect(box).to_have_value("creme bru")
        status = page.get_by_role("dialog").get_by_role("status")
        await expect(status).to_have_text("2 results")
        await box.fill('"*(-')
        await expect(status).to_have_text('Nothing found for “"*(-”.')
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)


class TestOrder:
    async def test_pins_stand_first_and_the_archive_out_of_the_way(
        self, site: ServedSite, page: Page
    ) -> None:
        for title in ("Bread", "Leases", "Trains"):
            await grow(site.db, site.caller, 2, title=title)
        await page.reload()
        await choose(page, "Bread", "Pin")
        await expect(section(page, "Pinned").get_by_role("link")).to_have_text(["Bread"])
        await page.get_by_role("link", name="Leases").click()
        await choose(page, "Leases", "Archive")
        await expect(page.get_by_role("link", name="Leases")).to_have_count(0)
        await expect(page).to_have_url(f"{site.url}/")
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Leases")
        await page.keyboard.press("Alt+Shift+A")
        await expect(page.get_by_role("link", name="Leases")).to_have_count(0)
        await expect(page).to_have_url(f"{site.url}/")  # it is done
        await page.reload()
        await expect(section(page, "Pinned").get_by_role("link")).to_have_text(["Bread"])
        await page.get_by_role("button", name="Archived conversations").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("link")).to_have_text(["Leases"])
        await dialog.get_by_role("button", name="Take out “Leases”").click()
        await expect(dialog.get_by_role("link")).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(section(page, "Today").get_by_role("link")).to_have_text(["Trains", "Leases"])

    async def test_folders(self, site: ServedSite, page: Page) -> None:
        await grow(site.db, site.caller, 2, title="Trains")
        await page.reload()
        await page.get_by_role("button", name="New folder").click()
        await page.get_by_label("Name of the folder").fill("Travel")
        await page.keyboard.press("Enter")
        folder = page.get_by_role("button", name="Travel", exact=True)
        await choose(page, "Trains", "Move to a folder or project")
        async with page.expect_response("**/api/conversations/*"):
            await page.get_by_role("dialog").get_by_role("button", name="Travel").click()
        await expect(page.get_by_role("link", name="Trains")).to_have_count(0)
        await folder.click()
        await expect(section(page, "Folders").get_by_role("link")).to_have_text(["Trains"])
        await page.reload()
        await expect(section(page, "Folders").get_by_role("link")).to_have_text(["Trains"])
        await page.get_by_role("button", name="Options for the folder “Travel”").click()
        await page.get_by_role("menuitem", name="Rename").click()
        await page.get_by_label("Name of the folder").fill("Journeys")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Options for the folder “Journeys”").click()
        await page.get_by_role("menuitem", name="Delete the folder").click()
        await expect(section(page, "Today").get_by_role("link")).to_have_text(["Trains"])
        await page.get_by_role("button", name="Undo").click()
        await expect(section(page, "Folders").get_by_role("link")).to_have_text(["Trains"])

    async def test_thousands_of_conversations_come_in_pages(
        self, site: ServedSite, page: Page
    ) -> None:
        rows = [
            conversation(site.caller, f"Number {n}", age=timedelta(minutes=n)) | {"head_id": "msg"}
            for n in range(5000)
        ]
        async with site.db.session() as session:
            await session.execute(insert(ConversationRow), rows)
        await page.reload()
        items = page.get_by_role("navigation").locator(".item")
        await expect(items).to_have_count(50)
        for count in (100, 150):
            await page.get_by_role("button", name="Show more").click()
            await expect(items).to_have_count(count)
        await expect(items.last.get_by_role("link")).to_have_text("Number 149")

    async def test_everything_has_a_key(self, site: ServedSite, page: Page) -> None:
        for title in ("Bread", "Leases"):
            await grow(site.db, site.caller, 2, title=title)
        await page.reload()
        heading = page.get_by_role("heading", level=1)
        links = page.get_by_role("navigation").locator(".item a")
        await expect(links).to_have_count(2)
        await page.keyboard.press("Alt+Shift+ArrowDown")
        await expect(heading).to_have_text("Leases")
        await page.keyboard.press("Alt+Shift+ArrowDown")
        await expect(heading).to_have_text("Bread")
        await page.keyboard.press("Alt+Shift+R")
        await page.get_by_label("New title").fill("Loaves")
        await page.keyboard.press("Enter")
        await expect(heading).to_have_text("Loaves")
        await page.keyboard.press("Alt+Shift+P")
        await expect(section(page, "Pinned").get_by_role("link")).to_have_text(["Loaves"])
        await page.keyboard.press("Alt+Shift+M")
        await page.get_by_role("dialog").get_by_label("New folder").fill("Food")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.get_by_role("button", name="Food", exact=True).wait_for()
        await page.keyboard.press("Alt+Shift+Backspace")
        await expect(page.get_by_role("link", name="Loaves")).to_have_count(0)
        await expect(page.get_by_text("Conversation deleted.")).to_be_visible()
        await page.locator("main").click(position={"x": 5, "y": 60})
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()

    async def test_the_open_one_has_its_menu_on_a_telephone(
        self, site: ServedSite, open_page
    ) -> None:
        await grow(site.db, site.caller, 2, title="Bread")
        page = await site.sign_in(await open_page(site.url, phone=True))
        await page.get_by_role("button", name="Open the list").click()
        await page.get_by_role("link", name="Bread").click()
        menu = page.get_by_role("button", name="Options for this conversation")
        await menu.click()
        await page.get_by_role("menuitem", name="Rename").click()
        await page.get_by_label("New title").fill("Loaves")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Loaves")
        await menu.click()
        async with page.expect_download() as waiting:
            await page.get_by_role("menuitem", name="Download as markdown").click()
        assert (await waiting.value).suggested_filename == "Loaves.md"
        await menu.click()
        await page.get_by_role("menuitem", name="Delete").click()
        await expect(page).to_have_url(f"{site.url}/")
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Loaves")


class TestVersions:
    async def test_versions_are_stepped_through_and_remembered(
        self, site: ServedSite, page: Page
    ) -> None:
        site.site.gateway.scripts = [
            (START, *text(said), stop()) for said in ("First answer", "Second answer", "A reply")
        ]
        await ask(page, "Say it")
        await page.keyboard.press("Alt+Shift+G")
        await expect(page.locator(".answer")).to_contain_text("Second answer")
        await ask(page, "And then?")
        await page.locator(".answer").first.hover()
        await page.locator(".answer").first.get_by_role("button", name="Previous version").click()
        await expect(page.locator(".question")).to_have_count(1)
        await expect(page.locator(".answer")).to_contain_text("First answer")
        await page.reload()
        await expect(page.locator(".answer")).to_contain_text("First answer")
        await page.keyboard.press("Alt+Shift+ArrowRight")
        await expect(page.locator(".answer").last).to_contain_text("A reply")
        await expect(page.get_by_label("2 of 2")).to_have_count(1)

    async def test_another_model_can_be_asked(self, site: ServedSite, page: Page) -> None:
        site.site.gateway.models = lambda: [
            site.site.gateway.resolve("tiny"),
            site.site.gateway.resolve("better"),
        ]
        await page.reload()
        await ask(page, "Say it")
        await page.get_by_role("button", name="Answer again with another model").click()
        await page.get_by_role("menuitemradio", name="Better Instruct").click()
        await expect(page.get_by_label("2 of 2")).to_be_visible()
        await answered(page)
        assert "better" in {request.model for request in site.site.gateway.requests}


class TestLongConversations:
    async def test_ten_thousand_messages_open_at_once_and_scroll_in_place(
        self, site: ServedSite, page: Page
    ) -> None:
        conversation_id, _ = await grow(site.db, site.caller, 10_000)
        await page.reload()
        link = page.get_by_role("link", name="A long one")
        await link.wait_for()
        async with page.expect_response(f"**/api/conversations/{conversation_id}") as opening:
            await link.click()
        assert len((await (await opening.value).json())["messages"]) <= 100
        await expect(page.get_by_text("Message 9999.")).to_be_in_viewport()
        await page.locator(".scroll").hover()
        seen: list[int] = []
        for _ in range(60):
            await page.mouse.wheel(0, -1500)
            seen.append(int(await page.evaluate(FIRST_IN_VIEW)))
        assert seen == sorted(seen, reverse=True), "what is read never jumps back"
        assert seen[-1] < 9_800
        assert await page.locator(".turn").count() < 80

    async def test_what_is_read_stays_in_its_place_while_more_comes(
        self, site: ServedSite, page: Page
    ) -> None:
        conversation_id, ids = await grow(site.db, site.caller, 400)
        await page.goto(f"{site.url}/c/{conversation_id}#{ids[200]}")
        turn = page.locator(".turn.sought")
        await expect(turn).to_be_in_viewport()
        await expect(page.get_by_role("button", name="Show earlier messages")).to_be_attached()
        where = "document.querySelector('.turn.sought').getBoundingClientRect().top"
        await page.evaluate("document.fonts.ready.then(() => {})")
        await page.evaluate(FRAMES)
        before = await page.evaluate(where)
        await page.get_by_role("button", name="Show earlier messages").evaluate("b => b.click()")
        await page.wait_for_function("document.querySelector('.room')?.offsetHeight > 8000")
        assert await page.evaluate(where) == pytest.approx(before, abs=2)


async def test_another_device_shows_what_was_written_meanwhile(
    site: ServedSite, page: Page, open_page
) -> None:
    site.site.gateway.script = (START, *text("One."), stop())
    await ask(page, "Count")
    other: Page = await site.sign_in(await open_page(site.url))
    await other.goto(page.url)
    await expect(other.locator(".answer")).to_have_text(re.compile("One"))
    site.site.gateway.script = (START, *text("Two."), stop())
    await ask(page, "And then?")
    await page.get_by_role("button", name="Answer again", exact=True).last.click()
    await expect(page.locator(".stepper")).to_contain_text("2/2")
    await answered(page)

    await other.evaluate("dispatchEvent(new Event('focus'))")  # as when its window is looked at
    await expect(other.locator(".answer")).to_have_count(2)
    await expect(other.locator(".stepper")).to_contain_text("2/2")
    await ask(other, "Go on")
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await expect(page.locator(".question-text")).to_have_text(["Count", "And then?", "Go on"])
    await page.get_by_role("button", name="Previous version").click()
    await expect(page.locator(".question-text")).to_have_text(["Count", "And then?"])
    await other.evaluate("dispatchEvent(new Event('focus'))")
    await expect(other.locator(".question-text")).to_have_text(["Count", "And then?"])
    await expect(other.locator(".stepper")).to_contain_text("1/2")


async def test_the_next_person_at_a_browser_sees_nothing_of_the_one_before(
    site: ServedSite, page: Page
) -> None:
    site.site.gateway.script = (START, *text("One."), stop())
    await ask(page, "A private matter")
    box = page.get_by_role("textbox", name="Your instruction")
    await box.fill("Half a thought")
    await page.get_by_role("button", name="New conversation").first.click()
    await box.fill("Another half")
    await page.reload()
    await expect(box).to_have_value("Another half")
    await page.get_by_role("button", name="Account and settings").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    identity = site.site.services.identity
    await identity.create_user("ben@example.org")
    token = await identity.create_login_link("ben@example.org")
    await page.goto(f"{site.url}/#token={token}")
    await expect(box).to_have_value("")
    await box.fill("What Ben thinks")
    await expect(page.get_by_text("A private matter")).to_have_count(0)
    assert "half" not in await page.evaluate("JSON.stringify(localStorage).toLowerCase()")

    await page.context.clear_cookies()  # the session ends by itself, and the first comes back
    token = await identity.create_login_link()
    await page.evaluate("(token) => { location.hash = `token=${token}`; }", token)
    await expect(page.get_by_role("link", name="A private matter")).to_be_visible()
    await expect(box).to_have_value("")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "narrow"])
async def test_no_serious_fault_for_axe(
    site: ServedSite,
    open_page,
    axe: str,  # noqa: F811
    phone: bool,
) -> None:
    await grow(site.db, site.caller, 4, title="Trains")
    put_away, _ = await grow(site.db, site.caller, 4, title="Leases")
    services = site.site.services
    await services.folders.create(site.caller, "Travel")
    await services.conversations.change(site.caller, put_away, Change(archived=True))
    page = await site.sign_in(await open_page(site.url, phone=phone, reduced_motion="reduce"))
    if phone:
        await page.get_by_role("button", name="Open the list").click()
    await assert_fits(page, axe)
    await page.get_by_role("link", name="Trains").click()
    await page.locator(".answer").first.wait_for()
    for keys, shown in (("Alt+Shift+M", ".choices"), ("Control+k", ".palette")):
        await page.keyboard.press(keys)
        await page.locator(shown).wait_for()
        await assert_fits(page, axe)
        await page.keyboard.press("Escape")
    await page.evaluate("document.activeElement.blur()")
    for key, shown in (("?", ".shortcuts"), ("/", ".search-field")):
        await page.keyboard.press(key)
        await page.locator(shown).wait_for()
        if key == "/":
            await page.get_by_role("combobox", name="Search").fill("words")
            await page.locator(".result").first.wait_for()
        await assert_fits(page, axe)
        await page.keyboard.press("Escape")
        await page.evaluate("document.activeElement.blur()")
    if phone:
        await page.get_by_role("button", name="Open the list").click()
    await page.get_by_role("button", name="Archived conversations").click()
    await page.get_by_role("dialog").get_by_role("link", name="Leases").wait_for()
    await assert_fits(page, axe)


FIRST_IN_VIEW = """async () => {
  for (;;) {
    await new Promise(requestAnimationFrame);
    const first = [...document.querySelectorAll(".turn")]
      .find(turn => turn.getBoundingClientRect().bottom > 60);
    const said = first?.textContent.match(/Message (\\d+)\\./);
    if (said) return said[1];
  }
}"""
