"""The page on the real API and a real database, with a scripted model behind them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from playwright.async_api import Page

from consigne.business.caller import Caller
from consigne.chat.tools import python_package
from consigne.web import python_frame, static
from support.site import Site, open_site
from support.waiting import until


class ServedSite:
    """A site that a browser can open, and the person who is signed in there."""

    def __init__(self, site: Site, url: str, caller: Caller) -> None:
        self.site = site
        self.db = site.db
        self.url = url
        self.caller = caller

    async def sign_in(self, page: Page) -> Page:
        """Sign in by a new link."""
        token = await self.site.services.identity.create_login_link()
        await page.goto(f"{self.url}/#token={token}")
        await page.locator(".composer").wait_for()
        return page


@asynccontextmanager
async def served_site(folder: Path) -> AsyncIterator[ServedSite]:
    """Serve a new site on loopback, on this event loop."""
    async with open_site(folder) as site:
        site.app.router.routes.extend(static.routes(site.services.shares.leads))
        python = python_package.installed(folder)
        site.app.router.routes.extend(python_frame.routes(python, ""))
        identity = site.services.identity
        signed_in = await identity.sign_in(await identity.create_login_link())
        config = uvicorn.Config(
            site.app,
            host="127.0.0.1",
            port=0,
            log_level="warning",
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield ServedSite(site, f"http://127.0.0.1:{port}", signed_in.caller)
        finally:
            server.should_exit = True  # what is being answered has the database open
            await task
