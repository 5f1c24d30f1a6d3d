"""The web is searched and read, and never leads into the operator's own network."""

import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consigne.chat.tools.base import ToolFailed
from consigne.chat.tools.guarded_http import Forbidden, is_public
from consigne.chat.tools.guarded_transport import GuardedTransport
from consigne.chat.tools.outside import outside
from consigne.chat.tools.web import search
from consigne.domain.errors import OperatorError
from consigne.settings import SearchSettings, load_settings
from doubles.web_world import WebWorld

INWARD = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::", "not an address", ""),
]


@pytest.mark.parametrize("address", INWARD)
def test_what_is_not_on_the_public_internet_is_known(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_what_is_public_is_known(address: str):
    assert is_public(address)


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_an_address_in_another_s_clothes_is_the_same(address: ipaddress.IPv4Address):
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert is_public(str(mapped)) == is_public(str(address))


def guarded(names: dict[str, list[str]], handler: Any) -> httpx.AsyncClient:
    async def resolve(host: str, port: int) -> list[str]:
        return names.get(host) or [host]

    transport = GuardedTransport(httpx.MockTransport(handler), resolver=resolve)
    return httpx.AsyncClient(transport=transport, follow_redirects=True)


async def test_the_connection_goes_to_the_address_that_was_checked():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["host"], request.extensions))
        return httpx.Response(200)

    async with guarded({"a.example": ["93.184.215.14"]}, handler) as client:
        await client.get("https://a.example/x")
    [(address, host, extensions)] = seen
    assert (address, host) == ("93.184.215.14", "a.example")
    assert extensions["sni_hostname"] == "a.example"


@pytest.mark.parametrize(
    "url",
    [
        *("http://inner.example/", "http://mixed.example/", "http://127.0.0.1/", "http://[::1]/"),
        *("http://2130706433/", "http://0x7f000001/", "ftp://a.example/", "http://a.example:22/"),
        *("http://169.254.169.254/latest/meta-data/", "http://localhost/"),
    ],
)
async def test_inward_addresses_are_refused(url: str):
    names = {
        "inner.example": ["10.0.0.1"],
        "mixed.example": ["93.184.215.14", "10.0.0.1"],
        "localhost": ["127.0.0.1"],
        "a.example": ["93.184.215.14"],
    }
    async with guarded(names, lambda _: pytest.fail("it was asked")) as client:
        with pytest.raises(Forbidden):
            await client.get(url)


async def test_a_redirect_inward_is_refused():
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "http://inner.example/"})

    names = {"a.example": ["93.184.215.14"], "inner.example": ["10.0.0.1"]}
    async with guarded(names, handler) as client:
        with pytest.raises(Forbidden):
            await client.get("http://a.example/")


@pytest.fixture
async def world() -> AsyncIterator[WebWorld]:
    async with WebWorld().serve() as served:
        yield served


async def read(url: str, *, anywhere: bool = True) -> dict[str, str]:
    body = {"url": url, "anywhere": anywhere, "timeout_s": 15}
    page: dict[str, str] = await outside("read_page", body)
    return page


@pytest.mark.slow
async def test_a_page_is_read_as_its_text(world: WebWorld):
    page = await read(f"{world.url}/moved")
    assert page["title"] == "Ar-Men & its keepers"
    assert page["url"] == f"{world.url}/ar-men"
    assert "first lit on 31 August 1881" in page["text"]
    assert "alert" not in page["text"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "why"),
    [("/none", "404"), ("/around", "on and on"), ("/picture", "image/png")],
)
async def test_what_cannot_be_read_is_said(world: WebWorld, path: str, why: str):
    with pytest.raises(ToolFailed, match=why):
        await read(world.url + path)


@pytest.mark.slow
async def test_a_page_without_end_is_cut_and_loopback_is_refused(world: WebWorld):
    assert "its end was not read" in (await read(f"{world.url}/endless"))["text"]
    with pytest.raises(ToolFailed, match=r"Port|public"):
        await read(f"{world.url}/ar-men", anywhere=False)


def settings(world: WebWorld, kind: Any) -> SearchSettings:
    path = {"searxng": "", "brave": "/brave", "http": "/own"}[kind]
    return SearchSettings(kind=kind, url=world.url + path, api_key="k-1")


@pytest.mark.parametrize("kind", ["searxng", "brave", "http"])
async def test_each_kind_of_search_service_is_understood(world: WebWorld, kind: str):
    [found] = await search(settings(world, kind), "lighthouse")
    assert (found.title, found.url, found.snippet) == (
        "Ar-Men",
        f"{world.url}/ar-men",
        "A lighthouse.",
    )
    [(_, headers)] = world.asked
    assert "k-1" in headers.get("Authorization", headers.get("x-subscription-token", ""))


@pytest.mark.parametrize(
    "answer", ["<html>", "[]", '{"results": 3}', '{"results": [{"url": "javascript:x"}]}']
)
async def test_what_a_search_service_says_wrong_is_told(world: WebWorld, answer: str):
    world.answer = answer
    with pytest.raises(ToolFailed, match="search service"):
        await search(settings(world, "searxng"), "lighthouse")


@pytest.mark.parametrize(
    ("tools", "word"),
    [
        ({"search": {"kind": "searxng"}}, "search.url"),
        ({"search": {"kind": "brave"}}, "api_key"),
        ({"search": {"kind": "bing"}}, "kind"),
        ({"search": {"kind": "http", "url": "http://a.example", "results": 50}}, "results"),
        ({"servers": [{"name": "a b", "command": "x"}]}, "name"),
        ({"servers": [{"name": "a"}]}, "command"),
    ],
)
def test_wrong_settings_are_told(tools: dict[str, Any], word: str):
    with pytest.raises(OperatorError, match=word):
        load_settings({"tools": tools}, environ={})
