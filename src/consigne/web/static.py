"""Serve the web app: one page and its static files, compressed, cacheable, under a strict policy.

Every static address holds a digest of what it serves (``/static/<digest>/app/main.js``), so a
browser keeps files for good and a new release is seen at once; only the page itself is asked for
again. Vendored files have a digest of their own and survive a release of the app.
"""

import base64
import functools
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from consigne.web import offline

_ROOT = Path(__file__).parent
_SERVED = ("app", "frames", "i18n", "icons", "styles", "vendor", "manifest.webmanifest")
_COMPRESSED = {".js", ".css", ".svg", ".webmanifest", ".html"}
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_FRAMED = {"vendor/mermaid.js", "frames/diagram.js"}
_FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; "
    "style-src 'unsafe-inline'; frame-ancestors 'self'"
)
_PERMISSIONS = "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"
_FOR_GOOD = "public, max-age=31536000, immutable"
_FRAME = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "content-security-policy": "; ".join(
        [
            "sandbox allow-scripts",
            "default-src 'none'",
            "script-src 'unsafe-inline' 'unsafe-eval' blob: data:",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "font-src data:",
            "media-src data: blob:",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "webrtc 'block'",
        ]
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
}
_HIDDEN = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}
"""A link is read by whoever has it: no search engine, no other site, no kept copy."""
_STATIC_IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.[^"']+)["'];?$""", re.MULTILINE)
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)


Leads = Callable[[str], Awaitable[bool]]
"""Says whether the token of a link to a conversation leads somewhere."""


async def _nowhere(token: str) -> bool:
    return False


def routes(leads: Leads = _nowhere) -> list[Route]:
    """Return the routes of ``/``, ``/c/…``, ``/p/…``, ``/share/…``, ``/verify`` and ``/static/…``.

    ``leads`` knows which links to conversations there are; without it there are none.
    """
    site = _Site(_ROOT, leads)
    return [
        Route("/", site.page, methods=["GET"], include_in_schema=False),
        Route("/c/{conversation}", site.page, methods=["GET"], include_in_schema=False),
        Route("/p/{project}", site.page, methods=["GET"], include_in_schema=False),
        Route("/share/{token}", site.shared, methods=["GET"], include_in_schema=False),
        Route("/frame/artifact", site.frame, methods=["GET"], include_in_schema=False),
        Route("/frames/diagram", site.diagram_frame, methods=["GET"], include_in_schema=False),
        Route("/verify", site.verify, methods=["GET"], include_in_schema=False),
        Route(offline.WORKER_PATH, site.worker, methods=["GET"], include_in_schema=False),
        Route("/static/{digest}/{path:path}", site.file, methods=["GET"], include_in_schema=False),
    ]


class _Site:
    """The files of one release, read and compressed when first asked for."""

    def __init__(self, root: Path, leads: Leads) -> None:
        self._root = root
        self._leads = leads

    @functools.cached_property
    def _files(self) -> dict[str, bytes]:
        tops = (self._root / name for name in _SERVED)
        paths = (path for top in tops for path in ([top] if top.is_file() else top.rglob("*.*")))
        return {p.relative_to(self._root).as_posix(): p.read_bytes() for p in sorted(paths)}

    @functools.cached_property
    def _digests(self) -> tuple[str, str]:
        """Digests of the app's own files and of the vendored ones."""
        own, vendored = hashlib.sha256(), hashlib.sha256()
        for name, body in self._files.items():
            into = vendored if name.startswith("vendor/") else own
            into.update(f"{name}\0{len(body)}\0".encode() + body)
        return own.hexdigest()[:12], vendored.hexdigest()[:12]

    @functools.cached_property
    def _page(self) -> tuple[bytes, bytes, dict[str, str]]:
        """The app's page, its compressed form and its headers."""
        return self._made("index.html")

    @functools.cached_property
    def _verify(self) -> tuple[bytes, bytes, dict[str, str]]:
        """The page that says where a picture is from."""
        return self._made("verify.html")

    @functools.cached_property
    def _shared(self) -> tuple[bytes, bytes, dict[str, str]]:
        """The page that shows a conversation to whoever has the link."""
        return self._made("share.html", "app/share.js", _HIDDEN)

    @functools.cached_property
    def _led_nowhere(self) -> tuple[bytes, bytes, dict[str, str]]:
        """The page in its place where there is no such link (any more)."""
        return self._made("nowhere.html", "app/share.js", _HIDDEN)

    def _made(
        self, name: str, entry: str = "app/main.js", more: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[bytes, bytes, dict[str, str]]:
        own, vendored = self._digests
        html = (self._root / name).read_text("utf-8")
        html = html.replace("{app}", f"/static/{own}").replace("{vendor}", f"/static/{vendored}")
        preloads = (
            f'    <link rel="modulepreload" href="/static/{own}/{name}">'
            for name in self._first_modules(entry)
        )
        html = html.replace("    <!-- preloads -->", "\n".join(preloads))
        body = html.encode()
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "etag": f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            "content-security-policy": content_security_policy(html),
            "cross-origin-opener-policy": "same-origin",
            "permissions-policy": _PERMISSIONS,
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            **more,
        }
        return body, gzip.compress(body, 9, mtime=0), headers

    def _first_modules(self, entry: str) -> Iterator[str]:
        """Yield the modules that ``entry`` imports statically, so that none waits for another."""
        seen, waiting = {entry}, [entry]
        while waiting:
            name = waiting.pop()
            yield name
            for found in _STATIC_IMPORT.findall(self._files[name].decode()):
                path = (self._root / name).parent / found
                target = path.resolve().relative_to(self._root.resolve()).as_posix()
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)

    @functools.lru_cache(maxsize=512)  # noqa: B019 - one site per process
    def _compressed(self, name: str) -> bytes:
        return gzip.compress(self._files[name], 9, mtime=0)

    async def page(self, request: Request) -> Response:
        return self._sent(request, self._page)

    async def verify(self, request: Request) -> Response:
        return self._sent(request, self._verify)

    async def shared(self, request: Request) -> Response:
        if await self._leads(request.path_params["token"]):
            return self._sent(request, self._shared)
        body, compressed, headers = self._led_nowhere
        response = _encoded(request, body, compressed, headers)
        response.status_code = 404
        return response

    def _sent(self, request: Request, page: tuple[bytes, bytes, dict[str, str]]) -> Response:
        body, compressed, headers = page
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return _encoded(request, body, compressed, headers)

    @functools.cached_property
    def _worker(self) -> tuple[bytes, bytes, dict[str, str]]:
        """The service worker's script, its compressed form and its headers."""
        own, _ = self._digests
        words = [f"/static/{own}/i18n/{language}.js" for language in ("en", "fr")]
        template = (self._root / "worker.js").read_text("utf-8")
        script = offline.worker(template, self._page[0].decode(), own, words)
        body = script.encode()
        return body, gzip.compress(body, 9, mtime=0), dict(offline.headers(script))

    async def worker(self, request: Request) -> Response:
        return self._sent(request, self._worker)

    async def frame(self, request: Request) -> Response:
        """The empty page in which artifacts run: of an origin of its own, without any network."""
        return Response((self._root / "frames" / "artifact.html").read_bytes(), headers=_FRAME)

    async def diagram_frame(self, request: Request) -> Response:
        own, vendored = self._digests
        html = (self._root / "frames" / "diagram.html").read_text("utf-8")
        html = html.replace("{app}", f"/static/{own}").replace("{vendor}", f"/static/{vendored}")
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "content-security-policy": _FRAME_POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        return Response(html.encode(), headers=headers)

    async def file(self, request: Request) -> Response:
        name = request.path_params["path"]
        body = self._files.get(name)
        if body is None:
            return PlainTextResponse("There is no such file.", 404)
        # A page from before an update may still ask by its own digest: answer, but do not keep.
        current = request.path_params["digest"] == self._digests[name.startswith("vendor/")]
        suffix = Path(name).suffix
        headers = {
            "content-type": _TYPES.get(suffix) or mimetypes.types_map.get(suffix, "text/plain"),
            "cache-control": _FOR_GOOD if current else "no-store",
            # A sandboxed frame is of another origin than its own files.
            "cross-origin-resource-policy": "cross-origin" if name in _FRAMED else "same-origin",
            "x-content-type-options": "nosniff",
        }
        compressed = self._compressed(name) if suffix in _COMPRESSED else None
        return _encoded(request, body, compressed, headers)


def _encoded(
    request: Request, body: bytes, compressed: bytes | None, headers: dict[str, str]
) -> Response:
    if compressed is None:
        return Response(body, headers=headers)
    headers = {**headers, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(compressed, headers={**headers, "content-encoding": "gzip"})
    return Response(body, headers=headers)


def content_security_policy(html: str) -> str:
    """Return the policy of a page: its own files and nothing else, scripts by hash or from here."""
    found = _IMPORT_MAP.search(html)
    digest = hashlib.sha256((found.group(1) if found else "").encode()).digest()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'sha256-{base64.b64encode(digest).decode()}'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "font-src 'self'",
            "frame-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types dompurify consigne-worker",
        ]
    )
