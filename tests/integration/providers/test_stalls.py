"""A provider that stalls, drips or breaks off, as callers of each dialect learn of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from consigne.providers.providers import Providers
from doubles.upstream import CUT, Part, ScriptedUpstream, body, chunk, frame, stream, streams
from support.dialects import client
from support.providing import Kind, gateway_of, settings_for

ASKED: dict[str, Any] = {"model": "far", "messages": [{"role": "user", "content": "Hello"}]}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/messages": ASKED | {"max_tokens": 9},
    "/v1/chat/completions": ASKED,
    "/v1/responses": {"model": "far", "input": "Hello"},
}
PATHS: Any = pytest.mark.parametrize("path", BODIES)
KINDS: Any = pytest.mark.parametrize("kind", ["openai", "anthropic"])
BROKEN = {"stalls": "did not answer in time", "is cut": "ended before its answer did"}


@asynccontextmanager
async def before(
    kind: Kind, *parts: Part, **fields: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, ScriptedUpstream]]:
    """Give a client of a service that reaches a server which plays these parts."""
    async with ScriptedUpstream(stream(*parts)).serve() as server:
        providers = Providers([settings_for(kind, server.url, **fields)], environ={})
        try:
            async with client(gateway_of(providers)) as http, asyncio.timeout(60):
                yield http, server
        finally:
            await providers.close()


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the data of a stream's events."""
    lines = [line for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def written(path: str, told: list[dict[str, Any]]) -> str:
    """Return the text that a stream told."""
    match path:
        case "/v1/messages":
            return "".join(each.get("delta", {}).get("text", "") for each in told)
        case "/v1/chat/completions":
            choices = [choice for each in told for choice in each.get("choices", ())]
            return "".join(choice["delta"].get("content") or "" for choice in choices)
    deltas = [each for each in told if each["type"] == "response.output_text.delta"]
    return "".join(each["delta"] for each in deltas)


def error_of(path: str, told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the error that ends a stream, in its dialect's own event."""
    last = told[-1]
    match path:
        case "/v1/messages":
            assert last["type"] == "error"
            assert last["request_id"].startswith("req_")
            found: dict[str, Any] = last["error"]
        case "/v1/chat/completions":
            assert last.keys() == {"error"}
            found = last["error"]
        case _:
            assert last["type"] == "response.failed"
            assert last["response"]["status"] == "failed"
            assert last["response"]["output"][0]["status"] == "incomplete"
            found = last["response"]["error"]
    return found


@pytest.mark.parametrize("how", BROKEN)
@PATHS
@KINDS
async def test_what_came_before_a_stall_or_a_cut_is_told_and_then_an_error(
    kind: Kind, path: str, how: str
) -> None:
    last: Part = CUT if how == "is cut" else asyncio.Event()
    begun = streams("Hel", "lo", "never")[kind][: 3 if kind == "openai" else 5]
    async with before(kind, *begun, last, timeout_s=0.3) as (http, _):
        answer = await http.post(path, json=BODIES[path] | {"stream": True})
    told = events(answer)
    assert answer.status_code == 200
    assert written(path, told) == "Hello"
    error = error_of(path, told)
    assert BROKEN[how] in error["message"]
    assert error["type"] in ("api_error", "server_error")
    assert (path == "/v1/responses") == ("[DONE]" in answer.text)


@PATHS
@KINDS
async def test_a_stall_of_a_whole_answer_is_a_timeout_in_the_dialect(kind: Kind, path: str) -> None:
    begun = streams("Hello")[kind][:2]
    async with before(kind, *begun, asyncio.Event(), timeout_s=0.3) as (http, server):
        answer = await http.post(path, json=BODIES[path])
        async with asyncio.timeout(60):
            await server.aborted.wait()
    assert answer.status_code == 504
    assert "did not answer in time" in answer.json()["error"]["message"]


@PATHS
@KINDS
async def test_an_error_within_the_far_stream_keeps_its_kind(kind: Kind, path: str) -> None:
    overloaded = {"type": "overloaded_error", "message": "Overloaded"}
    last = frame("error", error=overloaded)
    if kind == "openai":
        last = chunk(error={"message": "Slow down", "type": "rate_limit_error", "code": 429})
    begun = streams("Hello")[kind][: 2 if kind == "openai" else 4]
    async with before(kind, *begun, last) as (http, _):
        answer = await http.post(path, json=BODIES[path] | {"stream": True})
    told = events(answer)
    assert written(path, told) == "Hello"
    error = error_of(path, told)
    kinds = {
        "/v1/messages": ("overloaded_error", "rate_limit_error"),
        "/v1/chat/completions": ("rate_limit_error", "server_error"),
    }
    if path in kinds:
        assert error["type"] in kinds[path]
    else:
        assert error["code"] == "rate_limit_exceeded"


@PATHS
@KINDS
async def test_a_stream_that_drips_byte_by_byte_is_told_whole(kind: Kind, path: str) -> None:
    parts = b"".join(streams("Hel", "lo \u00e9", "\U0001f600")[kind])
    drops = [parts[i : i + 1] for i in range(len(parts))]
    async with before(kind, *drops, timeout_s=5) as (http, _):
        answer = await http.post(path, json=BODIES[path] | {"stream": True})
    assert written(path, events(answer)) == "Hello \u00e9\U0001f600"


@KINDS
async def test_a_far_answer_in_the_wrong_form_is_the_far_services_fault(kind: Kind) -> None:
    async with ScriptedUpstream(body({"nothing": True})).serve() as server:
        providers = Providers([settings_for(kind, server.url)], environ={})
        async with client(gateway_of(providers)) as http:
            for path, asked in BODIES.items():
                answer = await http.post(path, json=asked)
                assert answer.status_code == 502, answer.text
        await providers.close()
