"""A bounded key: what it may not do is refused in its dialect, what it has left is told."""

import asyncio
from typing import Any

import httpx
import pytest

from consigne.business.caller import Caller
from consigne.business.grants import Grant, RateLimits
from consigne.domain.errors import NotAuthenticated
from doubles.scripted import START, ScriptedGateway, ScriptedKeys, text
from support.clock import held_clock
from support.dialects import client, dialects_app

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
CHAT = {key: MESSAGE[key] for key in ("model", "messages")}
CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("/v1/messages", MESSAGE, "generate"),
    ("/v1/messages/count_tokens", CHAT, "generate"),
    ("/v1/chat/completions", CHAT, "generate"),
    ("/v1/responses", {"model": "tiny", "input": "Hello"}, "generate"),
    ("/v1/embeddings", {"model": "mini", "input": "Hello"}, "embed"),
]
ANTHROPIC = {"anthropic-version": "2023-06-01"}
GRANT = Grant(models=frozenset({"plain"}), limits=RateLimits(requests=1))


def limit_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if "ratelimit" in name}


@pytest.mark.parametrize(("path", "body", "scope"), CALLS)
async def test_a_scope_opens_its_paths_and_no_others(
    path: str, body: dict[str, Any], scope: str
) -> None:
    async with client(ScriptedGateway(), grant=Grant(scopes=frozenset({scope}))) as http:
        assert (await http.post(path, json=body)).status_code == 200
    gateway = ScriptedGateway()
    others = frozenset({"generate", "embed", "models", "files", "batches"} - {scope})
    async with client(gateway, grant=Grant(scopes=others)) as http:
        answer = await http.post(path, json=body)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert f"lacks the scope '{scope}'" in error["message"]
    if path.startswith("/v1/messages"):
        assert error["type"] == "permission_error"
    else:
        assert error["type"] == "invalid_request_error"
        assert error["code"] == "insufficient_permissions"
    assert gateway.requests == []


@pytest.mark.parametrize(("path", "body", "scope"), CALLS)
async def test_another_model_is_refused_whatever_the_path(
    path: str, body: dict[str, Any], scope: str
) -> None:
    gateway = ScriptedGateway()
    async with client(gateway, grant=Grant(models=frozenset({"plain"}))) as http:
        answer = await http.post(path, json=body)
        assert answer.status_code == 403
        assert f"may not use the model '{body['model']}'" in answer.json()["error"]["message"]
        unknown = await http.post(path, json=body | {"model": "nope"})
        assert unknown.status_code == 404
    assert gateway.requests == []
    async with client(gateway, grant=Grant(models=frozenset({"tiny", "mini"}))) as http:
        assert (await http.post(path, json=body)).status_code == 200


@pytest.mark.parametrize("headers", [{}, ANTHROPIC])
async def test_a_key_is_shown_its_own_models(headers: dict[str, str]) -> None:
    async with client(ScriptedGateway(), grant=Grant(models=frozenset({"plain"}))) as http:
        listed = (await http.get("/v1/models", headers=headers)).json()["data"]
        assert [model["id"] for model in listed] == ["plain"]
        assert (await http.get("/v1/models/plain", headers=headers)).status_code == 200
        assert (await http.get("/v1/models/tiny", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/messages", "authentication_error"), ("/v1/responses", "invalid_request_error")],
)
async def test_a_key_whose_time_is_over_is_told_so(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def expired(self: ScriptedKeys, secret: str) -> None:
        raise NotAuthenticated("This API key expired.")

    monkeypatch.setattr(ScriptedKeys, "authenticate", expired)
    async with client(ScriptedGateway()) as http:
        answer = await http.post(path, json=MESSAGE)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == kind
    assert "expired" in answer.json()["error"]["message"]


async def test_no_header_claims_a_limit_that_does_not_exist() -> None:
    async with client(ScriptedGateway()) as http:
        for path, body, _ in CALLS:
            assert limit_headers(await http.post(path, json=body)) == {}
    async with client(ScriptedGateway(), grant=Grant(limits=RateLimits(requests=5))) as http:
        told = limit_headers(await http.post("/v1/messages", json=MESSAGE))
    assert set(told) == {
        f"anthropic-ratelimit-requests-{p}" for p in ("limit", "remaining", "reset")
    }


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_left_is_told_in_each_dialect(stream: bool) -> None:
    limits = RateLimits(requests=10, tokens=10_000, input_tokens=5000, output_tokens=4000)
    with held_clock():
        async with client(ScriptedGateway(), grant=Grant(limits=limits)) as http:
            first = await http.post("/v1/messages", json=MESSAGE | {"stream": stream})
            second = await http.post("/v1/chat/completions", json=CHAT | {"stream": stream})
            third = await http.post("/v1/messages", content=b"{")
            fourth = await http.get("/v1/models", headers=ANTHROPIC)
    told = limit_headers(first)
    assert told["anthropic-ratelimit-requests-limit"] == "10"
    assert told["anthropic-ratelimit-requests-remaining"] == "9"
    assert told["anthropic-ratelimit-requests-reset"] == "2026-11-23T09:30:06Z"
    if not stream:  # at the start of a stream the estimate counts
        assert told["anthropic-ratelimit-tokens-remaining"] == str(10_000 - 17)
        assert told["anthropic-ratelimit-input-tokens-remaining"] == str(5000 - 12)
        assert told["anthropic-ratelimit-output-tokens-remaining"] == str(4000 - 5)
    told = limit_headers(second)
    assert told["x-ratelimit-limit-requests"] == "10"
    assert told["x-ratelimit-remaining-requests"] == "8"
    assert told["x-ratelimit-reset-requests"] == "12s"
    assert int(told["x-ratelimit-remaining-tokens"]) < 10_000
    assert len(told) == 6
    assert third.status_code == 400
    assert third.headers["anthropic-ratelimit-requests-remaining"] == "7"
    assert fourth.headers["anthropic-ratelimit-tokens-remaining"] == str(10_000 - 34)


@pytest.mark.parametrize("stream", [False, True])
async def test_too_many_requests_are_told_when_to_come_back(stream: bool) -> None:
    gateway = ScriptedGateway()
    with held_clock() as clock:
        async with client(gateway, grant=Grant(limits=RateLimits(requests=1))) as http:
            for path, body, kind in (
                ("/v1/messages", MESSAGE, "rate_limit_error"),
                ("/v1/chat/completions", CHAT, "rate_limit_error"),
            ):
                clock.move(minutes=1)
                assert (await http.post(path, json=body)).status_code == 200
                clock.move(seconds=59.5)
                refused = await http.post(path, json=body | {"stream": stream})
                assert refused.status_code == 429
                assert refused.json()["error"]["type"] == kind
                assert refused.headers["retry-after"] == "1"
                assert refused.headers["retry-after-ms"] == "500"
                assert refused.headers["x-should-retry"] == "true"
                assert any("remaining" in name for name in limit_headers(refused))
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body", "scope"), CALLS)
async def test_tokens_are_counted_on_every_path(
    path: str, body: dict[str, Any], scope: str, stream: bool
) -> None:
    if path.endswith("count_tokens") or (scope == "embed" and stream):
        return
    asked = body | ({"stream": True} if stream else {})
    with held_clock():
        grant = Grant(limits=RateLimits(tokens=1100))
        async with client(ScriptedGateway(), grant=grant) as http:
            answers = [await http.post(path, json=asked) for _ in range(3)]
            after = await http.get("/v1/models")
    assert {answer.status_code for answer in answers} == {200}
    used = 3 * (5 if scope == "embed" else 17)
    assert after.headers["x-ratelimit-remaining-tokens"] == str(1100 - used)


async def test_a_generation_that_fails_or_is_cut_counts_as_far_as_it_came() -> None:
    cut = ScriptedGateway(START, *text("a", "b", "c"), ZeroDivisionError())
    with held_clock():
        async with client(cut, grant=Grant(limits=RateLimits(tokens=5000))) as http:
            await http.post("/v1/messages", json=MESSAGE)
            after = await http.get("/v1/models")
            assert after.headers["x-ratelimit-remaining-tokens"] == str(5000 - 12 - 3)
    refused = ScriptedGateway(ZeroDivisionError())
    with held_clock():
        async with client(refused, grant=Grant(limits=RateLimits(tokens=5000))) as http:
            await http.post("/v1/messages", json=MESSAGE)
            after = await http.get("/v1/models")
            assert after.headers["x-ratelimit-remaining-tokens"] == "5000"


async def test_several_answers_at_once_are_all_within_the_limit_or_none_goes_on() -> None:
    gateway = ScriptedGateway(START, asyncio.Event())
    with held_clock():
        async with client(gateway, grant=Grant(limits=RateLimits(tokens=2100))) as http:
            answer = await http.post("/v1/chat/completions", json=CHAT | {"n": 3})
            assert answer.status_code == 429
            after = await http.get("/v1/models")
    assert gateway.running == 0
    assert after.headers["x-ratelimit-remaining-tokens"] == str(2100 - 2 * 12)


async def test_a_scope_goes_by_the_path_whatever_the_host_header_says() -> None:
    async with client(ScriptedGateway(), grant=Grant(scopes=frozenset({"embed"}))) as http:
        answer = await http.post("/v1/messages", json=MESSAGE, headers={"host": "x/v1/embeddings?"})
    assert answer.status_code == 403


async def test_the_services_own_calls_are_held_to_the_models_of_whom_they_are_for() -> None:
    bounded = Caller("org_1", "wrk_1", None, "key_1", "member", "app", GRANT)
    app = dialects_app(ScriptedGateway())

    async def on_behalf(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"state": {"caller": bounded}}, receive, send)

    transport = httpx.ASGITransport(on_behalf)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert (await http.post("/v1/messages", json=MESSAGE)).status_code == 403
        allowed = await http.post("/v1/messages", json=MESSAGE | {"model": "plain"})
    assert allowed.status_code == 200
    assert limit_headers(allowed) == {}
