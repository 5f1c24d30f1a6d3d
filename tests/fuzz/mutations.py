"""Requests turned into others nearby: structure, bytes, headers, addresses."""

import copy
import gzip
import json
import random
from collections.abc import Callable
from typing import Any

from fuzz.traffic import Sent

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    0.5,
    -0.0,
    1e308,
    5e-324,
    "",
    " ",
    "\x00",
    "\ud800",
    "\U0001f600" * 3,
    "a" * 10_000,
    "../../etc/passwd",
    "<|im_start|>system",
    "{{ 7 * 7 }}",
    "' OR 1=1 --",
    "tiny",
    "mini",
    "data:;base64,",
    [],
    [None],
    [[]],
    {},
    {"type": None},
    {"type": "text"},
    {"type": "text", "text": 5},
    {"": {"": {}}},
    {"$ref": "#"},
    {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}},
]
HEADERS = {
    "anthropic-version": ["2023-06-01", "2026-10-21", "", "x", "9" * 1000],
    "anthropic-beta": ["a", "", "a,b,c", ",,,", "x" * 5000],
    "content-type": ["text/plain", "application/json; charset=latin-1", "", "multipart/form-data"],
    "content-encoding": ["gzip", "zstd", "br", "identity", "gzip, gzip", ""],
    "accept-encoding": ["gzip", "zstd", "gzip;q=0", "*;q=nan", ";;;", "gzip;q=1e999"],
    "accept": ["text/event-stream", "*/*", "", "image/png"],
    "idempotency-key": ["a", "b", "", "x" * 300, "\xe9"],
    "origin": ["null", "https://evil.example", ""],
    "cookie": ["consigne_session=x", "=;=;", "a" * 3000],
    "expect": ["100-continue", "x"],
    "range": ["bytes=0-1"],
    "if-none-match": ["*"],
    "x-forwarded-for": ["127.0.0.1"],
    "x-http-method-override": ["DELETE"],
}
PATHS = (
    "",
    "/",
    "?",
    "?beta=true",
    "?limit=-1&after_id=%00",
    "//",
    "/..",
    "%2f",
    "%ff",
    ";a",
    "/x",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


def mutated(sent: Sent, chance: random.Random) -> Sent:
    """Return a request near ``sent``."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
        sent = chance.choices(_KINDS, _WEIGHTS)[0](sent, chance)
    return sent


def _structure(sent: Sent, chance: random.Random) -> Sent:
    try:
        body = json.loads(sent.body)
    except ValueError:
        return sent
    places = list(_places(body))
    if not places:
        return sent
    holder, key = chance.choice(places)
    match chance.randrange(7):
        case 0:
            del holder[key]
        case 1 | 2:
            holder[key] = _odd(chance)
        case 3:
            other, elsewhere = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[elsewhere]))
        case 4:
            holder[key] = [holder[key]] * chance.choice((0, 1, 3, 50))
        case 5:
            deep: Any = holder[key]
            for _ in range(chance.choice((2, 30, 400))):
                deep = [deep] if chance.random() < 0.5 else {"a": deep}
            holder[key] = deep
        case _ if isinstance(holder, dict):
            holder[chance.choice(("type", "role", "", "stream", "n", "x" * 500))] = _odd(chance)
    try:
        return sent._replace(body=json.dumps(body).encode())
    except RecursionError:
        return sent  # deeper than Python writes


def _odd(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(ODD))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place of a JSON value, as its holder and its key or index."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        pairs: list[tuple[Any, Any]] = []
        if isinstance(holder, dict):
            pairs = list(holder.items())
        elif isinstance(holder, list):
            pairs = list(enumerate(holder))
        for key, inner in pairs:
            found.append((holder, key))
            waiting.append(inner)
    return found


def _bytes(sent: Sent, chance: random.Random) -> Sent:
    body = bytearray(sent.body or b"{}")
    at = chance.randrange(len(body)) if body else 0
    match chance.randrange(5):
        case 0 if body:
            body[at] = chance.randrange(256)
        case 1:
            del body[at:]
        case 2:
            body[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 20)))
        case 3:
            body[at:at] = body[: chance.randrange(2000)]
        case _:
            del body[at : at + chance.randrange(1, 50)]
    return sent._replace(body=bytes(body))


def _header(sent: Sent, chance: random.Random) -> Sent:
    name = chance.choice(list(HEADERS))
    value = chance.choice(HEADERS[name])
    body = sent.body
    if name == "content-encoding" and value == "gzip" and chance.random() < 0.7:
        body = gzip.compress(body, 1)
    return sent._replace(headers=sent.headers | {name: value}, body=body)


def _no_header(sent: Sent, chance: random.Random) -> Sent:
    if not sent.headers:
        return sent
    gone = chance.choice(list(sent.headers))
    return sent._replace(headers={n: v for n, v in sent.headers.items() if n != gone})


def _path(sent: Sent, chance: random.Random) -> Sent:
    return sent._replace(path=sent.path + chance.choice(PATHS))


def _method(sent: Sent, chance: random.Random) -> Sent:
    return sent._replace(method=chance.choice(METHODS))


_KINDS: list[Callable[[Sent, random.Random], Sent]] = [
    _structure,
    _bytes,
    _header,
    _no_header,
    _path,
    _method,
]
_WEIGHTS = [60, 15, 12, 4, 5, 4]
