"""What surrounds every request: keys, ids, limits on bodies, and errors in the caller's dialect."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from consigne.api import text_marks
from consigne.domain.errors import (
    ConsigneError,
    EngineCrashed,
    ModelBroken,
    NotPermitted,
    Overloaded,
    RateLimited,
)
from consigne.settings import ProvenanceSettings
from doubles.scripted import KEY, START, ScriptedGateway, text
from support.dialects import RecordKeeping, client, dialects_app, served

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
CHAT = {key: MESSAGE[key] for key in ("model", "messages")}
ANTHROPIC = {"anthropic-version": "2023-06-01"}


def shape(answer: httpx.Response) -> str:
    """Say in which dialect an error is told."""
    body = answer.json()
    if body.get("type") == "error":
        assert set(body) == {"type", "error", "request_id"}
        assert set(body["error"]) == {"type", "message"}
        assert body["request_id"] == answer.headers["request-id"]
        return "anthropic"
    assert set(body) == {"error"}
    assert answer.headers["x-request-id"].startswith("req_")
    if set(body["error"]) == {"code", "message"}:
        return "app"
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return "openai"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"authorization": "Basic abc", "x-api-key": KEY},
    ],
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/tiny"])
async def test_both_headers_carry_the_key(path: str, headers: dict[str, str]) -> None:
    async with client(ScriptedGateway()) as http:
        http.headers.pop("authorization")
        assert (await http.get(path, headers=headers)).status_code == 200
        assert (await http.get(path, headers=headers | ANTHROPIC)).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer x"}])
@pytest.mark.parametrize(
    ("method", "path", "dialect"),
    [
        ("POST", "/v1/messages", "anthropic"),
        ("POST", "/v1/messages/count_tokens", "anthropic"),
        ("POST", "/v1/chat/completions", "openai"),
        ("POST", "/v1/responses", "openai"),
        ("POST", "/v1/embeddings", "openai"),
        ("GET", "/v1/models", "openai"),
        ("GET", "/v1/models/tiny", "openai"),
    ],
)
async def test_without_a_key_nothing_answers(
    method: str, path: str, dialect: str, headers: dict[str, str]
) -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        http.headers.pop("authorization")
        answer = await http.request(method, path, headers=headers, content=b"not even json")
    assert answer.status_code == 401
    assert shape(answer) == dialect
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "dialect"),
    [
        ("POST", "/v1/messages/nope", {}, 404, "anthropic"),
        ("POST", "/v1/nope", {}, 404, "openai"),
        ("POST", "/v1/nope", ANTHROPIC, 404, "anthropic"),
        ("GET", "/api/nope", {}, 404, "app"),
        ("GET", "/v1/messages", {}, 405, "anthropic"),
        ("PUT", "/v1/chat/completions", {}, 405, "openai"),
        ("DELETE", "/v1/models", ANTHROPIC, 405, "anthropic"),
    ],
)
async def test_unknown_paths_and_methods(
    method: str, path: str, headers: dict[str, str], status: int, dialect: str
) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.request(method, path, headers=headers)
    assert answer.status_code == status
    assert shape(answer) == dialect


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/xml"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-encoding": "br"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"content-type": "application/vnd.api+json"}, 200),
    ],
)
async def test_bodies_are_json(headers: dict[str, str], status: int) -> None:
    async with client(ScriptedGateway()) as http:
        for path, body in (("/v1/messages", MESSAGE), ("/v1/chat/completions", CHAT)):
            sent = httpx.Request("POST", "http://test", json=body).content
            answer = await http.post(path, content=sent, headers=headers)
            assert answer.status_code == status


async def test_a_body_over_the_limit_is_refused_also_in_chunks() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    async with client(ScriptedGateway(), max_body_bytes=1000) as http:
        for path, dialect in (("/v1/messages", "anthropic"), ("/v1/responses", "openai")):
            for content in (b" " * 2000, chunks()):
                answer = await http.post(path, content=content)
                assert answer.status_code == 413
                assert shape(answer) == dialect
                assert "1,000 bytes" in answer.json()["error"]["message"]


async def test_a_body_over_the_limit_is_refused_over_a_real_connection() -> None:
    def chunks() -> AsyncIterator[bytes]:
        async def generate() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b" " * 10_000

        return generate()

    with served(ScriptedGateway(), max_body_bytes=100_000) as url:
        async with httpx.AsyncClient(base_url=url, headers={"x-api-key": KEY}) as http:
            for content in (b" " * 500_000, chunks()):
                answer = await http.post("/v1/messages", content=content)
                assert answer.status_code == 413


@pytest.mark.parametrize(
    ("error", "anthropic", "openai"),
    [
        (NotPermitted("No."), (403, "permission_error"), (403, "invalid_request_error")),
        (RateLimited("Wait."), (429, "rate_limit_error"), (429, "rate_limit_error")),
        (Overloaded("Wait."), (529, "overloaded_error"), (503, "server_error")),
        (EngineCrashed("Died."), (500, "api_error"), (500, "server_error")),
        (ModelBroken("/secret/path is broken"), (500, "api_error"), (500, "server_error")),
        (ConsigneError("Odd."), (500, "api_error"), (500, "server_error")),
        (ZeroDivisionError("secret"), (500, "api_error"), (500, "server_error")),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_each_error_has_the_dialects_status_and_type(
    error: Exception, anthropic: tuple[int, str], openai: tuple[int, str], stream: bool
) -> None:
    async with client(ScriptedGateway(error)) as http:
        told = await http.post("/v1/messages", json=MESSAGE | {"stream": stream})
        assert (told.status_code, told.json()["error"]["type"]) == anthropic
        assert shape(told) == "anthropic"
        for path, body in (
            ("/v1/chat/completions", CHAT),
            ("/v1/responses", {"model": "tiny", "input": "Hello"}),
        ):
            told = await http.post(path, json=body | {"stream": stream})
            assert (told.status_code, told.json()["error"]["type"]) == openai
            assert shape(told) == "openai"
            assert "secret" not in told.text
            assert "Traceback" not in told.text


async def test_an_unexpected_error_is_in_the_log_under_the_requests_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with client(ScriptedGateway(ZeroDivisionError("secret"))) as http:
        answer = await http.post("/v1/messages", json=MESSAGE)
    request_id = answer.headers["request-id"]
    assert request_id in answer.json()["error"]["message"]
    assert request_id in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_an_unexpected_error_within_a_stream_ends_it_in_the_dialect() -> None:
    gateway = ScriptedGateway(START, *text("a")[:2], ZeroDivisionError("secret"))
    async with client(gateway) as http:
        answer = await http.post("/v1/messages", json=MESSAGE | {"stream": True})
    assert answer.text.strip().split("\n\n")[-1].startswith("event: error\n")
    assert "secret" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", MESSAGE),
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT | {"n": 3}),
        ("/v1/responses", {"model": "tiny", "input": "Hello"}),
    ],
)
async def test_a_client_that_hangs_up_stops_its_generation(
    path: str, body: dict[str, Any], stream: bool, started: bool
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()

    class Waiting(asyncio.Event):
        async def wait(self) -> Any:
            begun.set()
            return await never.wait()

    first = (START, *text("a")[:2]) if started else ()
    gateway = ScriptedGateway(*first, Waiting())
    hung_up = asyncio.Event()
    sent: list[dict[str, Any]] = []
    payload = httpx.Request("POST", "http://test", json=body | {"stream": stream}).content
    messages = [{"type": "http.request", "body": payload, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"x-api-key", KEY.encode()), (b"content-type", b"application/json")],
    }
    keeping = RecordKeeping()
    serving = asyncio.ensure_future(dialects_app(gateway, keeping)(scope, receive, send))
    async with asyncio.timeout(60):
        await begun.wait()
        assert gateway.running == body.get("n", 1)
        hung_up.set()
        await serving
    await keeping.close()
    assert gateway.running == 0
    assert bool(sent) == (stream and started)


async def test_pages_of_other_origins_may_call_where_the_operator_says_so() -> None:
    origin = {"origin": "https://app.example"}
    async with client(ScriptedGateway(), cors_origins=("https://app.example",)) as http:
        answer = await http.get("/v1/models", headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        asked = origin | {
            "access-control-request-method": "POST",
            "access-control-request-headers": "x-api-key,anthropic-version",
        }
        preflight = await http.options("/v1/messages", headers=asked)
        assert preflight.status_code == 200
        refused = await http.post("/v1/messages", content=b"{", headers=origin)
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
    async with client(ScriptedGateway()) as http:
        answer = await http.get("/v1/models", headers=origin)
        assert "access-control-allow-origin" not in answer.headers


async def test_what_a_model_wrote_says_so_and_nothing_else_does() -> None:
    mark = 'mode=machine-generated, provider="Consigne"'
    async with client(ScriptedGateway()) as http:
        for path, body in (
            ("/v1/messages", MESSAGE),
            ("/v1/messages", MESSAGE | {"stream": True}),
            ("/v1/chat/completions", CHAT),
            ("/v1/responses", {"model": "tiny", "input": "Hello"}),
            ("/v1/completions", {"model": "tiny", "prompt": "Hello"}),
        ):
            answer = await http.post(path, json=body)
            assert (answer.status_code, answer.headers["ai-disclosure"]) == (200, mark)
        refused = await http.post("/v1/messages", json={})
        listed = await http.get("/v1/models")
        counted = await http.post("/v1/messages/count_tokens", json=CHAT)
    for answer in (refused, listed, counted):
        assert "ai-disclosure" not in answer.headers
    assert text_marks.value_of(ProvenanceSettings(text_marks=())) is None
