"""Reads a page of the web: fetched from public addresses alone, and turned into plain markdown.

Runs in a process of its own (``outside``): what it parses was written by anybody.
"""

import asyncio
import re
from html import unescape
from typing import Any

import httpx

from consigne.chat.tools.guarded_http import Forbidden
from consigne.chat.tools.guarded_transport import GuardedTransport
from consigne.chat.tools.outside_jobs import JobFailed

LARGEST_PAGE = 5 * 2**20
MOST_HOPS = 5
_AGENT = "Mozilla/5.0 (compatible; Consigne; reads one page for a person)"
_READ = ("text/html", "application/xhtml+xml", "text/", "application/json", "application/xml")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)


def read_page(body: dict[str, Any]) -> dict[str, str]:
    """Return ``title``, ``url`` (where redirects led) and ``text`` of a page.

    Raises:
        JobFailed: It can't be read; the message says why.
    """
    return asyncio.run(_read(body["url"], anywhere=body["anywhere"], timeout_s=body["timeout_s"]))


async def _read(url: str, *, anywhere: bool, timeout_s: float) -> dict[str, str]:
    client = httpx.AsyncClient(
        transport=GuardedTransport(anywhere=anywhere),
        follow_redirects=True,
        max_redirects=MOST_HOPS,
        timeout=timeout_s,
        headers={"user-agent": _AGENT, "accept": "text/html, text/*;q=0.9, */*;q=0.1"},
        trust_env=False,
    )
    try:
        async with asyncio.timeout(timeout_s), client, client.stream("GET", url) as response:
            kind = response.headers.get("content-type", "text/html").partition(";")[0].strip()
            if response.status_code >= 400:
                busy = "busy" if response.status_code == 429 else ""
                raise JobFailed(f"The server answers {response.status_code} for {url}.", busy)
            if not kind.startswith(_READ):
                which = "pdf" if kind == "application/pdf" else "type"
                raise JobFailed(f"{url} is of type {kind}, which is not read here.", which)
            raw, cut = await _body(response)
            text = raw.decode(response.charset_encoding or "utf-8", "replace")
    except Forbidden as error:
        raise JobFailed(str(error), "forbidden") from None
    except httpx.TooManyRedirects:
        raise JobFailed(f"{url} leads on and on to other addresses.") from None
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, LookupError) as error:
        why = str(error) or "it took too long"
        raise JobFailed(f"{url} can't be read: {why}.") from None
    found = _plain(text) if "html" in kind else {"title": "", "text": text}
    if cut:
        found["text"] += "\n\n(The page is longer; its end was not read.)"
    return {**found, "url": led_to(response, url)}


def led_to(response: httpx.Response, url: str) -> str:
    """Return the address that redirects led to, by its name and not by the address asked."""
    at = httpx.URL(url)
    for hop in response.history:
        at = at.join(hop.headers.get("location", ""))
    return str(at)


async def _body(response: httpx.Response) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes(65536):
        size += len(part)
        if size > LARGEST_PAGE:
            return b"".join(parts), True
        parts.append(part)
    return b"".join(parts), False


def _plain(html: str) -> dict[str, str]:
    import trafilatura

    title = _TITLE.search(html)
    text = trafilatura.extract(
        html, output_format="markdown", include_links=True, include_tables=True, favor_recall=True
    )
    return {
        "title": " ".join(unescape(title.group(1)).split())[:300] if title else "",
        "text": text or "(The page holds no text that could be read.)",
    }
