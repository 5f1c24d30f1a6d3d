"""Dictation and reading aloud, on a stand-in for the browser's own speech."""

import pytest
from playwright.async_api import Page, expect

from doubles.web_server import TOKEN, WebServer
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow

STAND_IN = """
window.SpeechRecognition = class {
  start() { window.heard = this; }
  stop() { this.onend(); }
  abort() { this.onend(); }
};
window.hear = (from, ...said) => heard.onresult({
  resultIndex: from, results: said.map((words) => [{ transcript: words }]),
});
window.spoken = [];
const voice = (lang, localService) => ({ lang, localService, default: false, name: lang });
const voices = [voice('en-US', false), voice('fr-FR', true), voice('en-GB', __LOCAL__)];
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: () => voices,
  speak: (said) => spoken.push(said),
  cancel: () => { window.cancelled = spoken.splice(0).length; },
} });
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
"""


async def opened(open_page, url: str, *, local: bool = True) -> Page:
    page: Page = await open_page(url, reduced_motion="reduce")
    await page.add_init_script(STAND_IN.replace("__LOCAL__", str(local).lower()))
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    return page


async def test_what_is_said_is_written_after_a_word_on_where_it_is_heard(
    web_url: str,
    open_page,
    axe: str,  # noqa: F811
) -> None:
    page = await opened(open_page, web_url)
    box = page.get_by_role("textbox", name="Your instruction")
    await box.fill("Dear Ann,")
    await page.get_by_role("button", name="Dictate").click()
    await expect(page.get_by_role("dialog")).to_contain_text("send the recording to their maker")
    assert await faults(page, axe) == []
    await page.get_by_role("button", name="Begin to dictate").click()
    await expect(page.get_by_role("button", name="Stop dictating")).to_be_visible()
    assert await page.evaluate("heard.lang") == "en-GB"
    await page.evaluate("hear(0, 'the keys are')")
    await page.evaluate("hear(1, 'the keys are', ' in the box')")
    await expect(box).to_have_value("Dear Ann, the keys are in the box")
    await box.press_sequentially(".")
    await page.evaluate("hear(2, 'the keys are', ' in the box', ' Yours')")
    await expect(box).to_have_value("Dear Ann, the keys are in the box. Yours")
    await page.get_by_role("button", name="Stop dictating").click()
    await page.get_by_role("button", name="Dictate").click()  # the word is said once
    await page.get_by_role("button", name="Stop dictating").wait_for()
    await page.evaluate("heard.onerror({ error: 'not-allowed' }); heard.onend()")
    await expect(page.get_by_text("does not let this page use the microphone")).to_be_visible()
    await expect(page.get_by_role("button", name="Dictate")).to_be_visible()
    await page.get_by_role("button", name="Dictate").click()
    await page.get_by_role("button", name="Stop dictating").wait_for()
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("button", name="Dictate")).to_be_visible()


async def test_an_answer_is_read_in_its_language_and_can_be_stopped(
    web: WebServer, web_url: str, open_page
) -> None:
    french = "Le ticket est dans la boîte. Ce que vous y laissez vous est rendu [1]."
    code = "```py\nprint(1)\n```"
    kept = web.exchange("Ticket", "Où est-il ?", f"**{french}**\n\n{code}\n\n- Les clés aussi")
    web.exchange("Other", "Where is it?", "It is in the box, and the keys are with it.")
    page = await opened(open_page, web_url, local=False)
    await page.goto(f"/c/{kept['id']}")
    await page.get_by_role("button", name="Read aloud").click()
    await expect(page.get_by_role("button", name="Stop reading")).to_be_visible()
    said = await page.evaluate("spoken.map(({ text, lang }) => [lang, text])")
    assert {lang for lang, _ in said} == {"fr-FR"}
    text = " ".join(words for _, words in said)
    assert "Ce que vous y laissez vous est rendu." in text
    assert "Les clés aussi" in text
    assert "print" not in text
    assert "*" not in text
    await page.get_by_role("button", name="Stop reading").click()
    assert await page.evaluate("cancelled") == len(said)
    await page.get_by_role("button", name="Read aloud").click()
    await page.get_by_role("link", name="Other").click()  # another conversation ends it
    await expect(page.get_by_text("It is in the box")).to_be_visible()
    assert await page.evaluate("spoken") == []
    await page.get_by_role("button", name="Read aloud").click()
    await expect(page.get_by_role("dialog")).to_contain_text("the answer is sent there")
    await page.get_by_role("button", name="Cancel").click()
    assert await page.evaluate("spoken") == []


async def test_without_the_browser_s_speech_there_are_no_buttons(
    web: WebServer, web_url: str, open_page
) -> None:
    kept = web.exchange("Ticket", "Where is it?", "In the box.")
    page: Page = await open_page(web_url)
    await page.add_init_script(
        "delete window.webkitSpeechRecognition; delete window.SpeechRecognition;"
        "Object.defineProperty(window, 'speechSynthesis', { value: undefined })"
    )
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    await page.goto(f"/c/{kept['id']}")
    await page.get_by_text("In the box.").wait_for()
    await expect(page.get_by_role("button", name="Dictate")).to_have_count(0)
    await expect(page.get_by_role("button", name="Read aloud")).to_have_count(0)
