"""Contents of files as responses, in pieces, whole or a range of bytes (RFC 9110, section 14)."""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from consigne.business.files import File
from consigne.store.objects import Content

_RANGE = re.compile(r"^bytes=(\d{0,19})-(\d{0,19})$")

Opener = Callable[[tuple[int, int] | None], Awaitable[Content]]


class Download(Response):
    """Sends an object's content; the browser saves it and never shows it."""

    def __init__(
        self, content: Content, media_type: str, filename: str, *, partial: bool = False
    ) -> None:
        self.background = None
        self.status_code = 206 if partial else 200
        self._chunks = content.chunks
        self._sent = _headers(content, media_type, filename, partial=partial)

    def also(self, headers: dict[str, str]) -> None:
        """Send these headers too."""
        self._sent += [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it all."""
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self._sent,
            }
        )
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def of_file(file: File, headers: Headers, open_part: Opener) -> Response:
    """Return a file's content, or the part of it that the headers ask for.

    Args:
        file: What is sent.
        headers: The request's.
        open_part: Opens the content: all, or from one byte to another, exclusive.
    """
    wanted = wanted_range(headers.get("range", ""), file.size)
    if wanted is None:
        return Download(await open_part(None), file.media_type, file.filename)
    start, end = wanted
    if start >= end:
        return Response(status_code=416, headers={"content-range": f"bytes */{file.size}"})
    part = await open_part(wanted)
    return Download(part, file.media_type, file.filename, partial=True)


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte wanted and the one after the last; ``None`` for all of it.

    A header that is not one plain range is passed over, as the RFC allows; a range beyond the end
    is empty.
    """
    found = _RANGE.match(header.strip())
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    end = min(int(last) + 1, size) if last else size
    if last and int(last) < int(first):
        return None
    return int(first), end


def _headers(content: Content, media_type: str, filename: str, *, partial: bool) -> list[Any]:
    kind = media_type + "; charset=utf-8" if media_type.startswith("text/") else media_type
    headers = {
        "content-type": kind,
        "content-length": str(content.end - content.start),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(filename, safe='')}",
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
    }
    if partial:
        headers["content-range"] = f"bytes {content.start}-{content.end - 1}/{content.size}"
    return [(name.encode(), value.encode()) for name, value in headers.items()]
