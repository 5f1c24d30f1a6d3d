"""What is answered past the framework is answered just as through it."""

from itertools import count
from typing import Any

import httpx
import pytest

from consigne.api import direct
from consigne.domain import sources
from doubles.scripted import ScriptedGateway
from support.clock import Clock
from support.dialects import client

CHAT: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/messages", CHAT | {"max_tokens": 9}),
    ("/v1/messages", CHAT | {"max_tokens": 9, "stream": True}),
    ("/v1/messages", CHAT),
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", CHAT | {"stream": True}),
    ("/v1/chat/completions", CHAT | {"model": "none"}),
    ("/v1/chat/completions", CHAT | {"model": "none", "stream": True}),
    ("/v1/completions", {"model": "tiny", "prompt": "Hello", "max_tokens": 3}),
    ("/v1/embeddings", {"model": "tiny", "input": "Hello"}),
    ("/v1/responses", {"model": "tiny", "input": "Hello"}),
    ("/v1/responses", {"model": "tiny", "input": "Hello", "nothing": 1}),
]
HEADERS: list[dict[str, str]] = [
    {},
    {"authorization": "Bearer none"},
    {"content-type": "text/plain"},
    {"idempotency-key": "first"},
]


async def answers(path: str, body: dict[str, Any]) -> list[tuple[int, bytes, dict[str, str]]]:
    """Return what is told with each of the headers, the clock and the dice held still."""
    dice, now = count(1), Clock().now
    still = sources.Sources(clock=lambda: now, entropy=lambda n: next(dice).to_bytes(n, "big"))
    told = []
    with sources.use(still):
        async with client(ScriptedGateway()) as http:
            for headers in HEADERS:
                answer: httpx.Response = await http.post(path, json=body, headers=headers)
                told.append((answer.status_code, answer.content, dict(answer.headers)))
    return told


@pytest.mark.parametrize(("path", "body"), ASKED)
async def test_the_answer_is_the_framework_s(
    path: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert path in direct.ENDPOINTS
    found = await answers(path, body)
    assert [status for status, *_ in found][1:3] == [401, 415]
    monkeypatch.setattr(direct, "ENDPOINTS", {})
    assert await answers(path, body) == found
