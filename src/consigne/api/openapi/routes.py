"""``/api/openapi.json`` and ``/api/docs``: made when first asked for, beside the event loop."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response


def install(app: FastAPI) -> None:
    """Serve the application's description."""
    made = _Made(app)

    @app.get("/api/openapi.json", include_in_schema=False)
    async def openapi_document(request: Request) -> Response:
        return _answer(request, await made.get("document"), "application/json", "")

    @app.get("/api/docs", include_in_schema=False)
    async def openapi_page(request: Request) -> Response:
        from consigne.api.openapi.page import STYLE

        digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
        return _answer(request, await made.get("page"), "text/html; charset=utf-8", policy)


class _Made:
    """What was made once."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._bodies: dict[str, bytes] = {}
        self._turn = asyncio.Lock()

    async def get(self, name: str) -> bytes:
        async with self._turn:
            if not self._bodies:
                self._bodies = await asyncio.to_thread(_make, self._app)
        return self._bodies[name]


def _make(app: FastAPI) -> dict[str, bytes]:
    import msgspec

    from consigne.api.openapi.document import build
    from consigne.api.openapi.page import render

    document: dict[str, Any] = build(app)
    page: Callable[[dict[str, Any]], str] = render
    return {"document": msgspec.json.encode(document), "page": page(document).encode()}


def _answer(request: Request, body: bytes, media_type: str, policy: str) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"etag": etag, "cache-control": "no-cache", "x-content-type-options": "nosniff"}
    if policy:
        headers["content-security-policy"] = policy
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
