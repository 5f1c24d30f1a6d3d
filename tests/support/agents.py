"""A coding agent's first request, in the shape and size that Claude Code sends it."""

from typing import Any, Final

SIZE_BYTES: Final = 76_000
CACHED: Final = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
BETAS: Final = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,effort-2025-11-24,adaptive-thinking-2026-01-28,"
    "unheard-of-2027-01-01"
)
HEADERS: Final = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETAS,
    "user-agent": "claude-cli/2.1 (external, cli)",
    "x-app": "cli",
    "x-stainless-lang": "js",
}
_NAMES: Final = ("Bash", "Edit", "Glob", "Grep", "Read", "Task", "TodoWrite", "WebFetch", "Write")


def claude_code(model: str, size: int = SIZE_BYTES) -> dict[str, Any]:
    """Return a request of about ``size`` bytes of JSON: system, tools and a first question."""
    share = size // 100
    rules = "Keep to the user's instructions. " * (30 * share // 33)
    return {
        "model": model,
        "max_tokens": 32000,
        "system": [
            {"type": "text", "text": "x-billing-header: cc_version=2.1"},
            {"type": "text", "text": "You are an agent.", **CACHED},
            {"type": "text", "text": rules, **CACHED},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>Mind the time.</system-reminder>"},
                    {"type": "text", "text": "Say hello.", **CACHED},
                ],
            }
        ],
        "tools": [_tool(name, 65 * share // len(_NAMES)) for name in _NAMES],
        "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "stream": True,
    }


def _tool(name: str, size: int) -> dict[str, Any]:
    sentence = f"Use {name} with care. "
    return {
        "name": name,
        "description": sentence * (size // len(sentence)),
        "input_schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "command": {"type": "string", "description": "What to do."},
                "timeout": {"type": "number", "exclusiveMinimum": 0},
            },
            "required": ["command"],
            "additionalProperties": False,
        },
        "eager_input_streaming": True,
    }
