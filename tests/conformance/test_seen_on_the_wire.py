"""What clients were seen to send and to need, each said once to the real server."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest
from openai.types.responses import Response

from support import agents
from support.server import ServerProcess

pytestmark = pytest.mark.slow

MODEL = "smollm2-135m-instruct"
HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}
MESSAGE: dict[str, Any] = {"model": MODEL, "max_tokens": 2, "messages": [HELLO]}
OLD, LATER = "2023-06-01", "2026-10-21"


@pytest.fixture(scope="module")
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=server.url, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def bearer(server: ServerProcess) -> dict[str, str]:
    return {"authorization": f"Bearer {server.key}"}


def test_the_first_call_of_an_agent(http: httpx.Client) -> None:
    assert http.head("/").status_code == 200


@pytest.mark.parametrize("version", [OLD, LATER, None])
@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_both_headers_and_both_versions_on_every_path(
    server: ServerProcess, http: httpx.Client, header: str, version: str | None
) -> None:
    secret = server.key if header == "x-api-key" else f"Bearer {server.key}"
    headers = {header: secret} | ({"anthropic-version": version} if version else {})
    upload = {"file": ("a.txt", b"a", "text/plain")}
    fields = {} if version else {"purpose": "user_data"}
    made = http.post("/v1/files", files=upload, data=fields, headers=headers)
    assert made.status_code == 200, made.text
    file = f"/v1/files/{made.json()['id']}"
    for path in ("/v1/models", f"/v1/models/{MODEL}", "/v1/files", file):
        assert http.get(path, headers=headers).status_code == 200, path
    assert http.delete(file, headers=headers).status_code == 200
    counted = {"model": MODEL, "messages": [HELLO]}
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("/v1/messages", MESSAGE),
        ("/v1/messages/count_tokens", counted),
        ("/v1/chat/completions", counted | {"max_tokens": 2}),
        ("/v1/responses", {"model": MODEL, "input": "Hello", "max_output_tokens": 16}),
        ("/v1/completions", {"model": MODEL, "prompt": "Hello", "max_tokens": 2}),
        ("/v1/embeddings", {"model": "all-minilm-l6-v2", "input": "Hello"}),
        ("/v1/conversations", {}),
    )
    for path, body in asked:
        got = http.post(path, json=body, headers=headers)
        assert got.status_code == 200, (path, got.text)
    batches = "/v1/messages/batches" if version else "/v1/batches"
    assert http.get(batches, headers=headers).status_code == 200
    wrong = {header: secret[:-4] + "none"} | ({"anthropic-version": version} if version else {})
    refused = http.get("/v1/models", headers=wrong)
    assert refused.status_code == 401
    assert ("type" in refused.json()) == bool(version)


def test_what_the_later_version_has_given_up(http: httpx.Client, bearer: dict[str, str]) -> None:
    paper = {"type": "document", "source": {"type": "text", "data": "x"}}
    cited = {"type": "text", "text": "x", "citations": [{}]}
    for fields in (
        {"temperature": 1},
        {"top_p": 1},
        {"top_k": 0},
        {"messages": [HELLO, {"role": "assistant", "content": [paper]}]},
        {"messages": [{"role": "user", "content": [cited]}]},
    ):
        for version, status in ((OLD, 200), (LATER, 400)):
            headers = bearer | {"anthropic-version": version}
            got = http.post("/v1/messages", json=MESSAGE | fields, headers=headers)
            if "content" in str(fields.get("messages")) and version == OLD:
                continue  # what this model reads of it is its own affair
            assert got.status_code == status, (fields, version, got.text)


def test_an_agents_request(http: httpx.Client, bearer: dict[str, str]) -> None:
    """``max_tokens`` beyond the context, betas unheard of, marks, tools or none; and its size."""
    headers = bearer | agents.HEADERS
    small = agents.claude_code(MODEL, 1000) | {"stop_sequences": ["e", "a"]}
    for body in (small, small | {"tools": []}):
        got = http.post("/v1/messages?beta=true", json=body, headers=headers)
        assert got.status_code == 200, got.text
        assert "event: message_stop" in got.text
    full = agents.claude_code(MODEL)
    assert 70_000 < len(json.dumps(full)) < 80_000
    counted = {key: full[key] for key in ("model", "system", "tools", "messages")}
    told = http.post("/v1/messages/count_tokens?beta=true", json=counted, headers=headers)
    assert told.json()["input_tokens"] > 10_000, told.text


def test_an_agents_response(http: httpx.Client, bearer: dict[str, str]) -> None:
    """Items without ``type``, tools that are not run here, and what ends the stream."""
    inner = {"type": "function", "name": "spawn", "parameters": {"type": "object"}}
    body = {
        "model": MODEL,
        "input": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
            {"id": "msg_1", "role": "user", "content": "And?"},
        ],
        "tools": [
            {"type": "namespace", "name": "agents", "description": "", "tools": [inner]},
            {"type": "web_search"},
        ],
        "tool_choice": "none",
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "k",
        "client_metadata": {"installation_id": "i"},
        "max_output_tokens": 16,
    }
    with http.stream("POST", "/v1/responses", json=body | {"stream": True}, headers=bearer) as got:
        lines = [line for line in got.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    last = json.loads(lines[-2].removeprefix("data: "))
    told = last["response"]
    assert last["type"] == f"response.{told['status']}"
    assert told["usage"]["total_tokens"] > 0
    assert told["status"] == "completed" or told["incomplete_details"]["reason"]
    assert set(Response.model_fields) <= set(told)
    demanded = body | {"tool_choice": {"type": "web_search"}}
    refused = http.post("/v1/responses", json=demanded, headers=bearer)
    assert refused.status_code == 400
    assert "web_search" in refused.json()["error"]["message"]


def test_a_cut_answer_is_incomplete(http: httpx.Client, bearer: dict[str, str]) -> None:
    asked = {"model": MODEL, "input": "Tell a long story.", "max_output_tokens": 16}
    asked["temperature"] = 0
    told = http.post("/v1/responses", json=asked, headers=bearer).json()
    assert told["status"] == "incomplete"
    assert told["incomplete_details"] == {"reason": "max_output_tokens"}


def test_errors_keep_their_message(server: ServerProcess) -> None:
    claude = anthropic.Anthropic(base_url=server.url, api_key=server.key, max_retries=0)
    gpt = openai.OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)
    unknown: Any = {"model": "none-such", "messages": [HELLO]}
    with claude, gpt:
        with pytest.raises(anthropic.NotFoundError, match="none-such"):
            claude.messages.create(**unknown, max_tokens=1)
        with pytest.raises(openai.NotFoundError, match="none-such"):
            gpt.chat.completions.create(**unknown)
