"""Serve the web app: one page and its static files, compressed, cacheable, under a strict policy.

Every static address holds a digest of what it serves (``/static/<digest>/app/main.js``), so a
browser keeps files for good and a new release is seen at once; only the page itself is asked for
again. Vendored files have a digest of their own and survive a release of the app. What a page
loads first comes joined (``bundles/``); every file stands at its own address too.
"""

import functools
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from consigne.web import offline, pages
from consigne.web.packing import Packed

_ROOT = Path(__file__).parent
_SERVED = ("app", "frames", "i18n", "icons", "styles", "vendor", "manifest.webmanifest")
_PAGES = ("index", "share", "nowhere", "unknown", "verify")
_COMPRESSED = {".js", ".css", ".svg", ".webmanifest", ".html", ".map"}
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_FRAMED = {"vendor/mermaid.js", "frames/diagram.js"}
_FRAME_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; "
    "style-src 'unsafe-inline'; frame-ancestors 'self'"
)
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
_NO_PAGES = {"api", "frame", "frames", "python", "static", "v1"}
"""Where addresses are not for people, by how they begin."""
_HIDDEN = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
}
"""A link is read by whoever has it: no search engine, no other site, no kept copy."""


Leads = Callable[[str], Awaitable[bool]]
"""Says whether the token of a link to a conversation leads somewhere."""


async def _nowhere(token: str) -> bool:
    return False


def routes(leads: Leads = _nowhere) -> list[Route]:
    """Return the routes of ``/``, ``/c/…``, ``/p/…``, ``/share/…``, ``/verify`` and ``/static/…``.

    The last answers browsers that ask for what there is not.

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
        _Unknown("/{path:path}", site.unknown, methods=["GET"], include_in_schema=False),
    ]


class _Unknown(Route):
    """Whatever else a browser is to show to somebody; programs are told by what stands around."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match what asks for a page."""
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        asks = scope.get("method") in ("GET", "HEAD") and b"text/html" in accepted
        if not asks or scope["path"].split("/")[1] in _NO_PAGES:
            return Match.NONE, {}
        return super().matches(scope)


class _Site:
    """The files of one release, read and joined when first asked for."""

    def __init__(self, root: Path, leads: Leads) -> None:
        self._root = root
        self._leads = leads

    @functools.cached_property
    def _sources(self) -> dict[str, bytes]:
        tops = (self._root / name for name in _SERVED)
        paths = (path for top in tops for path in ([top] if top.is_file() else top.rglob("*.*")))
        return {p.relative_to(self._root).as_posix(): p.read_bytes() for p in sorted(paths)}

    @functools.cached_property
    def _drafts(self) -> dict[str, pages.Draft]:
        texts = {
            name: body.decode()
            for name, body in self._sources.items()
            if name.startswith(("app/", "styles/"))
        }
        html = {name: (self._root / f"{name}.html").read_text("utf-8") for name in _PAGES}
        return {name: pages.draft(name, html[name], texts) for name in _PAGES}

    @functools.cached_property
    def _files(self) -> dict[str, Packed]:
        joined = {name: body for each in self._drafts.values() for name, body in each.files.items()}
        return {name: Packed(body) for name, body in (self._sources | joined).items()}

    @functools.cached_property
    def _digests(self) -> tuple[str, str]:
        """Digests of the app's own files and of the vendored ones."""
        own, vendored = hashlib.sha256(), hashlib.sha256()
        for name, packed in self._files.items():
            into = vendored if name.startswith("vendor/") else own
            into.update(f"{name}\0{len(packed.body)}\0".encode() + packed.body)
        return own.hexdigest()[:12], vendored.hexdigest()[:12]

    @functools.cached_property
    def _page(self) -> pages.Page:
        """The app's page."""
        return self._made("index")

    @functools.cached_property
    def _verify(self) -> pages.Page:
        """The page that says where a picture is from."""
        return self._made("verify")

    @functools.cached_property
    def _shared(self) -> pages.Page:
        """The page that shows a conversation to whoever has the link."""
        return self._made("share", _HIDDEN)

    @functools.cached_property
    def _led_nowhere(self) -> pages.Page:
        """The page in its place where there is no such link (any more)."""
        return self._made("nowhere", _HIDDEN)

    @functools.cached_property
    def _unknown(self) -> pages.Page:
        """The page that stands where there is none."""
        return self._made("unknown", {"cache-control": "no-store"})

    def _made(self, name: str, more: Mapping[str, str] = MappingProxyType({})) -> pages.Page:
        own, vendored = self._digests
        return pages.page(self._drafts[name], f"/static/{own}", f"/static/{vendored}", more)

    async def page(self, request: Request) -> Response:
        return await self._sent(request, self._page)

    async def verify(self, request: Request) -> Response:
        return await self._sent(request, self._verify)

    async def shared(self, request: Request) -> Response:
        if await self._leads(request.path_params["token"]):
            return await self._sent(request, self._shared)
        page = self._led_nowhere
        return await page.packed.answer(request, page.headers, 404)

    async def unknown(self, request: Request) -> Response:
        page = self._unknown
        return await page.packed.answer(request, page.headers, 404)

    async def _sent(self, request: Request, page: pages.Page) -> Response:
        if request.headers.get("if-none-match") == page.headers["etag"]:
            return Response(status_code=304, headers=dict(page.headers))
        return await page.packed.answer(request, page.headers)

    @functools.cached_property
    def _worker(self) -> pages.Page:
        """The service worker's script."""
        own, _ = self._digests
        words = [f"/static/{own}/i18n/{language}.js" for language in ("en", "fr")]
        template = (self._root / "worker.js").read_text("utf-8")
        page = self._page
        script = offline.worker(template, page.packed.body, own, [*page.assets, *words])
        return pages.Page(Packed(script.encode()), offline.headers(script), ())

    async def worker(self, request: Request) -> Response:
        return await self._sent(request, self._worker)

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
        packed = self._files.get(name)
        if packed is None:
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
        if suffix not in _COMPRESSED:
            return Response(packed.body, headers=headers)
        return await packed.answer(request, headers)
