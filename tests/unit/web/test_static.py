"""The page and its files are small, kept by browsers as long as they may be, and locked down."""

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import consigne.web
from consigne.web.static import routes

WEB = Path(consigne.web.__file__).parent
FIRST_LOAD_BYTES = 200_000


@pytest.fixture
async def client() -> Iterator[httpx.AsyncClient]:
    app = FastAPI()
    app.router.routes.extend(routes())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as made:
        yield made


async def assets(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/")).text
    return list(dict.fromkeys(re.findall(r"""["'](/static/[^"']+\.\w+)["']""", page)))


async def test_the_page_stands_at_each_of_its_addresses(client: httpx.AsyncClient) -> None:
    pages = [(await client.get(path)).text for path in ("/", "/c/conv_1", "/p/proj_1")]
    assert pages[0] == pages[1] == pages[2]
    assert pages[0].startswith("<!doctype html>")


async def test_a_link_that_leads_nowhere_says_so_and_is_not_kept(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/share/unknown")
    assert page.status_code == 404
    assert "This link leads nowhere" in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_the_policy_allows_our_files_and_the_import_map_alone(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/")
    policy = dict(
        part.strip().split(" ", 1)
        for part in page.headers["content-security-policy"].split(";")
        if " " in part.strip()
    )
    import_map = re.search(r'<script type="importmap">(.*?)</script>', page.text, re.DOTALL)
    assert import_map
    digest = base64.b64encode(hashlib.sha256(import_map.group(1).encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"


async def test_nothing_in_the_page_needs_a_wider_policy(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    scripts = re.findall(r"<script([^>]*)>", page)
    assert [s for s in scripts if "src=" not in s] == [' type="importmap"']
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert not re.search(r'(?:src|href)="(?!/static/)', page)
    for source in (WEB / "app").rglob("*.js"):
        assert not re.search(r"\sstyle=[\"'$]|innerHTML|\beval\(", source.read_text()), source.name


async def test_files_are_kept_for_good_and_the_page_is_asked_for_again(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/")
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for path in await assets(client):
        reply = await client.get(path)
        assert reply.status_code == 200, path
        assert "immutable" in reply.headers["cache-control"], path
        assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_page_from_before_an_update_still_gets_its_files(
    client: httpx.AsyncClient,
) -> None:
    reply = await client.get("/static/000000000000/app/main.js")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["app/none.js", "../static.py", "..%2Fstatic.py", "static.py", "index.html", "app"]
)
async def test_only_the_pages_own_files_are_served(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.get(f"/static/0/{path}", follow_redirects=True)
    assert reply.status_code == 404


async def test_compressed_and_plain_are_the_same(client: httpx.AsyncClient) -> None:
    for path in ["/", *await assets(client)]:
        plain = await client.get(path, headers={"accept-encoding": "identity"})
        compressed = await client.get(path, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert compressed.content == plain.content


async def test_the_first_load_is_small(client: httpx.AsyncClient) -> None:
    loaded = [p for p in await assets(client) if p.endswith((".js", ".css"))]
    lazy = ("/vendor/highlight.js", "/katex/katex.js")
    bodies = [(await client.get(p)).content for p in loaded if not p.endswith(lazy)]
    bodies += [(await client.get("/")).content, (WEB / "i18n" / "fr.js").read_bytes()]
    assert sum(len(gzip.compress(body, 9)) for body in bodies) < FIRST_LOAD_BYTES


def test_every_import_leads_to_a_file() -> None:
    for source in (WEB / "app").rglob("*.js"):
        for target in re.findall(r"""from "(\.[^"]+)";""", source.read_text()):
            assert (source.parent / target).is_file(), f"{source.name} imports {target}"


def test_modules_stay_small() -> None:
    sizes = {p.name: len(p.read_text().splitlines()) for p in (WEB / "app").rglob("*.js")}
    assert {name: size for name, size in sizes.items() if size > 300} == {}
