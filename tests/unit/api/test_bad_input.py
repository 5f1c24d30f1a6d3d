"""Whatever a client sends, it hears of its mistake in its own dialect, and never of ours."""

import copy
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consigne.api.openai.responses.sealed import seal
from consigne.domain.errors import InvalidRequest
from doubles.scripted import ScriptedGateway
from support.dialects import client

ANTHROPIC: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm", "signature": ""},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "2"}]},
    ],
    "stop_sequences": ["END"],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"},
    "stream": False,
}
CHAT: dict[str, Any] = {
    "model": "tiny",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "2"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {}}},
    "n": 2,
    "seed": 1,
    "stop": ["END"],
    "max_tokens": 9,
    "temperature": 1.5,
    "logprobs": True,
    "top_logprobs": 2,
    "stream": False,
    "store": True,
    "metadata": {"k": "v"},
}
RESPONSES: dict[str, Any] = {
    "model": "tiny",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "2"},
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": seal("Hm")},
        {"type": "compaction", "encrypted_content": seal("All.")},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}},
    "reasoning": {"effort": "low", "summary": "auto", "context": "current_turn"},
    "max_output_tokens": 9,
    "stream": False,
    "background": False,
    "store": True,
    "include": ["reasoning.encrypted_content"],
    "truncation": "auto",
    "metadata": {"k": "v"},
    "service_tier": "auto",
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
}
INPUT_TOKENS = {
    key: RESPONSES[key]
    for key in ("model", "input", "instructions", "reasoning", "text", "tools", "truncation")
}
COMPACT = {key: RESPONSES[key] for key in ("model", "input", "instructions", "service_tier")}
CONVERSATION = {"items": RESPONSES["input"], "metadata": {"k": "v"}}
EMBEDDINGS: dict[str, Any] = {"model": "mini", "input": ["a", "b"], "encoding_format": "float"}
COUNT = {key: ANTHROPIC[key] for key in ("model", "system", "messages", "tools")}
ENDPOINTS = {
    "/v1/messages": ANTHROPIC,
    "/v1/messages/count_tokens": COUNT,
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
    "/v1/responses/input_tokens": INPUT_TOKENS,
    "/v1/responses/compact": COMPACT,
    "/v1/conversations": CONVERSATION,
    "/v1/embeddings": EMBEDDINGS,
}
HEADERS = {"content-type": "application/json"}

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 2**31, 2**63, 2**64, -(2**70), 10**30]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "\x00", "a\x00b", "x" * 5000, "\U0001f600", "{", "data:,", "http://["]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2), max_leaves=10),
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where a body can be changed."""
    found = [at] if at else []
    items: Any = []
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inner in items:
        found.extend(paths(inner, (*at, key)))
    return found


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """Change a valid body in a few places: other values, fields left out, fields added."""
    path = draw(st.sampled_from(sorted(ENDPOINTS)))
    body = copy.deepcopy(ENDPOINTS[path])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(paths(body)))
        parent: Any = body
        for key in place[:-1]:
            parent = parent[key]
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "replace":
            parent[place[-1]] = draw(odd_values)
        elif kind == "remove":
            del parent[place[-1]]
        elif isinstance(parent, dict):
            parent[draw(st.text(max_size=10))] = draw(odd_values)
        if not paths(body):
            break
    return path, body


def check(path: str, answer: httpx.Response) -> None:
    """Check that the answer is one, or an error of the client's in the client's dialect."""
    assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
    if answer.status_code == 200:
        return
    body = answer.json()
    assert "Traceback" not in answer.text
    if path.startswith("/v1/messages"):
        assert set(body) == {"type", "error", "request_id"}
        assert set(body["error"]) == {"type", "message"}
    else:
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]


fuzz = settings(max_examples=150)


@pytest.fixture
async def http() -> Any:
    """A client of both dialects."""
    async with client(ScriptedGateway()) as opened:
        yield opened


async def test_the_bodies_that_are_mutated_are_valid_as_they_are(http: httpx.AsyncClient) -> None:
    for path, body in ENDPOINTS.items():
        answer = await http.post(path, json=body)
        assert answer.status_code == 200, (path, answer.text)


@fuzz
@given(mutated())
async def test_changed_bodies(http: httpx.AsyncClient, case: tuple[str, Any]) -> None:
    path, body = case
    answer = await http.post(path, content=json.dumps(body), headers=HEADERS)
    check(path, answer)


@fuzz
@given(st.sampled_from(sorted(ENDPOINTS)), st.binary(max_size=200))
async def test_bytes_that_are_no_json(http: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await http.post(path, content=body, headers=HEADERS)
    check(path, answer)
    assert answer.status_code == 400


@fuzz
@given(st.sampled_from(sorted(ENDPOINTS)), st.data())
async def test_bodies_with_damaged_bytes(
    http: httpx.AsyncClient, path: str, data: st.DataObject
) -> None:
    body = bytearray(json.dumps(ENDPOINTS[path]).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    check(path, await http.post(path, content=bytes(body), headers=HEADERS))


@pytest.mark.parametrize("path", sorted(ENDPOINTS))
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{" * 5000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"model":"tiny","model":"\\ud800"}',
        b'{"model":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"model":"tiny"}',
        '{"model":"tiny"}'.encode("utf-16"),
        b'{"model":NaN}',
        b'{"model":"tiny","max_tokens":' + b"9" * 10_000 + b"}",
        b'{"model":"tiny","messages":[],"messages":[]}',
    ],
)
async def test_known_traps(http: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await http.post(path, content=body, headers=HEADERS)
    check(path, answer)
    assert answer.status_code == 400


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", str(10**30)])
async def test_numbers_that_no_engine_carries(http: httpx.AsyncClient, number: str) -> None:
    for path, field in (("/v1/messages", "temperature"), ("/v1/chat/completions", "top_p")):
        body = json.dumps(ENDPOINTS[path] | {field: "HERE"}).replace('"HERE"', number)
        answer = await http.post(path, content=body, headers=HEADERS)
        check(path, answer)
        assert answer.status_code == 400
        assert field in answer.json()["error"]["message"]
    tool = {"name": "f", "input_schema": {"type": "object", "default": {"deep": ["HERE"]}}}
    text = json.dumps(ANTHROPIC | {"tools": [tool]}).replace('"HERE"', number)
    answer = await http.post("/v1/messages", content=text, headers=HEADERS)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("tools.0.input_schema: ")


async def test_nul_in_text_is_text() -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        message = {"role": "user", "content": "a\x00b"}
        answer = await http.post("/v1/messages", json=ANTHROPIC | {"messages": [message]})
    assert answer.status_code == 200
    assert gateway.requests[0].messages[0].text == "a\x00b"


async def test_what_the_engine_refuses_is_the_clients_mistake() -> None:
    refusal = InvalidRequest("The schema can't be compiled.", param="tools.0.input_schema")
    async with client(ScriptedGateway(refusal)) as http:
        for path in ("/v1/messages", "/v1/chat/completions", "/v1/responses"):
            for stream in (False, True):
                answer = await http.post(path, json=ENDPOINTS[path] | {"stream": stream})
                assert answer.status_code == 400
                check(path, answer)
