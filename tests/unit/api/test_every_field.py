"""No documented field is taken and then ignored: the SDKs' own types say which fields there are.

Each field is honoured (the engine is asked for something else), refused by name, told in the
answer, or named here as a hint that changes no answer. A field that a new SDK adds fails here.
"""

import json
from typing import Any, get_type_hints

import pytest
from anthropic.types import message_create_params as messages
from anthropic.types.beta import message_create_params as beta
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import completion_create_params as completions
from openai.types import embedding_create_params as embeddings
from openai.types.chat import completion_create_params as chat

from doubles.scripted import ScriptedGateway
from support.dialects import client

TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
FUNCTIONS = [{"type": "function", "function": FUNCTION}]
SCHEMA = {"type": "object", "properties": {}}
USER = [{"role": "user", "content": "Hi"}]
ANSWERED = [*USER, {"role": "assistant", "content": "I"}]
OLD = {"anthropic-version": "2023-06-01"}

BASES: dict[str, dict[str, Any]] = {
    "/v1/messages": {"model": "tiny", "max_tokens": 9, "messages": USER},
    "/v1/chat/completions": {"model": "tiny", "messages": USER},
    "/v1/completions": {"model": "tiny", "prompt": "Hi"},
}
HONOURED: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "metadata": {"user_id": "u"},
        "model": "plain",
        "max_tokens": 5,
        "messages": ANSWERED,
        "system": "Be brief.",
        "stop_sequences": ["END"],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": TOOLS,
        "tool_choice": {"type": "none"},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "output_format": {"type": "json_schema", "schema": SCHEMA},
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
    },
    "/v1/chat/completions": {
        "safety_identifier": "s",
        "user": "u",
        "model": "plain",
        "messages": ANSWERED,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "function_call": "none",
        "functions": [FUNCTION],
        "tools": FUNCTIONS,
        "tool_choice": "none",
        "logit_bias": {"5": 1},
        "logprobs": True,
        "max_completion_tokens": 5,
        "max_tokens": 5,
        "n": 2,
        "reasoning_effort": "none",
        "response_format": {"type": "json_object"},
        "seed": 7,
        "stop": "END",
        "temperature": 0.5,
        "top_p": 0.5,
        "top_k": 5,
        "min_p": 0.5,
        "verbosity": "high",
        "repetition_penalty": 1.5,
        "guided_json": SCHEMA,
        "structured_outputs": {"json": SCHEMA},
        "chat_template_kwargs": {"enable_thinking": False},
    },
    "/v1/completions": {
        "model": "plain",
        "prompt": [1, 2],
        "best_of": 2,
        "frequency_penalty": 0.5,
        "presence_penalty": 0.5,
        "logprobs": 1,
        "max_tokens": 5,
        "n": 2,
        "seed": 7,
        "stop": "END",
        "temperature": 0.5,
        "top_p": 0.5,
    },
}
REFUSED: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "billing_policy": {"type": "x"},
        "compaction": {"type": "x"},
        "container": "c",
        "fallback_credit_token": "t",
        "fallbacks": [{"model": "plain"}],
        "inference_geo": "us",
        "mcp_servers": [{"type": "url", "url": "u", "name": "n"}],
        "speed": "fast",
        "thread": {"type": "create"},
    },
    "/v1/chat/completions": {
        "audio": {"voice": "a", "format": "wav"},
        "modalities": ["audio"],
        "moderation": {"model": "m"},
        "parallel_tool_calls": "yes",
        "web_search_options": {"search_context_size": "low"},
    },
    "/v1/completions": {"logit_bias": {"5": 1}, "suffix": "z"},
}
TOLD: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "cache_control": {"type": "ephemeral"},
        "context_management": {"edits": []},
        "diagnostics": {"previous_message_id": "msg_1"},
    },
    "/v1/chat/completions": {},
    "/v1/completions": {"echo": True},
}
HINTS: dict[str, dict[str, Any]] = {
    "/v1/messages": {"service_tier": "auto"},
    "/v1/chat/completions": {
        "prediction": {"type": "content", "content": "Hello"},
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "implicit"},
        "prompt_cache_retention": "24h",
        "service_tier": "auto",
    },
    "/v1/completions": {"user": "u"},
}
ELSEWHERE = {"stream", "stream_options", "top_logprobs", "store", "metadata", "betas"}
"""Fields with tests of their own; ``betas`` and the next two are headers."""
HEADERS = {"user_profile_id", "workspace_id"}
NEEDS: dict[str, dict[str, Any]] = {
    "tool_choice": {"tools": TOOLS},
    "/v1/chat/completions tool_choice": {"tools": FUNCTIONS},
    "function_call": {"functions": [FUNCTION]},
}
KINDS = (HONOURED, REFUSED, TOLD, HINTS)


def cases(kind: dict[str, dict[str, Any]]) -> list[Any]:
    """Return each path, field and value."""
    return [
        pytest.param(path, name, value, id=f"{path} {name}")
        for path, fields in kind.items()
        for name, value in fields.items()
    ]


async def post(path: str, body: dict[str, Any]) -> tuple[int, Any, list[Any]]:
    """Return the status, the answer and what the engine was asked."""
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        got = await http.post(path, json=body, headers=OLD if "messages" in path else {})
    return got.status_code, got.json(), gateway.requests


def base(path: str, name: str) -> dict[str, Any]:
    """Return a request to which the field can be added."""
    return BASES[path] | NEEDS.get(f"{path} {name}", NEEDS.get(name, {}))


@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("/v1/messages", (messages.MessageCreateParamsBase, beta.MessageCreateParamsBase)),
        ("/v1/chat/completions", (chat.CompletionCreateParamsBase,)),
        ("/v1/completions", (completions.CompletionCreateParamsBase,)),
    ],
)
def test_every_field_of_the_sdk_is_known(path: str, types: tuple[type, ...]) -> None:
    documented = {name for each in types for name in get_type_hints(each)}
    known = {name for kind in KINDS for name in kind[path]}
    assert documented - known - ELSEWHERE - HEADERS == set()


def test_every_field_of_embeddings_is_known() -> None:
    known = {"input", "model", "dimensions", "encoding_format", "user"}
    assert set(get_type_hints(embeddings.EmbeddingCreateParams)) == known


@pytest.mark.parametrize(("path", "name", "value"), cases(HONOURED))
async def test_it_changes_what_the_engine_is_asked(path: str, name: str, value: Any) -> None:
    _, _, before = await post(path, base(path, name))
    status, answer, after = await post(path, base(path, name) | {name: value})
    assert status == 200, answer
    assert after != before


@pytest.mark.parametrize(("path", "name", "value"), cases(REFUSED))
async def test_it_is_refused_by_name(path: str, name: str, value: Any) -> None:
    status, answer, asked = await post(path, base(path, name) | {name: value})
    assert status == 400
    assert asked == []
    assert name in (answer["error"].get("param") or answer["error"]["message"])


@pytest.mark.parametrize(("path", "name", "value"), cases(TOLD))
async def test_it_changes_what_is_told(path: str, name: str, value: Any) -> None:
    _, before, _ = await post(path, base(path, name))
    status, after, _ = await post(path, base(path, name) | {name: value})
    assert status == 200
    ids = {"id": None, "created": None}
    assert after | ids != before | ids


@pytest.mark.parametrize(("path", "name", "value"), cases(HINTS))
async def test_a_hint_changes_nothing(path: str, name: str, value: Any) -> None:
    _, _, before = await post(path, base(path, name))
    status, _, after = await post(path, base(path, name) | {name: value})
    assert status == 200
    assert after == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def bodies(path: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies of documented fields: their good values, and anything in their place."""
    good = {name: value for kind in KINDS for name, value in kind[path].items()}
    fields = {name: st.just(value) | JSON for name, value in good.items()}
    return st.fixed_dictionaries({}, optional=fields).map(lambda found: BASES[path] | found)


@pytest.mark.parametrize("path", list(BASES))
@settings(max_examples=25)
@given(data=st.data())
async def test_whatever_comes_is_answered_in_the_dialect(path: str, data: st.DataObject) -> None:
    body = data.draw(bodies(path))
    try:
        json.dumps(body).encode()
    except UnicodeEncodeError:
        return
    status, answer, _ = await post(path, body)
    assert status in (200, 400, 404), answer
    if status != 200:
        error = answer["error"]
        assert error["message"]
        assert error["type"] in ("invalid_request_error", "not_found_error")
        assert ("type" in answer) == (path == "/v1/messages")
