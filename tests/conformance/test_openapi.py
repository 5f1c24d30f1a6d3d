"""The OpenAPI document is true: what the server takes and answers is what it says."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from consigne.api.app import create_app
from consigne.api.openapi.operations import OPERATIONS
from consigne.business.grants import Grant, RateLimits
from consigne.domain.errors import EngineCrashed, Overloaded
from consigne.gateway.judging import CATEGORIES
from doubles.scripted import (
    START,
    ScriptedGateway,
    Step,
    scripted_services,
    stop,
    text,
    thinking,
    tool_use,
)
from support.contract import Contract
from support.dialects import client

MESSAGE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
}
CHAT = {key: MESSAGE[key] for key in ("model", "messages")}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "look"}}
RESPONSE = {"model": "tiny", "input": "Hello"}
BODIES: dict[str, list[dict[str, Any]]] = {
    "/v1/messages": [MESSAGE, MESSAGE | {"tools": [TOOL], "thinking": {"type": "adaptive"}}],
    "/v1/messages/count_tokens": [CHAT],
    "/v1/chat/completions": [
        CHAT | {"tools": [FUNCTION]},
        CHAT | {"n": 2, "logprobs": True, "stream_options": {"include_usage": True}},
    ],
    "/v1/responses": [
        RESPONSE,
        RESPONSE | {"tools": [{"type": "function", "name": "look"}], "text": {"verbosity": "low"}},
        RESPONSE | {"input": [{"role": "user", "content": "Hello"}], "metadata": {"a": "b"}},
    ],
    "/v1/responses/input_tokens": [RESPONSE],
    "/v1/responses/compact": [RESPONSE],
    "/v1/completions": [
        {"model": "tiny", "prompt": "Hello", "echo": True},
        {"model": "tiny", "prompt": ["a", "b"], "logprobs": 1},
    ],
    "/v1/moderations": [{"input": "Hello", "model": "omni"}],
    "/v1/embeddings": [
        {"model": "mini", "input": "Hello"},
        {"model": "mini", "input": ["a", "b"], "encoding_format": "base64"},
    ],
}
STORED = ("/v1/conversations", "/v1/files", "/v1/uploads", "/v1/batches", "/v1/messages/batches")
STREAMED = ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/completions")
SCRIPTS: list[list[Step]] = [
    [START, *text("Hello", " world"), stop()],
    [START, *thinking("Hm."), *text("A", index=1), *tool_use("look", "{}", index=2), stop()],
    [START, *text("cut"), stop("max_tokens")],
    [START, *text("a")[:2], EngineCrashed("Died.")],
]
ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(scripted_services(ScriptedGateway()))


@pytest.fixture(scope="module")
def contract(app: FastAPI) -> Contract:
    return Contract.of(app)


def test_every_path_of_the_dialects_is_described(contract: Contract) -> None:
    served = {
        (method.upper(), path)
        for path, item in contract.document["paths"].items()
        for method in item
        if path.startswith("/v1/")
    }
    assert served == set(OPERATIONS)
    # What is kept is tried by test_openapi_stored.py and test_openapi_records.py, pictures by
    # test_openai_images.py.
    apart = (*STORED, "/v1/images/")
    posts = {path for method, path in served if method == "POST" and not path.startswith(apart)}
    posts = {path for path in posts if "{" not in path}
    assert {path for path in posts if OPERATIONS["POST", path][0].body} == set(BODIES)


def test_all_schemas_are_sound_and_all_references_lead_somewhere(contract: Contract) -> None:
    schemas = contract.document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(references(inner) for inner in value.values()))
        if isinstance(value, list):
            return set().union(*(references(inner) for inner in value))
        return set()

    assert references(contract.document) <= {f"#/components/schemas/{name}" for name in schemas}
    ids = [o["operationId"] for i in contract.document["paths"].values() for o in i.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("path", BODIES)
async def test_answers_are_as_the_document_says(
    contract: Contract, path: str, script: list[Step], stream: bool
) -> None:
    if stream and path not in STREAMED:
        return
    async with client(ScriptedGateway(*script)) as http:
        for body in BODIES[path]:
            sent = body | {"stream": True} if stream else body
            assert contract.body_is_valid(path, sent)
            contract.check("POST", path, await http.post(path, json=sent))


async def test_judgements_are_as_the_document_says(contract: Contract) -> None:
    found = json.dumps({name: name == "hate" for name in CATEGORIES})
    async with client(ScriptedGateway(START, *text(found), stop())) as http:
        body = {"input": ["a", "b"], "model": "plain"}
        answer = await http.post("/v1/moderations", json=body)
        assert answer.status_code == 200
        contract.check("POST", "/v1/moderations", answer)


@pytest.mark.parametrize("headers", [{}, ANTHROPIC])
async def test_models_are_as_the_document_says(contract: Contract, headers: dict[str, str]) -> None:
    async with client(ScriptedGateway()) as http:
        answer = await http.get("/v1/models", headers=headers)
        contract.check("GET", "/v1/models", answer)
        for name in ("tiny", "nope"):
            answer = await http.get(f"/v1/models/{name}", headers=headers)
            contract.check("GET", "/v1/models/{model_id}", answer)


@pytest.mark.parametrize("path", BODIES)
async def test_errors_are_as_the_document_says(contract: Contract, path: str) -> None:
    body = BODIES[path][0]
    seen = set()
    packed = {"content-encoding": "br"}
    async with client(ScriptedGateway(), max_body_bytes=2000) as http:
        for answer in (
            await http.post(path, content=b"{"),
            await http.post(path, json=body | {"nope": 1}),
            await http.post(path, json=body | {"model": "nope"}),
            await http.post(path, json=body, headers={"authorization": "Bearer x"}),
            await http.post(path, content=b" " * 2001),
            await http.post(path, json=body, headers=packed),
            await http.post(path, json=body, headers={"content-type": "text/plain"}),
        ):
            contract.check("POST", path, answer)
            seen.add(answer.status_code)
        named = {"idempotency-key": "a"}
        await http.post(path, json=body, headers=named)
        answer = await http.post(path, json=body | {"x": 1}, headers=named)
        contract.check("POST", path, answer)
        seen.add(answer.status_code)
    async with client(ScriptedGateway(), grant=Grant(scopes=frozenset({"files"}))) as http:
        answer = await http.post(path, json=body)
        contract.check("POST", path, answer)
        seen.add(answer.status_code)
    async with client(ScriptedGateway(), grant=Grant(limits=RateLimits(requests=1))) as http:
        for _ in range(2):
            answer = await http.post(path, json=body)
            contract.check("POST", path, answer)
        seen.add(answer.status_code)
    expected = {400, 401, 403, 404, 413, 415, 422, 429}
    # What is never answered is never kept for a repetition.
    assert seen == (expected - {422} if path == "/v1/moderations" else expected)


@pytest.mark.parametrize("error", [Overloaded("Wait."), ZeroDivisionError()])
@pytest.mark.parametrize("path", STREAMED)
async def test_failures_are_as_the_document_says(
    contract: Contract, path: str, error: Exception
) -> None:
    async with client(ScriptedGateway(error)) as http:
        answer = await http.post(path, json=BODIES[path][0])
    assert answer.status_code >= 500
    contract.check("POST", path, answer)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/v1/messages", {"max_tokens": -1}),
        ("/v1/messages", {"max_tokens": "9"}),
        ("/v1/messages", {"messages": [{"role": "robot", "content": ""}]}),
        ("/v1/chat/completions", {"messages": []}),
        ("/v1/chat/completions", {"temperature": 3}),
        ("/v1/responses", {"input": [{"type": "message", "role": "user"}]}),
        ("/v1/embeddings", {"input": ""}),
    ],
)
async def test_what_the_document_forbids_is_refused(
    contract: Contract, path: str, wrong: dict[str, Any]
) -> None:
    body = BODIES[path][0] | wrong
    assert not contract.body_is_valid(path, body)
    async with client(ScriptedGateway()) as http:
        assert (await http.post(path, json=body)).status_code == 400


async def test_document_and_page_are_made_once_and_ask_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import httpx

    from consigne.api.openapi import document

    made, build = [], document.build
    monkeypatch.setattr(document, "build", lambda app: made.append(1) or build(app))
    app = create_app(scripted_services(ScriptedGateway()))
    assert made == [], "the start does not wait for it"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
        told = await http.get("/api/openapi.json")
        page = await http.get("/api/docs")
        again = await http.get("/api/docs", headers={"if-none-match": page.headers["etag"]})
    assert made == [1]
    assert told.json()["openapi"].startswith("3.1")
    assert again.status_code == 304
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    for outside in ("http://", "https://", "<script", "src="):
        assert outside not in page.text
    for path in told.json()["paths"]:
        assert path in page.text
