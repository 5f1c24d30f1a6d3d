"""Tools on the page: steps that unfold, leave that is asked, switches, sources as footnotes."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from consigne.chat.tools import python_package
from consigne.chat.tools.base import Call, ChatTool, Outcome, Words, said
from consigne.domain.errors import OperatorError
from doubles.scripted import START, Step, stop, text, tool_use
from e2e.site import ServedSite, served_site

pytestmark = pytest.mark.slow
FINDS = '{"query":"lighthouses"}'


async def finds(call: Call) -> Outcome:
    first = call.cite("Lighthouses of Brittany", "https://phares.example/ar-men", "Ar-Men, 1881")
    second = call.cite("Keepers", "https://keepers.example/", "")
    return said(f"[{first}] Ar-Men was lit in 1881.\n[{second}] Keepers lived there.")


SEARCH = ChatTool(
    name="web_search",
    title=Words("Web search", "Recherche web"),
    description="Search.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}},
    run=finds,
    read_only=True,
)


async def sends(call: Call) -> Outcome:
    return said("sent")


SEND = ChatTool(
    name="send_letter",
    title=Words("Send a letter", "Envoyer une lettre"),
    description="Send.",
    input_schema={"type": "object", "properties": {"to": {"type": "string"}}},
    run=sends,
)
ANSWER = (
    START,
    *text(
        "Ar-Men was lit in **1881** [1], and keepers lived there [2]. `[1]` is code; "
        "[1](https://elsewhere.example/) is a link. Both say so [1][2], here and there [1, 2]."
    ),
    stop(),
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[ServedSite]:
    async with served_site(tmp_path) as served:
        yield served


async def ask(page: Page, site: ServedSite, *scripts: tuple[Step, ...]) -> None:
    site.site.gateway.scripts = list(scripts)
    site.site.gateway.script = ANSWER
    box = page.get_by_role("textbox", name="Your instruction")
    if await page.locator(".model-name").inner_text() != "Capable":
        await page.locator(".model-button").click()
        await page.get_by_role("menuitemradio", name="Capable").click()
    await box.fill("When was Ar-Men lit?")
    await page.get_by_role("button", name="Send").click()


def calls(name: str, body: str) -> tuple[Any, ...]:
    return (START, *text("One moment."), *tool_use(name, body, index=1), stop("tool_use"))


async def shot(page: Page, name: str) -> None:
    """Keep a picture for a look by hand, where a folder for them is named."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("phone", [False, True])
async def test_steps_are_folded_and_sources_are_footnotes(
    site: ServedSite, open_page: Any, phone: bool
):
    site.site.services.toolbox.add(SEARCH)
    page = await site.sign_in(await open_page(site.url, phone=phone))
    await ask(page, site, calls("calculate", '{"expression":"17*23"}'), calls("web_search", FINDS))
    answer = page.locator(".answer")
    await expect(answer.get_by_text("Calculated 17*23")).to_be_visible()
    await expect(answer.get_by_text("Searched the web for “lighthouses”")).to_be_visible()
    await expect(answer.get_by_text("17*23 = 391")).to_be_hidden()
    await answer.get_by_text("Calculated 17*23").click()
    await expect(answer.get_by_text("17*23 = 391")).to_be_visible()
    marks = answer.locator('p a:text-matches("^.[12].$")')
    await expect(marks).to_have_text(["[1]", "[2]", "[1]", "[2]", "[1]", "[2]"])
    link = answer.get_by_role("link", name="[1]").first
    await expect(link).to_have_attribute("href", "https://phares.example/ar-men")
    await expect(answer.locator("code", has_text="[1]")).to_be_visible()
    await answer.get_by_text("2 sources").click()
    await expect(answer.get_by_role("link", name="Lighthouses of Brittany")).to_be_visible()
    await shot(page, f"steps-{'phone' if phone else 'desktop'}")
    await page.locator(".tools-button").click()
    menu = await page.get_by_role("menu").bounding_box()
    assert menu is not None
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= (390 if phone else 1280)
    await page.keyboard.press("Escape")
    await page.reload()
    await expect(page.locator(".answer").get_by_text("2 sources")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Calculated 17*23")).to_be_visible()


async def test_leave_is_asked_survives_a_reload_and_is_given_by_keyboard(
    site: ServedSite, open_page: Any
):
    site.site.services.toolbox.add(SEND)
    page = await site.sign_in(await open_page(site.url, color_scheme="dark"))
    await ask(page, site, calls("send_letter", '{"to":"Ada"}'))
    asked = page.get_by_role("group", name="Send a letter: may this be done?")
    await expect(asked.get_by_text("Ada")).to_be_visible()
    await page.reload()
    await expect(asked.get_by_text("Ada")).to_be_visible()
    await shot(page, "leave-dark")
    await asked.get_by_role("button", name="Allow once").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".answer").get_by_text("Used Send a letter")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Ar-Men was lit in")).to_be_visible()


async def test_what_is_refused_is_not_done(site: ServedSite, open_page: Any):
    site.site.services.toolbox.add(SEND)
    page = await site.sign_in(await open_page(site.url))
    await ask(page, site, calls("send_letter", '{"to":"Ada"}'))
    await page.get_by_role("button", name="Refuse").click()
    await expect(page.locator(".step .tag", has_text="Failed")).to_be_visible()
    await expect(page.locator(".answer").get_by_text("Ar-Men was lit in")).to_be_visible()


async def test_tools_are_switched_and_the_picker_says_what_a_model_can(
    site: ServedSite, open_page: Any
):
    page = await site.sign_in(await open_page(site.url))
    await page.locator(".model-button").click()
    capable = page.get_by_role("menuitemradio", name="Capable")
    await expect(capable).to_contain_text("Tools")
    await expect(capable).to_contain_text("US$3.00 in, US$15.00 out per million tokens")
    await expect(page.get_by_role("menuitemradio", name="Plain")).not_to_contain_text("Tools")
    await capable.click()
    await page.get_by_role("button", name="Tools, 6 on").click()
    async with page.expect_response("**/api/tools/*"):
        await page.get_by_role("menuitemcheckbox", name="Calculator").click()
    await shot(page, "tools-menu")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Tools, 5 on")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("button", name="Tools, 5 on")).to_be_visible()


PAGE = """<title>Counter</title><button onclick="this.textContent = 'pressed'">press</button>
<script>
  const tell = (key, value) => { document.body.dataset[key] = value; };
  try { parent.document.title; tell('parent', 'read'); } catch { tell('parent', 'barred'); }
  fetch('/api/session').then(() => tell('net', 'open'), () => tell('net', 'barred'));
  try { tell('storage', localStorage.length); } catch { tell('storage', 'barred'); }
</script>"""


@pytest.mark.parametrize("phone", [False, True])
async def test_an_artifact_runs_beside_the_chat_in_its_own_origin(
    site: ServedSite, open_page: Any, phone: bool
):
    page = await site.sign_in(await open_page(site.url, phone=phone, check=False))
    made = json.dumps({"title": "Counter", "kind": "html", "content": PAGE})
    await ask(page, site, calls("create_artifact", made))
    if phone:
        await page.get_by_role("button", name="Open beside").click()
    panel = page.get_by_role("complementary", name="Counter")
    if not phone:
        side = await page.locator(".sidebar").bounding_box()
        assert side is not None
        assert (side["y"], side["height"]) == (0, 800)
    frame = panel.frame_locator("iframe")
    await frame.get_by_role("button", name="press").click()
    await expect(frame.get_by_role("button", name="pressed")).to_be_visible()
    body = frame.locator("body")
    await expect(body).to_have_attribute("data-net", "barred")
    await expect(body).to_have_attribute("data-parent", "barred")
    await expect(body).to_have_attribute("data-storage", "barred")
    await shot(page, f"artifact-{'phone' if phone else 'desktop'}")
    await panel.get_by_role("button", name="Source").click()
    await expect(panel.locator("code")).to_contain_text("localStorage")
    async with page.expect_download() as download:
        await panel.get_by_role("link", name="Download").click()
    assert (await download.value).suggested_filename == "Counter.html"
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()


async def test_versions_are_stepped_through_and_blocks_open_beside(
    site: ServedSite, open_page: Any
):
    page = await site.sign_in(await open_page(site.url))
    await ask(page, site)
    await expect(page.locator(".answer")).to_contain_text("1881")
    site.site.gateway.script = (START, *text("```svg\n<svg><text>one</text></svg>\n```"), stop())
    await page.get_by_role("button", name="Answer again", exact=True).click()
    await page.get_by_role("button", name="Open beside").click()
    panel = page.get_by_role("complementary", name="Drawing")
    await expect(panel.frame_locator("iframe").get_by_text("one")).to_be_visible()
    artifacts = site.site.services.artifacts
    [conversation] = (await site.site.services.conversations.page(site.caller)).conversations
    made = await artifacts.create(
        site.caller, conversation.id, title="Poem", kind="document", content="first"
    )
    await artifacts.change(site.caller, made.id, "# second")
    change = json.dumps({"id": made.id, "old": "second", "content": "third"})
    await ask(page, site, calls("update_artifact", change))
    panel = page.get_by_role("complementary", name="Poem")
    await expect(panel.get_by_role("heading", name="third")).to_be_visible()
    await panel.get_by_role("button", name="Previous version").click()
    await expect(panel.get_by_role("heading", name="second")).to_be_visible()
    await expect(panel.get_by_text("2/3")).to_be_visible()
    await resized(page, panel)


async def resized(page: Page, panel: Locator) -> None:
    """Move the panel's edge by keys and by the pointer; its place outlives a reload."""
    edge = panel.get_by_role("separator", name="Width of the panel")
    await expect(edge).to_have_attribute("aria-valuenow", "45")
    await edge.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(edge).to_have_attribute("aria-valuenow", "47")
    before = await panel.bounding_box()
    assert before
    await page.mouse.move(before["x"], 400)
    await page.mouse.down()
    await page.mouse.move(before["x"] - 150, 420)
    await page.mouse.up()
    after = await panel.bounding_box()
    assert after
    assert after["width"] == pytest.approx(before["width"] + 150, abs=3)
    await page.reload()
    # The steps are a part of the page that comes later than the answer's own text.
    await page.locator("button.made").last.click()
    again = await panel.bounding_box()
    assert again
    assert again["width"] == pytest.approx(after["width"], abs=3)
    await edge.press("End")
    await expect(edge).to_have_attribute("aria-valuenow", "25")
    await edge.dblclick()
    await expect(edge).to_have_attribute("aria-valuenow", "45")


@pytest.fixture(scope="session")
def python_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The npm package, brought as an operator brings it."""
    data_dir = tmp_path_factory.mktemp("python")
    try:
        python_package.install(data_dir)
    except OperatorError as error:
        if os.environ.get("REQUIRE_ALL_TESTS"):
            pytest.fail(error.message)
        pytest.skip(error.message)
    return data_dir


def with_a_package(python: Path, into: Path) -> None:
    """Put Python into a data folder, with a package that Pyodide's list has never heard of."""
    folder = into / "tools" / "python" / python.name
    folder.mkdir(parents=True)
    for path in python.iterdir():
        (folder / path.name).symlink_to(path)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as wheel:
        wheel.writestr("tiny/__init__.py", "answer = 'a package answers'")
        about = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        wheel.writestr("tiny-1.0.dist-info/METADATA", about)
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    (folder / "tiny-1.0-py3-none-any.whl").write_bytes(made.getvalue())
    lock = json.loads((python / "pyodide-lock.json").read_text())
    tiny = lock["packages"]["six"] | {"name": "tiny", "version": "1.0", "imports": ["tiny"]}
    tiny["file_name"] = "tiny-1.0-py3-none-any.whl"
    tiny["sha256"] = hashlib.sha256(made.getvalue()).hexdigest()
    lock["packages"]["tiny"] = tiny
    (folder / "pyodide-lock.json").unlink()
    (folder / "pyodide-lock.json").write_text(json.dumps(lock))


async def test_python_runs_in_the_browser_for_the_model_and_for_the_reader(
    python_archive: Path, tmp_path: Path, open_page: Any
):
    python = python_package.installed(python_archive)
    assert python
    with_a_package(python, tmp_path)
    async with served_site(tmp_path) as site:
        page = await site.sign_in(await open_page(site.url, check=False))
        page.set_default_timeout(60_000)
        program = (
            "import sqlite3\nopen('plot.svg', 'w').write('<svg><text>plot</text></svg>')\n"
            "open('data.bin', 'wb').write(bytes(range(256)))\n"
            "open('big.bin', 'wb').truncate(11 * 2**20)\n"
            "import tiny\nprint(tiny.answer)\nprint('sum', sum(range(10)))\n6 * 7"
        )
        await ask(page, site, calls("run_python", json.dumps({"code": program})))
        answer = page.locator(".answer")
        await expect(answer).to_contain_text("1881", timeout=60_000)
        await answer.get_by_text("Ran Python in your browser").click()
        await expect(answer.get_by_text("a package answers\nsum 45\n42")).to_be_visible()
        await expect(answer.get_by_text("Not kept: big.bin")).to_be_visible()
        async with page.expect_download() as kept:
            await answer.get_by_role("link", name="data.bin").click()
        assert (await (await kept.value).path()).read_bytes() == bytes(range(256))
        panel = page.get_by_role("complementary", name="plot.svg")
        await expect(panel.frame_locator("iframe").get_by_text("plot")).to_be_visible()
        await page.keyboard.press("Escape")
        endless = "```python\nwhile True: pass\n```"
        site.site.gateway.script = (START, *text(endless), stop())
        await page.get_by_role("button", name="Answer again", exact=True).click()
        await expect(page.locator(".answer.last")).to_contain_text("while True")
        await page.get_by_role("button", name="Run").click()
        output = page.locator(".code-output")
        await expect(output).to_contain_text("Python is running.", timeout=60_000)
        await page.get_by_role("button", name="Stop", exact=True).click()
        await expect(output).to_contain_text("Stopped.")
        await expect(page.locator("iframe[title='Python']")).to_have_count(0)
        outward = (
            "```python\nimport js\ntry:\n    js.parent.document\nexcept Exception as e:\n"
            "    print('parent barred')\n"
            f"try:\n    await js.fetch('{site.url}/api/session')\nexcept Exception as e:\n"
            "    print('network barred')\n```"
        )
        site.site.gateway.script = (START, *text(outward), stop())
        await page.get_by_role("button", name="Answer again", exact=True).click()
        await expect(page.locator(".answer.last")).to_contain_text("parent barred")
        await page.get_by_role("button", name="Run").click()
        await expect(output).to_contain_text("parent barred\nnetwork barred", timeout=60_000)


async def test_a_server_of_tools_that_cannot_be_used_is_told_on_the_page(
    site: ServedSite, open_page: Any
):
    page = await site.sign_in(await open_page(site.url))
    await page.locator(".model-button").click()
    await page.get_by_role("menuitemradio", name="Capable").click()
    await page.get_by_role("button", name="Tools, 6 on").click()
    await page.get_by_role("menuitem", name="Servers of tools").click()
    dialog = page.get_by_role("dialog", name="Servers of tools")
    await expect(dialog.get_by_text("There are none yet.")).to_be_visible()
    await dialog.get_by_label("Name").fill("notes")
    await dialog.get_by_label("Address").fill("http://127.0.0.1:8080/mcp")
    await shot(page, "servers")
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("not on the public internet")
    await expect(dialog.get_by_label("Address")).to_have_value("http://127.0.0.1:8080/mcp")
