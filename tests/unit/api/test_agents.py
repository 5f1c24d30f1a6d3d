"""Coding agents' requests, in the shapes they were seen on the wire, are taken as they come."""

import json
from typing import Any

from consigne.domain.errors import ContextTooLong
from consigne.domain.messages import (
    Message,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from doubles.scripted import START, ScriptedGateway, stop, thinking, tool_use
from support import agents
from support.dialects import client

CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
CLAUDE_CODE: dict[str, Any] = {
    "model": "tiny",
    "max_tokens": 32000,
    "system": [
        {"type": "text", "text": "billing header"},
        {"type": "text", "text": "You are an agent.", **CACHED},
        {"type": "text", "text": "Rules.", **CACHED},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hello", **CACHED}]},
        {"role": "system", "content": "Mind the time."},
    ],
    "tools": [
        {
            "name": "Bash",
            "description": "Run a command.",
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
                "additionalProperties": False,
            },
            "eager_input_streaming": True,
            **CACHED,
        }
    ],
    "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "medium"},
    "stream": True,
}
CODEX: dict[str, Any] = {
    "model": "tiny",
    "instructions": "You are an agent.",
    "input": [
        {
            "type": "message",
            "id": "msg_1",
            "role": "developer",
            "content": [{"type": "input_text", "text": "Rules."}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hello"}],
        },
    ],
    "tools": [
        {
            "type": "function",
            "name": "shell",
            "description": "Run a command.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
        },
        {
            "type": "namespace",
            "name": "agents",
            "description": "Other agents.",
            "tools": [
                {
                    "type": "function",
                    "name": "spawn",
                    "description": "Start one.",
                    "strict": False,
                    "parameters": {"type": "object", "properties": {}},
                }
            ],
        },
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "k",
    "client_metadata": {"installation_id": "i"},
    "reasoning": None,
    "text": None,
}


async def test_claude_code() -> None:
    gateway = ScriptedGateway()
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14,unheard-of-2027-01-01"
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": betas}
    async with client(gateway) as http:
        answer = await http.post("/v1/messages?beta=true", json=CLAUDE_CODE, headers=headers)
        bare = CLAUDE_CODE | {"tools": []}
        assert (await http.post("/v1/messages", json=bare, headers=headers)).status_code == 200
    assert answer.status_code == 200, answer.text
    assert "message_stop" in answer.text
    asked = gateway.requests[0]
    assert asked.messages[1] == Message("system", (TextBlock("Mind the time."),))
    assert asked.max_tokens == 32000
    assert [tool.name for tool in asked.tools] == ["Bash"]


async def test_codex() -> None:
    gateway = ScriptedGateway()
    async with client(gateway) as http:
        answer = await http.post("/v1/responses", json=CODEX)
    assert answer.status_code == 200, answer.text
    assert "response.completed" in answer.text
    asked = gateway.requests[0]
    assert asked.system == (TextBlock("You are an agent."), TextBlock("Rules."))
    assert [tool.name for tool in asked.tools] == ["shell", "agents__spawn"]


async def test_codex_carries_its_tool_call_and_reasoning_back() -> None:
    """Nothing is kept here for it: the second request says all, and means what the first told."""
    called = tool_use("agents__spawn", '{"task": "x"}', index=1)
    gateway = ScriptedGateway(START, *thinking("Hm"), *called, stop("tool_use"))
    async with client(gateway) as http:
        answer = await http.post("/v1/responses", json=CODEX)
        last = answer.text.strip().split("\n\n")[-2]
        told = json.loads(last.partition("\ndata: ")[2])["response"]
        assert told["usage"]["total_tokens"] == 17
        carried = [
            {key: value for key, value in item.items() if key not in ("id", "status", "content")}
            for item in told["output"]
        ]
        assert carried[1]["namespace"] == "agents"
        result = {"type": "function_call_output", "call_id": "toolu_1", "output": "done"}
        items = [*CODEX["input"], *carried, result]
        again = await http.post("/v1/responses", json=CODEX | {"input": items})
        assert (await http.get(f"/v1/responses/{told['id']}")).status_code == 404
    assert again.status_code == 200, again.text
    assert gateway.requests[1].messages[1:] == (
        Message(
            "assistant",
            (ThinkingBlock("Hm"), ToolUseBlock("toolu_1", "agents__spawn", {"task": "x"})),
        ),
        Message("user", (ToolResultBlock("toolu_1", (TextBlock("done"),)),)),
    )


async def test_claude_codes_request_in_its_full_size() -> None:
    gateway = ScriptedGateway()
    body = agents.claude_code("tiny")
    assert 70_000 < len(json.dumps(body)) < 80_000
    async with client(gateway) as http:
        answer = await http.post("/v1/messages?beta=true", json=body, headers=agents.HEADERS)
        counted = await http.post(
            "/v1/messages/count_tokens?beta=true",
            json={name: body[name] for name in ("model", "messages", "system", "tools")},
            headers=agents.HEADERS,
        )
    assert answer.status_code == 200, answer.text
    assert '"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":8}' in (
        answer.text
    )
    assert '"context_management":{"applied_edits":[]}' in answer.text
    assert counted.json() == {"input_tokens": 42}
    assert len(gateway.requests[0].tools) == 9
    assert len(gateway.requests[0].system) == 3


async def test_a_prompt_beyond_the_context_is_told_in_the_words_agents_look_for() -> None:
    gateway = ScriptedGateway(ContextTooLong("The prompt has 9 tokens.", param="messages"))
    body = agents.claude_code("tiny")
    async with client(gateway) as http:
        answer = await http.post("/v1/messages?beta=true", json=body, headers=agents.HEADERS)
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "type": "invalid_request_error",
        "message": "prompt is too long: The prompt has 9 tokens.",
    }


async def test_a_thread_is_refused_in_the_way_that_tool_runners_know() -> None:
    body = agents.claude_code("plain") | {"thread": {"type": "create"}, "stream": False}
    async with client(ScriptedGateway()) as http:
        answer = await http.post("/v1/messages", json=body, headers=agents.HEADERS)
    assert answer.status_code == 400
    details = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    assert answer.json()["error"]["details"] == details
