"""A Hugging Face hub on loopback that serves given files, with the faults a test asks for."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 10_000
"""Files of at least this size carry a SHA-256, as on the real hub."""


class FakeHub(ThreadingHTTPServer):
    """Serves one repository; its attributes are the faults."""

    daemon_threads = True

    def __init__(self, repo: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo = repo
        self.files = files
        self.commit = COMMIT
        self.gated = False
        self.stall_after: int | None = None
        """Large files stop coming after so many bytes, and the connection stays open."""
        self.stalled = threading.Event()
        self.released = threading.Event()
        self.corrupt: set[str] = set()
        """Files that come with their first byte changed."""
        self.ranges: list[tuple[str, int]] = []
        """From which byte each download of a file began."""

    @property
    def url(self) -> str:
        """The address to give as HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def fake_hub(repo: str, files: dict[str, bytes]) -> Iterator[FakeHub]:
    """Run a fake hub for the duration of a ``with`` block."""
    hub = FakeHub(repo, files)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        hub.shutdown()
        thread.join()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.server.gated and "/resolve/" not in path:
            self._refuse(403, "GatedRepo")
        elif re.fullmatch(rf"/api/models/{self.server.repo}(/revision/(main|{COMMIT}))?", path):
            self._send(200, json.dumps(self._info()).encode(), body=body)
        elif re.fullmatch(rf"/api/models/{self.server.repo}/revision/.*", path):
            self._refuse(404, "RevisionNotFound")
        elif match := re.fullmatch(rf"/{self.server.repo}/resolve/[^/]+/(.+)", path):
            self._file(match[1], body=body)
        else:
            self._refuse(401 if path.startswith("/api/models/") else 404, "RepoNotFound")

    def _info(self) -> dict[str, object]:
        return {
            "id": self.server.repo,
            "sha": self.server.commit,
            "siblings": [_sibling(name, data) for name, data in self.server.files.items()],
        }

    def _file(self, name: str, *, body: bool) -> None:
        data = self.server.files[name]
        etag = _sha256(data) if len(data) >= LARGE else _blob(data)
        begin = 0
        if found := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            begin = int(found[1])
        if body:
            self.server.ranges.append((name, begin))
        if name in self.server.corrupt:
            data = bytes([data[0] ^ 1]) + data[1:]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.server.commit}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        limit = self.server.stall_after if len(data) >= LARGE else None
        self._send(206 if begin else 200, data[begin:], body=body, headers=headers, limit=limit)

    def _send(
        self,
        status: int,
        data: bytes,
        *,
        body: bool,
        headers: dict[str, str] | None = None,
        limit: int | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        try:
            self.wfile.write(data if limit is None else data[:limit])
            self.wfile.flush()
            if limit is not None:
                self.server.stalled.set()
                self.server.released.wait()
                self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        message = json.dumps({"error": code}).encode()
        self._send(status, message, body=True, headers={"X-Error-Code": code})


def _sibling(name: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": _blob(data)}
    if len(data) >= LARGE:
        entry["lfs"] = {"size": len(data), "sha256": _sha256(data), "pointerSize": 134}
    return entry


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _blob(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
