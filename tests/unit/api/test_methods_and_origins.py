"""Other methods, other paths, other origins: each answered in its caller's dialect."""

from typing import Any

import httpx
import pytest

from consigne.api.app import create_app
from consigne.api.direct import ENDPOINTS
from consigne.business.grants import Grant, RateLimits
from doubles.scripted import KEY, ScriptedGateway, scripted_services
from support.dialects import client

ANTHROPIC = {"anthropic-version": "2023-06-01"}
MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
BROWSER_HEADERS = (
    "anthropic-beta,anthropic-dangerous-direct-browser-access,anthropic-version,authorization,"
    "content-type,idempotency-key,openai-organization,openai-project,x-api-key,x-stainless-arch,"
    "x-stainless-helper-method,x-stainless-lang,x-stainless-retry-count,x-stainless-timeout"
)


def dialect(answer: httpx.Response) -> str:
    body = answer.json()
    if body.get("type") == "error":
        return "anthropic"
    return "openai" if "param" in body["error"] else "app"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/v1", {}, "openai"),
        ("/v1/", {}, "openai"),
        ("/v1/v1/messages", ANTHROPIC, "anthropic"),
        ("/v1/messages/", {}, "anthropic"),
        ("/v1/chat/completions/", {}, "openai"),
        ("/v1/chat", {}, "openai"),
        ("/v1/engines/x/completions", {}, "openai"),
        ("/v1/%2e%2e/etc/passwd", {}, "openai"),
        ("/v2/messages", {}, "app"),
        ("/chat/completions", {}, "app"),
    ],
)
async def test_unknown_paths(method: str, path: str, headers: dict[str, str], said: str) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.request(method, path, headers=headers)
    assert answer.status_code == 404
    assert dialect(answer) == said


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1//messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v2/messages", None),
    ],
)
async def test_a_base_url_that_is_nearly_right_is_told(path: str, meant: str | None) -> None:
    async with client(ScriptedGateway()) as http:
        said = (await http.post(path)).json()["error"]["message"]
    assert (f"Did you mean {meant}?" in said) if meant else ("Did you mean" not in said)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize(
    ("path", "headers", "said", "allowed"),
    [
        ("/v1/messages", {}, "anthropic", "POST"),
        ("/v1/chat/completions", {}, "openai", "HEAD, GET, POST"),
        ("/v1/responses", {}, "openai", "POST"),
        ("/v1/completions", {}, "openai", "POST"),
        ("/v1/embeddings", {}, "openai", "POST"),
        ("/v1/models", {}, "openai", "HEAD, GET"),
        ("/v1/models/tiny", ANTHROPIC, "anthropic", "HEAD, GET"),
    ],
)
async def test_other_methods_are_told_which_there_are(
    method: str, path: str, headers: dict[str, str], said: str, allowed: str
) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.request(method, path, headers=headers)
    assert answer.status_code == 405
    assert dialect(answer) == said
    assert answer.headers["allow"] == allowed


async def test_head_of_what_only_takes_posts_is_refused() -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.head("/v1/messages")
    assert (answer.status_code, answer.content) == (405, b"")
    assert answer.headers["request-id"].startswith("req_")


async def test_the_page_and_the_health_checks_answer_to_head() -> None:
    app = create_app(scripted_services(ScriptedGateway()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        for path in ("/", "/healthz", "/readyz"):
            answer = await http.head(path)
            assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", [*ENDPOINTS, "/v1/models"])
async def test_a_browser_may_ask_with_both_vendors_headers(path: str) -> None:
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": BROWSER_HEADERS,
    }
    async with client(ScriptedGateway(), cors_origins=("https://app.example",)) as http:
        allowed = await http.options(path, headers=asked)
        refused = await http.options(path, headers=asked | {"origin": "https://evil.example"})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    told = allowed.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert set(BROWSER_HEADERS.split(",")) <= set(told)
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("body", "status"), [(MESSAGE, 200), (MESSAGE | {"stream": True}, 200), ({}, 400)]
)
async def test_a_browser_may_read_what_the_headers_say(body: dict[str, Any], status: int) -> None:
    grant = Grant(limits=RateLimits(requests=9, tokens=9000))
    async with client(ScriptedGateway(), cors_origins=("*",), grant=grant) as http:
        answer = await http.post(
            "/v1/messages", json=body, headers={"origin": "https://any.example"}
        )
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    for name in answer.headers:
        if name.startswith(("anthropic-", "request-id", "x-")) and "content" not in name:
            assert name in exposed or name == "x-accel-buffering"


async def test_a_key_never_comes_from_a_cookie() -> None:
    async with client(ScriptedGateway()) as http:
        http.headers.pop("authorization")
        answer = await http.get("/v1/models", headers={"cookie": f"consigne_session={KEY}"})
    assert answer.status_code == 401
