"""Bodies that are sent again and again, compressed once."""

import functools
import gzip
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from consigne.domain.zstd import zstd

_ZSTD_LEVEL = 17
"""Within 1 % of the smallest, in half its time: 0.08 s for all of the page's own modules."""


class Packed:
    """A body and its compressed forms, each made when first asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    @functools.cached_property
    def zstd(self) -> bytes:
        """The body in zstd."""
        return bytes(zstd().compress(self.body, _ZSTD_LEVEL))

    @functools.cached_property
    def gzip(self) -> bytes:
        """The body in gzip."""
        return gzip.compress(self.body, 9, mtime=0)

    def answer(self, request: Request, headers: Mapping[str, str], status: int = 200) -> Response:
        """Return the answer in the best form that the request accepts."""
        headers = {**headers, "vary": "accept-encoding"}
        accepted = request.headers.get("accept-encoding", "")
        if "zstd" in accepted:
            return Response(self.zstd, status, {**headers, "content-encoding": "zstd"})
        if "gzip" in accepted:
            return Response(self.gzip, status, {**headers, "content-encoding": "gzip"})
        return Response(self.body, status, headers)
