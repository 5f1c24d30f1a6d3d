"""The pages: their files' addresses filled in, their modules and styles joined, their policy."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from consigne.web.bundle import Bundle, bundle
from consigne.web.packing import Packed

FOLDER = "bundles"
_MODULES = re.compile(r'<script type="module" src="\{app\}/([^"]+)">')
_STYLES = re.compile(r'(?:^ *<link rel="stylesheet" href="\{app\}/[^"]+">\n)+', re.MULTILINE)
_STYLE = re.compile(r'href="\{app\}/([^"]+)"')
_IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
_ADDRESS = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_PERMISSIONS = "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"


class Draft(NamedTuple):
    """A page whose files have no addresses yet."""

    html: str
    addresses: Mapping[str, str]
    """Of each module that was joined for it: the file that gives its exports."""
    files: Mapping[str, bytes]
    """The files that were joined for it, by their paths."""


class Page(NamedTuple):
    """A page as it is sent."""

    packed: Packed
    headers: Mapping[str, str]
    assets: tuple[str, ...]
    """The addresses of what it loads first."""


def draft(name: str, html: str, sources: Mapping[str, str]) -> Draft:
    """Join what the page of this name loads; ``sources`` are all files it may ask for."""
    files: dict[str, bytes] = {}

    def styles(found: re.Match[str]) -> str:
        joined = "\n".join(sources[one] for one in _STYLE.findall(found[0]))
        files[f"{FOLDER}/{name}.css"] = joined.encode()
        return f'    <link rel="stylesheet" href="{{app}}/{FOLDER}/{name}.css">\n'

    html = _STYLES.sub(styles, html)
    entry = _MODULES.search(html)
    # Without an import map nothing could lead later modules to the joined one.
    if not entry or not _IMPORT_MAP.search(html):
        return Draft(html, {}, files)
    path = f"{FOLDER}/{name}.js"
    made: Bundle = bundle(sources, entry[1], path)
    texts = {path: made.code, f"{path}.map": made.source_map, **made.doors}
    files |= {name: text.encode() for name, text in texts.items()}
    return Draft(html.replace(f"{{app}}/{entry[1]}", f"{{app}}/{path}"), made.addresses, files)


def page(drafted: Draft, app: str, vendor: str, more: Mapping[str, str]) -> Page:
    """Return the page with its files at the addresses ``app`` and ``vendor``, and its headers."""

    def mapped(found: re.Match[str]) -> str:
        given = json.loads(found[1])
        given["imports"] |= {
            f"{app}/{name}": f"{app}/{to}" for name, to in drafted.addresses.items()
        }
        return f'<script type="importmap">{json.dumps(given, separators=(",", ":"))}</script>'

    html = drafted.html.replace("{app}", app).replace("{vendor}", vendor)
    html = _IMPORT_MAP.sub(mapped, html)
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
    return Page(Packed(body), headers, tuple(dict.fromkeys(_ADDRESS.findall(html))))


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
