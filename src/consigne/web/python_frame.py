"""Python for the reader's browser: its files, and the frame of no origin that runs it."""

import json
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from consigne.chat.tools.python_wheels import LOCK, lock_of_present

_FRAMES = Path(__file__).parent / "frames"
_PAGE = _FRAMES / "python.html"
_FIGURES = _FRAMES / "figures.py"
_PACKAGES = "packages.json"
"""Pyodide's list, with those packages alone that are here."""
_TYPES = {
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
    ".json": "application/json",
    ".whl": "application/octet-stream",
}


def routes(folder: Path | None, public_url: str) -> list[Route]:
    """Return the routes of the frame and of the files in the folder, where Python is installed."""
    if folder is None:
        return []
    site = _Python(folder, public_url)
    return [
        Route("/frame/python", site.frame, methods=["GET"], include_in_schema=False),
        Route("/python/{version}/{name}", site.file, methods=["GET"], include_in_schema=False),
    ]


class _Python:
    def __init__(self, folder: Path, public_url: str) -> None:
        self._folder = folder
        self._public_url = public_url
        self._files = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}

    async def frame(self, request: Request) -> Response:
        origin = (self._public_url or str(request.base_url)).rstrip("/")
        files = f"{origin}/python/"
        policy = [
            "sandbox allow-scripts",
            "default-src 'none'",
            f"script-src 'unsafe-inline' 'wasm-unsafe-eval' {files}",
            f"connect-src {files}",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "webrtc 'block'",
        ]
        page = _PAGE.read_text("utf-8").replace("{python}", f"/python/{self._folder.name}/")
        page = page.replace('"{figures}"', json.dumps(_FIGURES.read_text("utf-8")))
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": "; ".join(policy),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-dns-prefetch-control": "off",
        }
        return Response(page, headers=headers, media_type="text/html")

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = self._files.get(LOCK if name == _PACKAGES else name)
        if path is None or request.path_params["version"] != self._folder.name:
            return PlainTextResponse("There is no such file.", 404)
        # The frame's origin is none, so the files are open to all; they are published anyway.
        headers = {
            "access-control-allow-origin": "*",
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
        }
        media_type = _TYPES[path.suffix]
        if name == _PACKAGES:  # what is not here is not asked for; it may be here tomorrow
            headers["cache-control"] = "no-cache"
            return Response(lock_of_present(self._folder), headers=headers, media_type=media_type)
        return FileResponse(path, media_type=media_type, headers=headers)
