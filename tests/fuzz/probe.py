"""Sends requests and says what is wrong with the answers."""

import re
import time
from collections import Counter
from typing import Any

import httpx

from consigne.api.encodings import zstd
from doubles.scripted import KEY
from fuzz.traffic import Sent
from support.contract import Contract

HANG_S = 10.0
_ZSTD = b"\x28\xb5\x2f\xfd"
_LEAKS = ("Traceback", 'File "', "site-packages", " at 0x")
_MODEL_PATH = re.compile(r"^/v1/models/.+")


class Probe:
    """A client that holds every answer to what no request may change."""

    def __init__(
        self, url: str, contract: Contract, *, key: str = KEY, model: str = "tiny"
    ) -> None:
        self.counts: Counter[int] = Counter()
        self.slowest = 0.0
        self.problems: list[str] = []
        self._contract = contract
        self._key = key
        self._model = model
        self._http = httpx.Client(base_url=url, timeout=HANG_S, follow_redirects=False)

    def __enter__(self) -> "Probe":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, sent: Sent) -> None:
        """Send one request and note what is wrong with its answer."""
        headers = {"x-api-key": self._key} | sent.headers
        content = sent.body if sent.method not in ("GET", "HEAD") else None
        started = time.monotonic()
        try:
            raw = {n: v.encode("latin-1", "replace") for n, v in headers.items()}
            packed = self._http.request(sent.method, sent.path, headers=raw, content=content)
            answer = _unpacked(packed)
        except httpx.HTTPError as error:
            self._note(sent, f"no answer: {error!r}")
            return
        except (httpx.InvalidURL, UnicodeError):
            return  # no client could send it
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.counts[answer.status_code] += 1
        if fault := self._fault(sent, answer):
            self._note(sent, f"{answer.status_code} {fault}: {answer.text[:300]}")

    def alive(self) -> bool:
        """Say whether an ordinary request is still answered."""
        body = {
            "model": self._model,
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "Hello"}],
        }
        answer = self._http.post("/v1/messages", json=body, headers={"x-api-key": self._key})
        return answer.status_code == 200 and answer.json()["type"] == "message"

    def _fault(self, sent: Sent, answer: httpx.Response) -> str:
        if answer.status_code >= 500:
            return "a failure"
        if any(leak in answer.text for leak in _LEAKS):
            return "a leak"
        path = answer.request.url.raw_path.decode().partition("?")[0]  # without "/.."
        described = self._described(sent.method, path)
        if sent.method == "HEAD" or answer.status_code == 405 or not described:
            return "" if answer.status_code < 400 or sent.method == "HEAD" else _shape(answer)
        try:
            self._contract.check(sent.method, described, answer)
        except (AssertionError, KeyError, ValueError) as error:
            return f"not as described ({str(error)[:500]})"
        return ""

    def _described(self, method: str, path: str) -> str:
        template = "/v1/models/{model_id}" if _MODEL_PATH.match(path) else path
        item: dict[str, Any] = self._contract.document["paths"].get(template, {})
        return template if method.lower() in item else ""

    def _note(self, sent: Sent, problem: str) -> None:
        self.problems.append(
            f"{sent.method} {sent.path} {sent.headers} {sent.body[:600]!r}\n  {problem}"
        )


def _unpacked(answer: httpx.Response) -> httpx.Response:
    """Return an answer as it reads: the client here knows no zstd, which a request may ask for."""
    if not answer.content.startswith(_ZSTD):
        return answer
    headers = {n: v for n, v in answer.headers.items() if n != "content-encoding"}
    content = zstd().decompress(answer.content)
    return httpx.Response(
        answer.status_code, headers=headers, content=content, request=answer.request
    )


def _shape(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return "an error in no dialect"
    return "" if isinstance(error, dict) and error.get("message") else "an error without message"
