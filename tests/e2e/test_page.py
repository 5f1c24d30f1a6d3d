"""What a person does on the page, and every state they may find it in (on a scripted server)."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from doubles.web_answers import MARKDOWN, Script
from doubles.web_server import TOKEN, WebServer
from e2e.acts import answered, copied, look_for
from e2e.acts import send as ask

pytestmark = pytest.mark.slow


def answer(page: Page):
    return page.locator(".answer").last


def slow(web: WebServer) -> str:
    """Let the slow answer stop in its midst until the stand-in is told to go on; all of it."""
    chunks = web.scripts["slow"].chunks
    web.scripts["slow"] = Script(chunks, 0.001, held=40)
    return "".join(chunks).strip()


class TestSignIn:
    async def test_a_link_signs_in_once_and_leaves_the_address(
        self, open_page, web_url: str
    ) -> None:
        page = await open_page(web_url)
        await page.goto(f"/#token={TOKEN}")
        await expect(page.get_by_role("heading", name="What would you like")).to_be_visible()
        assert page.url == f"{web_url}/"

    async def test_without_a_link_the_page_says_how_to_get_one(
        self, open_page, web_url: str
    ) -> None:
        page = await open_page(web_url)
        await page.goto("/")
        await expect(page.get_by_text("consigne users link")).to_be_visible()
        await page.get_by_label("Sign-in link").fill(f"{web_url}/#token={TOKEN}")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("textbox", name="Your instruction")).to_be_visible()

    async def test_a_used_link_is_explained(self, open_page, web_url: str) -> None:
        page = await open_page(web_url)
        await page.goto("/#token=used")
        await expect(page.get_by_role("alert")).to_contain_text("has been used or has expired")

    async def test_a_lost_session_loses_no_text(self, chat: Page, web: WebServer) -> None:
        await chat.wait_for_load_state("networkidle")  # the first lists are read
        web.signed_in.clear()
        await ask(chat, "Keep this for me")
        await expect(chat.get_by_role("heading", name="Sign in")).to_be_visible()
        await chat.get_by_label("Sign-in link").fill(TOKEN)
        await chat.get_by_role("button", name="Sign in").click()
        await expect(chat.get_by_role("textbox", name="Your instruction")).to_have_value(
            "Keep this for me"
        )

    async def test_signing_out(self, chat: Page) -> None:
        await chat.get_by_role("button", name="Account and settings").click()
        await chat.get_by_role("menuitem", name="Sign out").click()
        await expect(chat.get_by_role("heading", name="Sign in")).to_be_visible()
        await chat.reload()
        await expect(chat.get_by_role("heading", name="Sign in")).to_be_visible()


class TestAnswers:
    async def test_an_answer_is_typeset(self, chat: Page) -> None:
        await ask(chat, "What is a ticket for?")
        await answered(chat)
        await expect(chat).to_have_url(re.compile(r"/c/conv_\d+$"))
        await expect(answer(chat).get_by_role("heading", name="Three ways")).to_be_visible()
        await expect(answer(chat).locator("ol > li")).to_have_count(3)
        await expect(answer(chat).locator("tbody tr")).to_have_count(3)
        await expect(answer(chat).locator(".hljs-keyword").first).to_have_text("def")
        await expect(chat).to_have_title("Left luggage, three ways · Consigne")

    async def test_copying_gives_the_markdown_and_the_code(self, chat: Page) -> None:
        await ask(chat, "What is a ticket for?")
        await answered(chat)
        whole = answer(chat).get_by_role("button", name="Copy", exact=True).last
        assert await copied(chat, whole.click()) == MARKDOWN
        code = await copied(chat, answer(chat).locator(".copy-code").click())
        assert code == MARKDOWN.split("```")[1].removeprefix("python\n")

    async def test_copies_say_that_a_model_wrote_them_where_the_operator_wants_it(
        self, chat: Page
    ) -> None:
        async def marked(route: Route) -> None:
            body = await (await route.fetch()).json()
            await route.fulfill(json=body | {"copies_marked_by": "Our “Org”"})

        await ask(chat, "What is a ticket for?")
        await answered(chat)
        await chat.route("**/api/session", marked)
        await chat.reload()
        whole = answer(chat).get_by_role("button", name="Copy", exact=True).last
        text = await copied(chat, whole.click())
        front, _, rest = text.removeprefix("---\n").partition("\n---\n\n")
        assert front.splitlines()[0] == "ai_generated: true"
        assert 'provider: "Our “Org”"' in front
        assert rest == MARKDOWN
        await answer(chat).get_by_role("button", name="Other ways to copy").last.click()
        item = chat.get_by_role("menuitem", name="Copy as plain text")
        plain = await copied(chat, item.click())
        assert plain.rstrip().splitlines()[-1].startswith("Generated by AI (")

    async def test_nothing_in_an_answer_runs_or_calls_out(self, chat: Page) -> None:
        asked: list[str] = []
        chat.on("request", lambda request: asked.append(request.url))
        await ask(chat, "Be hostile")
        await answered(chat)
        await expect(answer(chat).get_by_role("link", name="pixel")).to_be_visible()
        unsafe = answer(chat).locator("img, script, [onerror], [href^=javascript]")
        await expect(unsafe).to_have_count(0)
        assert await chat.title() != "owned"
        assert not [url for url in asked if "127.0.0.1" not in url]

    async def test_the_view_follows_until_the_reader_scrolls_away(
        self, chat: Page, web: WebServer
    ) -> None:
        chunks = web.scripts["long"].chunks
        web.scripts["long"] = Script(chunks, 0.001, held=len(chunks) // 2)
        await ask(chat, "Something long")
        view = chat.locator(".scroll")
        await expect(answer(chat).get_by_text("Paragraph 12.")).to_be_in_viewport()
        await view.hover()
        await chat.mouse.wheel(0, -300)
        latest = chat.get_by_role("button", name="Go to the latest")
        await latest.wait_for()
        place = await view.evaluate("v => v.scrollTop")
        web.go_on.set()
        await answered(chat)
        assert await view.evaluate("v => v.scrollTop") == pytest.approx(place, abs=2)
        await latest.click()
        await expect(latest).to_have_count(0)

    async def test_stop_keeps_what_was_written_and_it_can_go_on(
        self, chat: Page, web: WebServer
    ) -> None:
        slow(web)
        await ask(chat, "slow please")
        await expect(answer(chat)).to_contain_text("One word after another")
        await chat.get_by_role("button", name="Stop").click()
        await expect(answer(chat)).to_contain_text("Stopped. What was written is kept.")
        await answer(chat).get_by_role("button", name="Continue").click()
        await expect(answer(chat)).to_contain_text("and so the sentence ends.")
        await expect(answer(chat)).to_contain_text("One word after another")

    async def test_a_failure_says_why_and_retries(self, chat: Page, web: WebServer) -> None:
        await ask(chat, "Please fail")
        await expect(answer(chat).get_by_role("alert")).to_contain_text("It starts again by itself")
        await expect(answer(chat)).to_contain_text("The ledger shows that")
        await answer(chat).get_by_role("button", name="Try again").click()
        await expect(answer(chat)).to_contain_text("A second answer, said another way.")

    async def test_an_interrupted_answer_can_be_continued(self, chat: Page) -> None:
        await ask(chat, "interrupt this")
        await expect(answer(chat)).to_contain_text("The service restarted here.")
        await answer(chat).get_by_role("button", name="Continue").click()
        await expect(answer(chat)).to_contain_text("piece was and so the sentence ends.")

    async def test_an_instruction_that_is_refused_stays_in_its_field(self, chat: Page) -> None:
        await ask(chat, "refuse this")
        await expect(chat.get_by_role("alert")).to_contain_text("Not sent.")
        await expect(chat.get_by_role("textbox", name="Your instruction")).to_have_value(
            "refuse this"
        )


class TestConnection:
    async def test_a_reload_in_mid_answer_finds_it_whole(self, chat: Page, web: WebServer) -> None:
        whole = slow(web)
        await ask(chat, "slow please")
        await expect(answer(chat)).to_contain_text("One word")
        await chat.reload()
        await expect(answer(chat)).to_contain_text("One word")
        web.go_on.set()
        await answered(chat)
        await expect(answer(chat).locator(".prose")).to_have_text(whole)

    async def test_a_lost_connection_is_said_and_mends_itself(
        self, chat: Page, web: WebServer
    ) -> None:
        whole = slow(web)
        await ask(chat, "slow please")
        await expect(answer(chat)).to_contain_text("One word")
        web.offline = True
        await expect(answer(chat)).to_contain_text("Connection lost.")
        web.offline = False
        web.go_on.set()
        await answered(chat)
        await expect(answer(chat).locator(".prose")).to_have_text(whole)
        await expect(chat.get_by_text("Connection lost.")).to_have_count(0)

    async def test_an_answer_goes_on_while_another_conversation_is_read(
        self, chat: Page, web: WebServer
    ) -> None:
        web.exchange("An older one", "Question", "Its answer.", days_ago=1)
        slow(web)
        await chat.reload()
        await ask(chat, "slow please")
        await expect(answer(chat)).to_contain_text("One word")
        await chat.get_by_role("link", name="An older one").click()
        await expect(answer(chat)).to_contain_text("Its answer.")
        web.go_on.set()
        await chat.go_back()
        await answered(chat)
        await expect(answer(chat)).to_contain_text("One word after another")

    async def test_a_draft_survives_a_reload(self, chat: Page) -> None:
        box = chat.get_by_role("textbox", name="Your instruction")
        await box.fill("Half a thought")
        await chat.reload()
        await expect(box).to_have_value("Half a thought")


class TestBranches:
    async def test_editing_opens_a_branch_and_the_first_stays(self, chat: Page) -> None:
        await ask(chat, "First wording")
        await answered(chat)
        await chat.keyboard.press("ArrowUp")
        box = chat.get_by_role("textbox", name="Edit your instruction")
        await expect(box).to_have_value("First wording")
        await box.fill("Second wording")
        await chat.keyboard.press("Enter")
        await expect(chat.locator(".question-text")).to_have_text("Second wording")
        await answered(chat)
        await expect(chat.get_by_label("2 of 2")).to_be_visible()
        await chat.get_by_role("button", name="Previous version").click()
        await expect(chat.locator(".question-text")).to_have_text("First wording")
        await chat.reload()
        await expect(chat.locator(".question-text")).to_have_text("First wording")

    async def test_answering_again_keeps_both_answers(self, chat: Page) -> None:
        await ask(chat, "Say it")
        await answered(chat)
        await answer(chat).get_by_role("button", name="Answer again").click()
        await expect(answer(chat)).to_contain_text("said another way")
        await answered(chat)
        await answer(chat).get_by_role("button", name="Previous version").click()
        await expect(answer(chat)).to_contain_text("A short answer")


class TestList:
    async def test_conversations_stand_by_day_and_can_be_searched(
        self, chat: Page, web: WebServer
    ) -> None:
        web.exchange("Bread", "Why?", "Yeast.", days_ago=0)
        web.exchange("Leases", "What?", "This.", days_ago=4)
        await chat.reload()
        nav = chat.get_by_role("navigation")
        await expect(nav.get_by_role("heading")).to_have_text(
            ["Projects", "Folders", "Today", "Previous 7 days"]
        )
        await chat.get_by_role("heading", name="What would you like").click()
        await look_for(chat, "/", "lea")
        found = chat.get_by_role("listbox", name="Results").get_by_role("option")
        await expect(found).to_have_text(["Leases"])
        await chat.keyboard.press("Enter")
        await expect(chat.get_by_role("heading", level=1)).to_have_text("Leases")

    async def test_renaming(self, chat: Page, web: WebServer) -> None:
        made = web.exchange("Old name", "Q", "A")
        await chat.goto(f"/c/{made['id']}")
        await chat.get_by_role("button", name="Options for “Old name”").click()
        await chat.get_by_role("menuitem", name="Rename").click()
        await chat.get_by_label("New title").fill("New name")
        async with chat.expect_response(f"**/api/conversations/{made['id']}"):
            await chat.keyboard.press("Enter")
        await expect(chat.get_by_role("link", name="New name")).to_be_visible()
        await expect(chat.get_by_role("heading", level=1)).to_have_text("New name")
        await expect(chat).to_have_title("New name · Consigne")
        assert web.conversations[made["id"]]["title"] == "New name"

    async def test_a_deletion_can_be_undone(self, chat: Page, web: WebServer) -> None:
        web.exchange("Dear to me", "Q", "A")
        await chat.reload()
        link = chat.get_by_role("link", name="Dear to me")
        await chat.get_by_role("button", name="Options for “Dear to me”").click()
        await chat.get_by_role("menuitem", name="Delete").click()
        await expect(link).to_have_count(0)
        await chat.get_by_role("button", name="Undo").click()
        await expect(link).to_be_visible()

    async def test_an_address_that_leads_nowhere(self, chat: Page) -> None:
        await chat.goto("/c/none")
        await expect(chat.get_by_text("There is no such conversation")).to_be_visible()


class TestModels:
    async def test_the_starter_model_is_introduced_once(self, chat: Page) -> None:
        notice = chat.get_by_text("This answer comes from the small starter model")
        await ask(chat, "One")
        await expect(notice).to_have_count(1)
        await answered(chat)
        await ask(chat, "Two")
        await expect(chat.locator(".answer")).to_have_count(2)
        await answered(chat)
        await expect(notice).to_have_count(1)
        await chat.get_by_role("button", name="Hide this notice").click()
        await chat.reload()
        await answered(chat)
        await expect(notice).to_have_count(0)

    async def test_a_better_model_is_one_click_away(self, chat: Page, web: WebServer) -> None:
        web.pull_delay, web.pulls_held = 0.005, True
        await chat.get_by_role("button", name=re.compile("^Model:")).click()
        await chat.get_by_role("menuitem", name="Better models for this machine").click()
        await chat.get_by_role("button", name=re.compile(r"^Install Qwen3 1.7B")).click()
        await expect(chat.get_by_role("progressbar", name="Qwen3 1.7B")).to_be_visible()
        web.go_on.set()
        await expect(chat.get_by_text("Installed", exact=True)).to_be_visible()
        dialog = chat.get_by_role("dialog")
        await expect(dialog.get_by_role("link", name="Licence: Apache-2.0")).to_be_visible()
        await dialog.get_by_role("button", name="Install LCM Dreamshaper v7, 1.1 GB").click()
        await expect(chat.get_by_text("LCM Dreamshaper v7 is installed and draws")).to_be_visible()
        await expect(dialog.get_by_text("Draws the pictures")).to_be_visible()
        await dialog.get_by_role("button", name="Use it").click()
        await expect(chat.get_by_role("button", name="Model: Qwen3 1.7B")).to_be_visible()

    async def test_an_installation_can_be_cancelled(self, chat: Page, web: WebServer) -> None:
        web.pulls_held = True
        await look_for(chat, "Control+k", "better")
        await chat.keyboard.press("Enter")
        await chat.get_by_role("button", name=re.compile(r"^Install Qwen3 4B")).click()
        await chat.get_by_role("button", name="Cancel the installation of Qwen3 4B").click()
        await expect(
            chat.get_by_role("button", name=re.compile(r"^Install Qwen3 4B"))
        ).to_be_visible()
        assert [pull["state"] for pull in web.pulls.values()] == ["cancelled"]


class TestChoices:
    async def test_french_by_the_browser_and_english_by_choice(
        self, open_page, web_url: str
    ) -> None:
        page = await open_page(web_url, locale="fr-FR")
        await page.goto(f"/#token={TOKEN}")
        await expect(page.get_by_placeholder("Écrivez votre consigne")).to_be_visible()
        assert await page.evaluate("document.documentElement.lang") == "fr"
        await look_for(page, "Control+k", "english")
        await page.keyboard.press("Enter")
        await expect(page.get_by_placeholder("Write your instruction")).to_be_visible()
        await page.keyboard.type("Hello")  # the cursor is where it was
        await expect(page.get_by_role("textbox", name="Your instruction")).to_have_value("Hello")
        await page.reload()
        await expect(page.get_by_placeholder("Write your instruction")).to_be_visible()

    async def test_the_theme_chosen_holds_from_the_first_paint(self, chat: Page) -> None:
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        assert await chat.evaluate(ground) == "rgb(251, 250, 247)"
        await chat.get_by_role("button", name="Account and settings").click()
        await chat.get_by_role("menuitemradio", name="Dark").click()
        assert await chat.evaluate(ground) == "rgb(23, 22, 20)"
        await chat.reload(wait_until="domcontentloaded")
        assert await chat.evaluate(ground) == "rgb(23, 22, 20)"

    async def test_the_phone_has_a_drawer_and_targets_for_thumbs(
        self, open_page, web: WebServer, web_url: str
    ) -> None:
        web.exchange("On the phone", "Q", "An answer.")
        page = await open_page(web_url, phone=True)
        await page.goto(f"/#token={TOKEN}")
        await page.get_by_role("button", name="Open the list of conversations").click()
        await page.get_by_role("link", name="On the phone").click()
        await expect(page.locator(".answer")).to_contain_text("An answer.")
        await expect(page.get_by_role("navigation")).to_be_hidden()
        small = await page.evaluate(
            """[...document.querySelectorAll('main button:not(.link), main textarea')]
            .filter(e => e.offsetParent && !e.disabled
              && (e.offsetHeight < 44 || e.offsetWidth < 44)).map(e => e.outerHTML)"""
        )
        assert small == []
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


class TestAnEarlyClick:
    """A click on what is to be seen is never lost, however little has come from the server."""

    async def test_the_choice_of_models_opens_before_they_are_known(
        self, open_page, web_url: str
    ) -> None:
        page = await open_page(web_url)
        release = asyncio.Event()

        async def hold(route: Route) -> None:
            await release.wait()
            await route.continue_()

        await page.route("**/api/models", hold)
        await page.goto(f"/#token={TOKEN}")
        await page.locator(".model-button").click()
        await expect(page.get_by_role("menuitem", name="Better models")).to_be_focused()
        release.set()
        await expect(page.get_by_role("menuitemradio")).to_be_visible()

    async def test_a_menu_stays_open_while_the_conversation_gets_its_address(
        self, chat: Page
    ) -> None:
        release = asyncio.Event()

        async def hold(route: Route) -> None:
            await release.wait()
            await route.continue_()

        await chat.route("**/api/conversations", hold)
        await ask(chat, "Say it")
        await chat.locator(".model-button").click()
        await chat.get_by_role("menu").wait_for()
        release.set()
        await chat.wait_for_url("**/c/*")
        await answered(chat)
        await expect(chat.get_by_role("menu")).to_be_visible()
