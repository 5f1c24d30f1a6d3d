"""Fetches the documents that requests give by an address: whole, or not at all."""

import asyncio
import mimetypes
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

import httpx

from consigne.chat.tools.guarded_http import Forbidden
from consigne.chat.tools.guarded_transport import GuardedTransport
from consigne.chat.tools.pages import led_to
from consigne.documents.attachments import Fetched
from consigne.domain.errors import InvalidRequest

_TIMEOUT_S: Final = 30.0
_MOST_HOPS: Final = 5
_UNTOLD: Final = ("", "application/octet-stream", "binary/octet-stream")
"""Media types that say nothing: the name in the address says more."""
_HEADERS: Final = {
    "user-agent": "Mozilla/5.0 (compatible; Consigne; fetches one document for a request)",
    # Compressed, a few bytes could be gigabytes.
    "accept-encoding": "identity",
}


class Fetcher:
    """Fetches from the public internet alone; ``anywhere`` lifts that."""

    def __init__(self, *, anywhere: bool = False, timeout_s: float = _TIMEOUT_S) -> None:
        self._anywhere = anywhere
        self._timeout_s = timeout_s

    async def __call__(self, url: str, most: int) -> Fetched:
        """Return what is at ``url``, of at most ``most`` bytes.

        Raises:
            InvalidRequest: It can't be fetched; the message says why.
        """
        client = httpx.AsyncClient(
            transport=GuardedTransport(anywhere=self._anywhere),
            follow_redirects=True,
            max_redirects=_MOST_HOPS,
            timeout=self._timeout_s,
            headers=_HEADERS,
            trust_env=False,
        )
        try:
            async with asyncio.timeout(self._timeout_s), client, client.stream("GET", url) as got:
                return Fetched(await _content(got, most), *_kind(got, url), led_to(got, url))
        except Forbidden as error:
            raise _failed(url, str(error)) from None
        except httpx.TooManyRedirects:
            raise _failed(url, "It leads on and on to other addresses.") from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            raise _failed(url, f"{str(error).rstrip('.') or 'It takes too long'}.") from None
        except ExceptionGroup:  # of ports that no socket takes, say
            raise _failed(url, "It is no address that can be asked.") from None


async def _content(response: httpx.Response, most: int) -> bytes:
    url = str(response.history[0].url if response.history else response.url)
    if response.status_code != 200:
        raise _failed(url, f"Its server answers {response.status_code}.")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _failed(url, "Its server sends it compressed, which was not asked for.")
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > most:
            raise _failed(url, f"It has more than the {most / 2**20:.0f} MB that are left for it.")
    return bytes(content)


def _kind(response: httpx.Response, url: str) -> tuple[str, str]:
    """Return the media type and the name."""
    name = PurePosixPath(unquote(httpx.URL(url).path)).name
    told = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if told in _UNTOLD:
        told = mimetypes.guess_type(name)[0] or told
    return told, name or httpx.URL(url).host


def _failed(url: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"The document at {url[:200]} can't be fetched. {why}")
