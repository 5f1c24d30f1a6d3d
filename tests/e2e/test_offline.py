"""The page opens without a network, keeps nothing of anybody's, and learns of a new version."""

import re
import shutil
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from consigne.web import static
from doubles.web_server import TOKEN, WebServer, serve
from e2e.test_accessibility import axe, faults  # noqa: F401 - a fixture
from support.waiting import lasting_port

pytestmark = pytest.mark.slow

CONTROLLED = """async () => {
  const workers = navigator.serviceWorker;
  await workers.ready;
  if (!workers.controller) {
    await new Promise((done) => workers.addEventListener('controllerchange', done));
  }
}"""
MATHS_IS_KEPT = """async () => {
  const used = performance.getEntriesByType('resource').map(({ name }) => name);
  const address = used.find((name) => name.endsWith('katex.js'));
  while (!(await caches.match(address))) await new Promise(requestAnimationFrame);
}"""
KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const { url } of await cache.keys()) found.push([name, new URL(url).pathname]);
  }
  return found;
}"""


async def test_the_shell_opens_offline_and_a_new_version_is_announced(
    web: WebServer,
    open_page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    axe: str,  # noqa: F811
) -> None:
    release = tmp_path / "web"
    shutil.copytree(static._ROOT, release, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(static, "_ROOT", release)
    kept = web.exchange("Ticket", "Where is it?", "In the box: $x^2$")
    server = ExitStack()
    port = lasting_port()
    url = server.enter_context(serve(web, port))
    page: Page = await open_page(url, service_workers="allow", reduced_motion="reduce")
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    await page.goto(f"/#token={TOKEN}")
    await page.get_by_role("textbox", name="Your instruction").wait_for()
    await page.evaluate(CONTROLLED)
    await page.goto(f"/c/{kept['id']}")
    await page.locator(".katex").first.wait_for()  # a lazy part, kept as it is used
    await page.evaluate(MATHS_IS_KEPT)
    found = await page.evaluate(KEPT)
    assert len({name for name, _ in found}) == 1
    assert all(path == "/" or path.startswith("/static/") for _, path in found)
    assert {urlsplit(one).netloc for one in asked} == {urlsplit(url).netloc}

    # With no network in the browser, then with a service that is gone.
    await page.context.set_offline(True)
    await expect(page.get_by_text("No network.")).to_be_visible()
    server.close()
    await page.reload()
    await expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    assert await faults(page, axe) == []
    for path in ("/", "/p/proj_1", f"/c/{kept['id']}"):
        await page.goto(path)
        await expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    await page.context.set_offline(False)
    await expect(page.get_by_role("heading", name="The service can’t be reached")).to_be_visible()

    # The service comes back, as it is after an upgrade.
    changed = release / "app" / "text.js"
    changed.write_text(changed.read_text() + "\n// newer\n")
    server.enter_context(serve(web, port))
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("In the box")).to_be_visible()
    await page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    await expect(page.get_by_text("A new version is ready.")).to_be_visible()
    assert await faults(page, axe) == []
    await page.get_by_role("button", name="Reload").click()
    await expect(page.get_by_text("In the box")).to_be_visible()
    await expect(page.get_by_text("A new version is ready.")).to_have_count(0)
    after = await page.evaluate(KEPT)
    assert len({name for name, _ in after}) == 1
    assert {name for name, _ in after}.isdisjoint({name for name, _ in found})
    assert any(re.search(r"/vendor/katex/katex\.js$", path) for _, path in after)
    server.close()
