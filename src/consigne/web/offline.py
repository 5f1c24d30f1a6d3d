"""The service worker: with it the page opens where there is no network.

Its script names the files of one release's first load by their addresses, which hold a digest of
them; another release makes another script, and so the browser learns of it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping

WORKER_PATH = "/service-worker.js"


def worker(template: str, page: bytes, release: str, files: Iterable[str]) -> str:
    """Return the worker's script for the page of a release, and the files that it starts with."""
    # The page's own bytes belong to the release: its addresses alone don't tell that it changed.
    version = hashlib.sha256(page).hexdigest()[:12]
    shell = list(dict.fromkeys(["/", *files]))
    told = {"release": release, "version": version, "shell": shell}
    return template.replace('"{release}"', json.dumps(told))


def headers(script: str) -> Mapping[str, str]:
    """Return the script's headers: asked for again each time, and able to reach its origin only."""
    return {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "no-cache",
        "etag": f'"{hashlib.sha256(script.encode()).hexdigest()[:20]}"',
        "content-security-policy": "default-src 'none'; connect-src 'self'",
        "x-content-type-options": "nosniff",
    }
