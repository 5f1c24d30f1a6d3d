"""A little web on loopback: pages, and search services of each kind that find them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

PAGE = """<html><head><title>Ar-Men &amp; its keepers</title></head><body><nav>Home About</nav>
<article><h1>Ar-Men</h1><p>The lighthouse of Ar-Men was first lit on 31 August 1881, after
fourteen years of work on a rock that the sea leaves for a few hours a year.</p>
<p>Its keepers called it the hell of hells.</p></article><script>alert(1)</script></body></html>"""


class WebWorld:
    """What is on this web, and what was asked of it."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Any = None
        """What searches answer instead of the usual."""
        self.files: dict[str, tuple[bytes, str]] = {}
        """Contents and media types of ``/files/NAME``."""

    def results(self, words: str) -> list[dict[str, str]]:
        """Return what is found, the passage under the service's own word."""
        return [{"title": "Ar-Men", "url": f"{self.url}/ar-men", words: "A lighthouse."}]

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["WebWorld"]:
        """Serve on a free port of this machine."""
        app = web.Application()
        app.router.add_get("/search", self._searxng)
        app.router.add_get("/brave", self._brave)
        app.router.add_post("/own", self._own)
        app.router.add_get("/ar-men", self._page)
        app.router.add_get("/moved", self._moved)
        app.router.add_get("/around", self._around)
        app.router.add_get("/picture", self._picture)
        app.router.add_get("/endless", self._endless)
        app.router.add_get("/files/{name}", self._file)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _say(self, request: web.Request, body: Any) -> web.Response:
        self.asked.append((str(request.query.get("q")), dict(request.headers)))
        text = self.answer if isinstance(self.answer, str) else json.dumps(self.answer or body)
        return web.Response(text=text, content_type="application/json")

    async def _searxng(self, request: web.Request) -> web.Response:
        assert request.query["format"] == "json"
        return self._say(request, {"results": self.results("content")})

    async def _brave(self, request: web.Request) -> web.Response:
        return self._say(request, {"web": {"results": self.results("description")}})

    async def _own(self, request: web.Request) -> web.Response:
        assert (await request.json())["query"]
        return self._say(request, {"results": self.results("snippet")})

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def _moved(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/ar-men")

    async def _around(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/around")

    async def _picture(self, request: web.Request) -> web.Response:
        return web.Response(body=b"\x89PNG", content_type="image/png")

    async def _file(self, request: web.Request) -> web.Response:
        content, kind = self.files[request.match_info["name"]]
        return web.Response(body=content, content_type=kind)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/plain"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 2**20)
        return response
