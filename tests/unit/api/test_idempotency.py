"""A repeated request gets the first answer, whole, also while it is being written."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from consigne.domain.errors import EngineCrashed, Overloaded
from doubles.scripted import KEY, START, ScriptedAnswers, ScriptedGateway, stop, text
from support.dialects import client, dialects_app

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
CHAT = {key: MESSAGE[key] for key in ("model", "messages")}
NAMED = {"idempotency-key": "order 7"}


async def settled() -> None:
    """Let everything that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def running(gateway: ScriptedGateway) -> None:
    """Wait until the gateway writes an answer."""
    for _ in range(1000):
        await asyncio.sleep(0)
        if gateway.running:
            return
    raise TimeoutError("nothing is being written")


CALLS = [
    ("/v1/messages", MESSAGE),
    ("/v1/chat/completions", CHAT),
    ("/v1/responses", {"model": "tiny", "input": "Hello"}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "body"), CALLS)
async def test_a_repeated_request_gets_the_first_answer(
    path: str, body: dict[str, Any], stream: bool
) -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        first = await http.post(path, json=body | {"stream": stream}, headers=NAMED)
        again = await http.post(path, json=body | {"stream": stream}, headers=NAMED)
        other = await http.post(
            path, json=body | {"stream": stream}, headers={"idempotency-key": "order 8"}
        )
    assert len(gateway.requests) == 2
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert "idempotent-replayed" not in other.headers
    ids = [
        next(r.headers[n] for n in r.headers if n.endswith("request-id")) for r in (first, again)
    ]
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1/messages", None), ("/v1/chat/completions", "idempotency_mismatch")]
)
async def test_the_same_key_for_another_request_is_refused(path: str, kind: str | None) -> None:
    body = MESSAGE if path == "/v1/messages" else CHAT
    changed = body | {"temperature": 0.5}
    async with client(ScriptedGateway()) as http:
        await http.post(path, json=body, headers=NAMED)
        refused = await http.post(path, json=changed, headers=NAMED)
        elsewhere = await http.post("/v1/responses", json=body, headers=NAMED)
    assert refused.status_code == elsewhere.status_code == 422
    assert refused.json()["error"]["type"] == "invalid_request_error"
    assert refused.json()["error"].get("code") == kind
    assert refused.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body"), [*CALLS, ("/v1/completions", {"model": "tiny", "prompt": "Hello"})]
)
async def test_a_repetition_joins_an_answer_that_is_being_written(
    path: str, body: dict[str, Any], stream: bool
) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    class Pause(asyncio.Event):
        async def wait(self) -> Any:
            begun.set()
            return await go_on.wait()

    gateway = ScriptedGateway(START, *text("Hello")[:2], Pause(), *text(" world")[1:], stop())
    asked = body | {"stream": stream}
    async with client(gateway) as http, asyncio.timeout(60):
        calls = [asyncio.create_task(http.post(path, json=asked, headers=NAMED))]
        await begun.wait()
        calls += [asyncio.create_task(http.post(path, json=asked, headers=NAMED)) for _ in range(3)]
        await settled()
        go_on.set()
        answers = await asyncio.gather(*calls)
    assert len(gateway.requests) == 1
    assert len({answer.content for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [
        None,
        "true",
        "true",
        "true",
    ]


async def test_what_is_made_is_made_once() -> None:
    async with client(ScriptedGateway()) as http:
        for path, body in (
            ("/v1/conversations", {"metadata": {"a": "b"}}),
            ("/v1/responses", {"model": "tiny", "input": "Hello", "background": True}),
        ):
            named = {"idempotency-key": path}
            first, again = [await http.post(path, json=body, headers=named) for _ in range(2)]
            assert first.json()["id"] == again.json()["id"]
            assert again.headers["idempotent-replayed"] == "true"


async def test_another_body_is_refused_while_the_first_is_being_written() -> None:
    gateway = ScriptedGateway(START, asyncio.Event())
    async with client(gateway) as http, asyncio.timeout(60):
        first = asyncio.create_task(http.post("/v1/messages", json=MESSAGE, headers=NAMED))
        await running(gateway)
        refused = await http.post("/v1/messages", json=CHAT | {"max_tokens": 8}, headers=NAMED)
        assert refused.status_code == 422
        first.cancel()


@pytest.mark.parametrize(
    "error", [EngineCrashed("Died."), Overloaded("Wait."), ZeroDivisionError()]
)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("begun", [False, True])
async def test_an_answer_that_failed_is_not_kept(
    error: Exception, stream: bool, begun: bool
) -> None:
    gateway = ScriptedGateway()
    gateway.scripts = [[*((START, *text("a")[:2]) if begun else ()), error]]
    body = MESSAGE | {"stream": stream}
    async with client(gateway) as http:
        failed = await http.post("/v1/messages", json=body, headers=NAMED)
        assert "error" in failed.text
        again = await http.post("/v1/messages", json=body, headers=NAMED)
    assert again.status_code == 200
    assert "error" not in again.text
    assert len(gateway.requests) == 2


async def test_a_refused_request_may_be_mended_under_the_same_key() -> None:
    async with client(ScriptedGateway()) as http:
        wrong = await http.post("/v1/messages", json=MESSAGE | {"max_tokens": -1}, headers=NAMED)
        assert wrong.status_code == 400
        mended = await http.post("/v1/messages", json=MESSAGE, headers=NAMED)
        assert mended.status_code == 200


@pytest.mark.parametrize("name", [b"", b" ", b"x" * 256, b"\xff", b"a\tb"])
async def test_what_can_be_no_key_is_refused(name: bytes) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.post("/v1/messages", json=MESSAGE, headers={b"idempotency-key": name})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["message"]


async def test_without_an_api_key_nothing_is_replayed() -> None:
    async with client(ScriptedGateway()) as http:
        await http.post("/v1/messages", json=MESSAGE, headers=NAMED)
        http.headers["authorization"] = "Bearer sk-csn-wrong"
        answer = await http.post("/v1/messages", json=MESSAGE, headers=NAMED)
        assert answer.status_code == 401


class Connection:
    """One ASGI request whose client can hang up."""

    def __init__(self, app: Any, body: dict[str, Any]) -> None:
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self.payload = [json.dumps(body).encode()]
        headers = [(b"x-api-key", KEY.encode()), (b"idempotency-key", b"order 7")]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/messages",
            "raw_path": b"/v1/messages",
            "query_string": b"",
            "headers": headers,
        }
        self.task = asyncio.ensure_future(app(scope, self.receive, self.send))

    async def receive(self) -> dict[str, Any]:
        if self.payload:
            return {"type": "http.request", "body": self.payload.pop(), "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_goes_on_while_anyone_waits_for_it_and_no_longer(stream: bool) -> None:
    go_on = asyncio.Event()
    gateway = ScriptedGateway(START, *text("Hello")[:2], go_on, *text("!")[1:], stop())
    app, body = dialects_app(gateway), MESSAGE | {"stream": stream}
    async with asyncio.timeout(60):
        first = Connection(app, body)
        await running(gateway)
        second = Connection(app, body)
        await settled()
        first.gone.set()
        await settled()
        assert gateway.running == 1, "the second still waits"
        go_on.set()
        await second.task
        await first.task
        assert b"Hello" in second.body
        assert second.sent[-1].get("more_body", False) is False
        assert len(gateway.requests) == 1

        go_on.clear()
        body = body | {"max_tokens": 8}
        app = dialects_app(gateway)
        both = [Connection(app, body)]
        await running(gateway)
        both.append(Connection(app, body))
        await settled()
        for connection in both:
            connection.gone.set()
        await asyncio.gather(*(connection.task for connection in both))
        assert gateway.running == 0, "nobody waits: its slot is free"
        assert app.state.services.answers.kept == {}


async def test_an_answer_too_large_to_keep_is_sent_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ScriptedAnswers, "max_bytes", 100)
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        for stream in (False, True):
            for _ in range(2):
                answer = await http.post(
                    "/v1/messages", json=MESSAGE | {"stream": stream}, headers=NAMED
                )
                assert answer.status_code == 200
                assert "Hello" in answer.text
    assert len(gateway.requests) == 4


async def test_only_posts_are_repeatable() -> None:
    async with client(ScriptedGateway()) as http:
        answer: httpx.Response = await http.get("/v1/models", headers=NAMED)
        again = await http.get("/v1/models/tiny", headers=NAMED)
    assert (answer.status_code, again.status_code) == (200, 200)
