"""The page and its files are small, kept by browsers as long as they may be, and locked down."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import consigne.web
from consigne.domain.zstd import zstd
from consigne.web.bundle import imported
from consigne.web.static import routes

WEB = Path(consigne.web.__file__).parent
FIRST_LOAD_BYTES = {"zstd": 160_000, "gzip": 180_000}
SERVER_HEADERS = 60
"""Bytes of what the server adds to every answer: its name and the date."""


@pytest.fixture
async def client() -> Iterator[httpx.AsyncClient]:
    app = FastAPI()
    app.router.routes.extend(routes())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as made:
        yield made


async def assets(client: httpx.AsyncClient) -> list[str]:
    page = (await client.get("/")).text
    return list(dict.fromkeys(re.findall(r"""(?:src|href)=["'](/static/[^"']+\.\w+)["']""", page)))


def import_map(page: str) -> dict[str, str]:
    found = re.search(r'<script type="importmap">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found.group(1))["imports"]


async def test_the_page_stands_at_each_of_its_addresses(client: httpx.AsyncClient) -> None:
    pages = [(await client.get(path)).text for path in ("/", "/c/conv_1", "/p/proj_1")]
    assert pages[0] == pages[1] == pages[2]
    assert pages[0].startswith("<!doctype html>")


@pytest.mark.parametrize("path", ["/nothing", "/c", "/settings/profile", "/index.php?x=1"])
async def test_an_unknown_address_is_a_page_to_browsers_alone(
    client: httpx.AsyncClient, path: str
) -> None:
    page = await client.get(path, headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "There is nothing at this address" in page.text
    assert "Il n’y a rien à cette adresse" in page.text
    told = await client.get(path, headers={"accept": "*/*"})
    assert (told.status_code, told.headers["content-type"]) == (404, "application/json")
    for api in ("/v1/nothing", "/api/nothing", "/static/0/nothing", "/frames/nothing"):
        kept = await client.get(api, headers={"accept": "text/html"})
        assert "nothing at this address" not in kept.text
    posted = await client.post(path, headers={"accept": "text/html"})
    assert posted.status_code == 404


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
        gzipped = await client.get(path, headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert gzipped.content == plain.content
        async with client.stream("GET", path, headers={"accept-encoding": "gzip, zstd"}) as reply:
            body = b"".join([piece async for piece in reply.aiter_raw()])
        if reply.headers.get("content-encoding") == "zstd":
            body = zstd().decompress(body)
        assert body == plain.content


@pytest.mark.parametrize("coding", FIRST_LOAD_BYTES)
async def test_the_first_load_is_small(client: httpx.AsyncClient, coding: str) -> None:
    loaded = await assets(client)
    words = f"{loaded[0].rsplit('/', 2)[0]}/i18n/fr.js"
    carried = 0
    for path in ["/", *loaded, words]:
        reply = await client.get(path, headers={"accept-encoding": coding})
        headers = sum(len(name) + len(value) + 4 for name, value in reply.headers.raw)
        carried += reply.num_bytes_downloaded + headers + SERVER_HEADERS
    assert carried < FIRST_LOAD_BYTES[coding]
    assert len(loaded) < 16


async def test_styles_are_joined_in_their_order(client: httpx.AsyncClient) -> None:
    (address,) = [path for path in await assets(client) if path.endswith(".css")]
    named = re.findall(r'rel="stylesheet" href="{app}/(.*)"', (WEB / "index.html").read_text())
    assert len(named) > 5
    joined = "\n".join((WEB / name).read_text("utf-8") for name in named)
    assert (await client.get(address)).text == joined


async def test_a_shared_conversations_page_has_a_module_of_its_own() -> None:
    async def leads(token: str) -> bool:
        return token == "known"

    app = FastAPI()
    app.router.routes.extend(routes(leads))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        page = await client.get("/share/known")
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        joined = {to for name, to in import_map(page.text).items() if name[0] == "/"}
        assert len(joined) == 1
        code = (await client.get(joined.pop())).text
    assert "app/share.js" in code
    assert "app/ui/sidebar.js" not in code


async def test_files_stand_at_their_own_addresses_too(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    for address in import_map(page):
        if address.startswith("/static/"):
            reply = await client.get(address)
            assert reply.text == (WEB / address.split("/", 3)[3]).read_text("utf-8")


async def test_what_comes_later_finds_what_it_imports_in_the_joined_module(
    client: httpx.AsyncClient,
) -> None:
    imports = import_map((await client.get("/")).text)
    joined = {name.split("/", 3)[3]: to for name, to in imports.items() if name[0] == "/"}
    given: dict[str, set[str]] = {}
    for address in set(joined.values()):
        code = (await client.get(address)).text
        lines = re.findall(r"^export const \{ (.*) \} = ", code, re.MULTILINE)
        given[address] = {name for line in lines for name in line.split(", ")}
    paths = sorted((WEB / "app").rglob("*.js"))
    sources = {path.relative_to(WEB).as_posix(): path.read_text("utf-8") for path in paths}
    found = 0
    for later in sources.keys() - joined.keys():
        for other, clause in imported(sources, later):
            if other in joined:
                wanted = {one.split(" as ")[0].strip() for one in clause.strip("{} \n").split(",")}
                assert wanted - {""} <= given[joined[other]], f"{later} imports from {other}"
                found += 1
    assert found > 50


async def test_a_source_map_leads_back_to_the_files(client: httpx.AsyncClient) -> None:
    bundle = next(p for p in await assets(client) if p.endswith("/bundles/index.js"))
    lines = (await client.get(bundle)).text.split("\n")
    assert lines[-2] == "//# sourceMappingURL=index.js.map"
    told = (await client.get(f"{bundle}.map")).json()
    for section in told["sections"]:
        first = section["offset"]["line"]
        source = WEB / "bundles" / section["map"]["sources"][0]
        written = source.resolve().read_text("utf-8").rstrip("\n").split("\n")
        assert section["map"]["mappings"].count(";") == len(written) - 1
        for number, line in enumerate(written):
            changed = ("import", "export", "  ", "}", "/**", " *")
            if not line.startswith(changed) and "import(" not in line:
                assert lines[first + number] == line, f"{source.name}:{number + 1}"


def test_every_import_leads_to_a_file() -> None:
    for source in (WEB / "app").rglob("*.js"):
        for target in re.findall(r"""from "(\.[^"]+)";""", source.read_text()):
            assert (source.parent / target).is_file(), f"{source.name} imports {target}"


def test_modules_stay_small() -> None:
    sizes = {p.name: len(p.read_text().splitlines()) for p in (WEB / "app").rglob("*.js")}
    assert {name: size for name, size in sizes.items() if size > 300} == {}
