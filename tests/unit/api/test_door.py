"""The page answers before the rest is open; what needs the rest waits, and is then served."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from consigne.api.door import Door


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"opened: {scope['path']}")(scope, receive, send)


class Readers:
    """Remembers that it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


def client(door: Door) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://door")


async def test_the_page_answers_while_the_rest_is_opening() -> None:
    async with client(Door()) as browser:
        for path in ("/", "/c/conv_1", "/p/proj_1"):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "<!doctype html>" in page.text


async def test_a_call_waits_until_the_service_is_open() -> None:
    door = Door()
    async with client(door) as browser:
        call = asyncio.create_task(browser.get("/api/session"))
        await browser.get("/")
        assert not call.done()
        door.open(application)
        assert (await call).text == "opened: /api/session"


async def test_closing_ends_what_has_readers() -> None:
    door, readers = Door(), Readers()
    await door.close()
    door.open(application, readers)
    await door.close()
    assert readers.closed
